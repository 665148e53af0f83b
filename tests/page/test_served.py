"""The page of a run that goes on, served to a real browser: what it shows meanwhile, and what it must not disturb."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from quantstudy.records.folders import weights_file
from quantstudy.records.progress import Progress, Stage
from quantstudy.records.run import Run
from quantstudy.show.page.begun import begun_text
from quantstudy.show.serve import Page, PageServer, Site
from quantstudy.words.progress import progress_sentence, stages_of

pytestmark = pytest.mark.slow

NAMES = ("relu", "silu")
EARLY = (Stage("train", 3, 8), Stage("picture", 0, 2), Stage("draw", 0, 12))
LATER = (Stage("train", 8, 8), Stage("recover", 1, 2), Stage("picture", 0, 2), Stage("draw", 0, 13))

Follow = Callable[..., Any]


@dataclass
class Going:
    """A run that goes on as a test says."""

    run: Run
    stages: tuple[Stage, ...] = EARLY
    version: str = "a"

    @property
    def progress(self) -> Progress:
        return Progress(self.stages, NAMES, 2, 0.0)

    def page(self) -> Page:
        trained = {name: load_file(self.run.folder / weights_file(name)) for name in NAMES}
        return Page(begun_text(self.run, self.progress, trained).encode(), self.version)

    def state(self) -> dict[str, Any]:
        sentence = progress_sentence(self.progress, Path("run"))
        told = {"state": "running", "version": self.version, "sentence": sentence}
        return told | {"progress": stages_of(self.progress)}


@pytest.fixture
def going(small_run: Run) -> Going:
    return Going(small_run)


@pytest.fixture
def followed(going: Going, browser: Any) -> Iterator[Any]:
    """Return the page in a browser, with what it complains of in `said`."""
    with PageServer(Site(going.page, going.state, lambda _: None), 0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        page = context.new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.goto(f"http://127.0.0.1:{server.port}/#weights=3")
        yield page
        context.close()
        server.shutdown()


def told(page: Any) -> list[str]:
    return [str(text).strip() for text in page.locator(".stages li").all_text_contents()]


def bars(page: Any) -> list[list[int]]:
    """Return how much is done and how much there is, of each stage."""
    return list(page.locator(".stages progress").evaluate_all("all => all.map((bar) => [bar.value, bar.max])"))


def asked_again(page: Any, times: int = 1) -> None:
    """Wait until the page has asked how far the run is."""
    for _ in range(times):
        with page.expect_response("**/state"):
            pass
    page.wait_for_timeout(100)


def test_a_stage_that_becomes_known_is_shown_as_what_it_is(going: Going, followed: Any) -> None:
    assert told(followed) == [stage["text"] for stage in stages_of(going.progress)]
    assert bars(followed) == [[3, 8], [0, 2], [0, 12]]
    going.stages = LATER
    asked_again(followed)
    assert told(followed) == [
        *("training networks: 8 of 8", "repairing networks: 1 of 2"),
        *("evaluating the median seed: 0 of 2", "judging and drawing: 0 of 13"),
    ]
    assert bars(followed) == [[8, 8], [1, 2], [0, 2], [0, 13]]
    assert followed.locator("#served").text_content() == "This run is repairing networks: 1 of 2 parts is done."
    going.stages = EARLY
    asked_again(followed)
    assert bars(followed) == [[3, 8], [0, 2], [0, 12]]
    assert followed.said == []


def test_a_sentence_that_stays_is_not_said_again(followed: Any) -> None:
    asked_again(followed)
    followed.evaluate(
        "() => { window.changes = 0; for (const node of document.querySelectorAll('#served, .stages'))"
        " new MutationObserver((all) => (window.changes += all.length))"
        ".observe(node, {childList: true, subtree: true, characterData: true}); }"
    )
    asked_again(followed, 2)
    assert followed.evaluate("window.changes") == 0


def test_who_drags_is_not_disturbed(going: Going, followed: Any) -> None:
    followed.evaluate("() => { window.first = true; }")
    slider = followed.locator("#control-weights")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    followed.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    followed.mouse.down()
    going.version = "b"
    asked_again(followed, 2)
    assert followed.evaluate("window.first") is True
    followed.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
    chosen = followed.evaluate("location.hash")
    assert "weights=float" in chosen
    with followed.expect_event("load"):
        followed.mouse.up()
    assert followed.evaluate("[window.first ?? null, location.hash]") == [None, chosen]
    assert followed.evaluate("document.activeElement.id") == "control-weights"
    assert slider.evaluate("(node) => node.value") == slider.evaluate("(node) => node.max")
    assert followed.said == []

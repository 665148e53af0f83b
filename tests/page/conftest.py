"""A real run with its page, and a real browser to open it in."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.pipeline import run_study
from quantstudy.records.run import Run, reading_once
from quantstudy.show.page.report import page_text

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
OPTIONS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
EIGHT_BIT_FLOATS = ("wf8", "af8", "wf8af8")


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""


@pytest.fixture(scope="session")
def node() -> None:
    """Skip where JavaScript cannot be run."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: the page's scripts cannot be run here")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """All activations, two seeds, a plane of 24 × 24, at 4 and 8 bits and 8-bit floats, with repaired networks."""
    config = StudyConfig(seeds=2, steps=60, grid=24, bits=(4,), schemes=EIGHT_BIT_FLOATS)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("quantstudy.engine.drawing.draw_all", lambda *_, **__: None)
        return reading_once(run_study(config, tmp_path_factory.mktemp("page") / "a small run"))


@pytest.fixture(scope="session")
def small_page(small_run: Run) -> Path:
    """Return the path of its page."""
    path = small_run.folder.parent / "page with a space.html"
    path.write_text(page_text(small_run), "utf-8")
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Return a headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a file offline: (path, fragment, width, dark) → page, its complaints in `said`."""
    contexts = []

    def open_page(path: Path, fragment: str = "", width: int = 1280, **options: Any) -> Any:
        size = {"width": width, "height": 900}
        options = {"viewport": size, "offline": True, "reduced_motion": "reduce", **options}
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.said = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.said.append(request.url) if request.url != page.address else None)
        page.address = path.as_uri()
        page.goto(page.address + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()

"""What was found, in a real browser: a dot opens its network, or the page says that it does not hold it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.records.run import Run
from quantstudy.show.page.live import data
from quantstudy.show.page.report import page_text

Open = Callable[..., Any]

pytestmark = pytest.mark.slow


def readout(page: Any) -> str:
    return str(page.locator(".findings-readout").text_content())


def to_the_dot_of(page: Any, seed: int) -> None:
    """Go along the first row by keys until its dot of a seed is read."""
    page.locator(".findings-chart").focus()
    page.keyboard.press("Home")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
        if f"seed {seed}:" in readout(page):
            return
        page.keyboard.press(key)
    raise AssertionError(readout(page))


def test_a_network_that_the_page_does_not_hold_is_not_opened_in_silence(
    small_run: Run, tmp_path: Path, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.live_of_run(small_run, small_run.verdict())[0]
    assert whole is not None
    assert whole["seeds"] == [0, 1]
    gone = next(seed for seed in whole["seeds"] if seed != whole["first"])
    size = data.MOST_TEXT
    while True:  # until one of its two seeds is left out
        size //= 2
        monkeypatch.setattr(data, "MOST_TEXT", size)
        live = data.live_of_run(small_run, small_run.verdict())[0]
        if live is None or len(live["seeds"]) < 2:
            break
    assert live is not None
    assert live["seeds"] == [whole["first"]]
    path = tmp_path / "page.html"
    path.write_text(page_text(small_run), "utf-8")
    page = opened(path, "#weights=5")
    name = page.locator("#findings-activation").input_value()
    expected = f"The live quantizer above does not hold {name}, seed {gone}; there the page tells what it left out."
    page.select_option("#findings-seed", str(gone))
    page.get_by_text("Open this network").click()
    assert readout(page) == expected
    assert page.evaluate("location.hash") == "#weights=5"
    to_the_dot_of(page, gone)
    page.keyboard.press("Enter")
    assert readout(page) == expected
    to_the_dot_of(page, whole["first"])
    page.keyboard.press("Enter")
    assert "weights=5" not in page.evaluate("location.hash")
    assert page.said == []


def test_a_text_that_is_too_long_is_told_with_what_is_allowed(small_page: Path, opened: Open) -> None:
    page = opened(small_page, f"#find2={'x' * 81}")
    assert "allowed: a text of at most 80 characters." in page.locator("#problems").text_content()

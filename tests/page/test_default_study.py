"""The page of a study as large as the default one: how big it is, how fast it redraws."""

import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.executors import available_cores, workers
from quantstudy.engine.pipeline import run_study

pytestmark = pytest.mark.slow

MOST = {"page": 2_000_000, "code": 200_000, "data": 1_200_000}
"""Bytes."""
FRAMES = 1000 / 30


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 7 × 32 networks over 128 × 128 pixels, hardly trained: neither size nor speed depends on that."""
    config = StudyConfig(steps=30)
    with workers(available_cores()) as executor:
        run = run_study(config, tmp_path_factory.mktemp("large") / "run", executor=executor)
    return run.folder / "report.html"


def test_it_can_be_sent(page: Path) -> None:
    text = page.read_text("utf-8")
    style, data, code = re.search(
        r"<style>(.*?)</style>.*?id=\"data\">(.*?)</script>.*?\"module\">(.*?)</script>", text, re.S
    ).groups()
    assert len(text.encode()) <= MOST["page"]
    assert len((style + code).encode()) <= MOST["code"]
    assert len(data.encode()) <= MOST["data"]
    live = json.loads(data)["live"]
    assert len(live["networks"]) == 7
    assert live["seeds"] == list(range(32))
    assert live["chosen"].keys() == live["networks"].keys()


def test_a_redraw_takes_no_longer_than_a_frame_of_thirty_a_second(page: Path, opened: Callable[..., Any]) -> None:
    shown = opened(page)
    shown.add_init_script(
        "window.took = []; const ask = requestAnimationFrame; window.requestAnimationFrame = (draw) => ask((time) => {"
        "const begun = performance.now(); draw(time); took.push(performance.now() - begun); });"
    )
    shown.reload()
    took = {}
    for activation in StudyConfig().activations:
        shown.locator("#control-activation").select_option(activation)
        shown.wait_for_timeout(300)
        shown.evaluate("took.length = 0")
        for step in range(20):
            shown.locator("#control-weights").press("ArrowRight" if step < 10 else "ArrowLeft")
            shown.wait_for_timeout(80)
        found = shown.evaluate("took")
        assert len(found) == 20
        took[activation] = statistics.median(found)
    assert {name: ms for name, ms in took.items() if ms > FRAMES} == {}

"""The figure of engines: shares and flips are those of the verdict, nothing is cut off."""

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from quantstudy.judge.engines import judge_engines
from quantstudy.show.canvas.style import WIDTH
from quantstudy.show.figures.engines.draw import AT_NONE, engines
from quantstudy.show.names import figure_names
from tests.judge.test_engines import codes, network

LONG = ("relu@1000000", "hardgelu_uncapped@123.456")
SEVEN = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")


def records(names: tuple[str, ...], schemes: tuple[str, ...], recipe: str = "plain", flips: int = 0) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for place, (name, scheme, engine) in enumerate(product(names, schemes, ("onnx", "onnx-int", "torchao"))):
        of = {"activation": name, "scheme": scheme, "engine": engine, "recipe": recipe}
        rows += network({"float order": flips} if flips else {}, points=16384 * 1000, **of)
        if engine != "torchao":
            rows += codes("free", {0: 10**6, 1: place}, **of) + codes("forced", {0: 10**6}, **of)
    return pd.DataFrame(rows)


STUDIES = {
    "seven": records(SEVEN, ("w4a4", "w8a8")),
    "long names, repaired": records(LONG, ("w4a4",), "equalize+mse_ranges+bias_correction+qat@100000+polish@1000"),
    "flips": records(SEVEN[:2], ("w4a4",), flips=123456),
    "more panels than are drawn": records(("relu",), ("w2a2", "w3a3", "w4a4", "w5a5")),
}


@pytest.fixture
def study(make_run: Callable[..., Any]) -> Callable[[str], Any]:
    def made(name: str) -> Any:
        frame = STUDIES[name]
        run = make_run(quick=True, grid=32, seeds=2, activations=tuple(dict.fromkeys(frame["activation"])))
        run.tables["engines"] = frame
        run.judged["engines"] = {"rows": judge_engines(frame, run.config.activations, run.config.focus_scheme)}
        return run

    return made


@pytest.mark.parametrize("name", STUDIES)
def test_no_text_is_cut_off_or_on_other_text(study: Any, looks: Callable[[Figure], list[str]], name: str) -> None:
    figure = engines(study(name))
    figure.set_dpi(72)
    assert looks(figure) == []
    assert figure.get_figwidth() == WIDTH


def test_shares_are_those_of_the_records(study: Any) -> None:
    run = study("seven")
    figure = engines(run)
    shown = [ax for ax in figure.axes if ax.axison]
    rows = run.verdict()["engines"]["rows"]
    first = [row for row in rows if (row["scheme"], row["engine"]) == ("w4a4", "onnx")]
    squares = [float(line.get_xdata()[0]) for line in shown[0].lines if line.get_marker() == "s"]
    shares = [row["free"]["differ"] / row["free"]["codes"] for row in first]
    assert squares == [share or AT_NONE for share in shares]
    dots = [float(line.get_xdata()[0]) for line in shown[0].lines if line.get_marker() == "o"]
    assert dots == [AT_NONE] * 7
    assert len(shown) == 6


def test_the_caption_names_the_operations(study: Any, words: Any) -> None:
    texts = " ".join(words(engines(study("flips")))).replace("\n", " ")
    assert "put down to one operation: 740,736 by float order (floats are added" in texts
    assert "123,456 of 16,384,000" in texts


def test_without_engines_there_is_no_such_figure(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run(quick=True, grid=32, seeds=2)
    assert "engines" not in figure_names(run)
    assert "None has run these networks" in str(engines(run).get_label())

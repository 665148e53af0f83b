"""What is printed fits the terminal, for made-up verdicts at both extremes: no trained number decides a test."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from quantstudy.activations.catalogue import ACTIVATIONS, DEFAULT_ACTIVATIONS
from quantstudy.cli import layout
from quantstudy.cli.terminal import SHOWN, print_activations, print_verdict
from quantstudy.config.multiverse import METRICS
from quantstudy.config.study import StudyConfig
from quantstudy.words.multiverse import finding
from quantstudy.words.summary import summary
from quantstudy.words.verdict import marked

WIDTHS = (80, 100, 200)
LONG = tuple(f"torch.nn.functional:softsign@{cap}" for cap in range(1, 10))
FUNCTIONS = ("softsign", "logsigmoid", "hardsigmoid", "softplus", "tanhshrink", "celu")
OUTSIDE = tuple(f"torch.nn.functional:{name}" for name in FUNCTIONS)
AROUND = tuple(name.replace(":", ":torch.nn.functional.torch.nn.functional.") for name in OUTSIDE)
"""The same by names of some 70 characters: functional has torch, too."""


def print_run(run):
    """Print the verdict of a run as its command does."""
    print_verdict(run.config, run.verdict(), run.folder / "report.html")


@pytest.fixture
def shown(monkeypatch, capsys):
    """Return a function: what prints, how wide the terminal is → the lines."""

    def lines(width, printing, *arguments):
        monkeypatch.setenv("COLUMNS", str(width))
        printing(*arguments)
        told = capsys.readouterr()
        assert told.err == ""
        return told.out.splitlines()

    return lines


def three(mean):
    return {"mean": mean, "low": mean, "high": mean}


def row(name, mean, drop, deployable, seeds, learned):
    several = seeds > 1
    return {
        "activation": name,
        **three(mean),
        "drop": drop,
        "flip_rate": drop,
        **dict.fromkeys(("drop_low", "drop_high"), drop if several else None),
        **dict.fromkeys(("low", "high"), mean if several else None),
        "deployable": deployable and several,
        "stability": 1.0 if several else None,
        "pass_share": float(deployable),
        "pass_low": 0.82 * deployable,
        "worst": mean,
        "accuracy_float": mean + drop,
        "float": mean + drop,
        "learned": learned,
        "missing": 0,
    }


def made_up(names, seeds, *, deployable, bits=(4,), missing=False, quick=False, learned=True):
    """A run in which all are deployable and one wins everywhere, or none is and all are tied."""
    config = StudyConfig(activations=names, seeds=seeds, bits=bits, quick=quick)
    names = config.activations
    drop = 0.0 if deployable else 1.0
    ranking = [row(name, 1.0 - drop, drop, deployable, seeds, learned) for name in names]
    if missing:
        nothing = dict.fromkeys(("mean", "low", "high", "drop", "drop_low", "drop_high", "flip_rate"))
        ranking = [entry | nothing | {"missing": seeds} for entry in ranking]
    counts = {metric: dict.fromkeys(names, seeds) for metric in ("accuracy_quantized", "flip_rate")}
    judged = {
        "seeds": seeds,
        "backends_differ": {},
        "ranking": ranking,
        "best": None if missing else names[0],
        "winner": names[0] if deployable and seeds > 1 else None,
        "tied_with": [names[0]] if deployable else [*names],
        "deployable": [entry["activation"] for entry in ranking if entry["deployable"]],
        "missing": counts if missing else {},
        "more_seeds": [
            {"pair": [names[0], names[-1]], "seeds": None if missing else 100_000}
            | {"low": None if missing else 14, "high": None if missing else 100_000}
        ],
        "stability": 1.0 if deployable else 0.5,
        "sure": deployable and seeds > 1,
    }
    scheme = f"w{bits[0]}a{bits[0]}"
    first = {"bits": 16, "activations": list(names), "stability": 0.5, "sure": False}
    layer = {"layer": 7, "rank": 1, "all_but_one": three(0.999), "shapley": three(0.999)}
    causes: list[dict[str, Any]] = [
        {"of": "hardgelu", "question": "bound", **three(-0.999), "differs": True, "stability": 0.5, "not_learned": []}
    ]
    for name in ("relu", "silu", "gelu", "hardswish"):
        causes += [
            {"of": name, "question": kind, **three(0.5), "differs": True, "stability": 1.0} for kind in ("gap", "shape")
        ]
    lost = dict(zip(names, np.linspace(0.123, 0.456, len(names)).tolist(), strict=True))
    leader = {"activation": names[0], "regret": 0.123, "low": 0.111, "high": 0.234, "stability": 0.61 if missing else 1}
    change = {"factor": "granularity", "level": "channel", "activation": names[-1], "regret": 0.123, "leader": 0.456}
    change |= {"settings": 18, "stability": 1.0 if deployable else 0.61}
    other = {"specifications": 40_000, "axes": {"metric": METRICS}, "scheme": scheme, "overall_best": names[0]}
    other |= {"seeds": 16, "activations": names, "regret": lost, "regret_low": lost, "regret_high": lost}
    other |= {"least_regret": {"metric": METRICS[0], "stability": 0.61}}
    verdict = {
        "schemes": {str(each): judged for each in config.all_schemes},
        "seeds": seeds,
        **{key: getattr(config, key) for key in ("allowed_drop", "assurance", "min_accuracy", "learned")},
        "unit": "fraction",
        "learned_from": None,
        "seeds_to_deploy": 14,
        "coverage": {"normal": 0.99, "skewed": 0.9},
        "test": "permutation",
    }
    if not quick:
        verdict |= {
            "sensitivity": {
                scheme: {name: {"total": three(0.999), "layers": [layer], "stability": 1.0} for name in names}
            },
            "placement": {scheme: {"settings": [{}] * 57, "regret": lost, "leader": leader, "change": change}},
            "first_width": dict.fromkeys(("both", "weights", "activations"), first),
            "cause": {scheme: causes},
            "multiverse": {
                "summary": [f"{finding(other)}."],
                "least_regret": other["least_regret"] | {"activation": names[0]},
            },
        }
    verdict["not_learned"] = {} if learned else dict.fromkeys(names, 0.5)
    verdict["summary"] = [marked(line, verdict["not_learned"]) for line in summary(config, verdict)]
    return SimpleNamespace(config=config, folder=Path("results/default-3f2a91c0"), verdict=lambda: verdict)


EXTREMES = {
    "all deployable": made_up(DEFAULT_ACTIVATIONS, 16, deployable=True),
    "none deployable": made_up(DEFAULT_ACTIVATIONS, 16, deployable=False),
    "1 seed": made_up(DEFAULT_ACTIVATIONS, 1, deployable=True),
    "1000 seeds": made_up(DEFAULT_ACTIVATIONS, 1000, deployable=False),
    "everything missing": made_up(DEFAULT_ACTIVATIONS, 1000, deployable=False, missing=True),
    "nothing learned": made_up(DEFAULT_ACTIVATIONS, 16, deployable=False, learned=False),
}
MORE = {
    "long names": made_up(OUTSIDE, 16, deployable=False),
    "long names, all deployable": made_up(OUTSIDE, 1000, deployable=True),
    "names that differ at the end": made_up(LONG, 16, deployable=False),
    "every activation": made_up((*ACTIVATIONS, *OUTSIDE), 1000, deployable=False),
    "every activation and width": made_up((*ACTIVATIONS, *OUTSIDE), 10_000, deployable=False, bits=tuple(range(2, 17))),
    "a quick run of every width": made_up(OUTSIDE, 16, deployable=False, bits=tuple(range(2, 17)), quick=True),
}
LONGEST = {"the longest names": made_up(AROUND, 16, deployable=False)}
ALL = EXTREMES | MORE | LONGEST


@pytest.mark.parametrize("run", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(shown, run, width):
    lines = shown(width, print_run, run)
    assert lines[-1] == "figures and page: results/default-3f2a91c0/report.html"
    assert max(map(len, lines)) <= width
    said = " ".join(line.strip() for line in lines)
    assert all(" ".join(line.split()) in said for line in run.verdict()["summary"])  # nothing is cut, no word broken
    begun = [line for line in lines if not line.startswith(" ")]
    for line in run.verdict()["summary"]:
        assert sum(line.startswith(each.rstrip()) for each in begun) >= 1


@pytest.mark.parametrize("run", EXTREMES.values(), ids=EXTREMES)
@pytest.mark.parametrize(("width", "most"), [(80, 42), (100, 37), (200, 26)])
def test_how_many_lines(shown, run, width, most):
    """The article's seven at the default's widths; more activations, longer names or more widths may take more."""
    assert 11 <= len(shown(width, print_run, run)) <= most


@pytest.mark.parametrize("run", MORE.values(), ids=MORE)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_verdict_is_longer_than_a_page(shown, run, width):
    assert max(map(len, run.config.activations)) <= 32
    assert len(shown(width, print_run, run)) <= 60


@pytest.mark.parametrize("run", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_row_of_the_table_never_breaks(shown, run, width):
    title, *lines = shown(width, print_run, run)
    bits = run.config.focus_bits
    seeds = "1 seed" if run.config.seeds == 1 else f"{run.config.seeds:,} seeds"
    assert title == f"w{bits}a{bits}: held-out accuracy after quantization, mean over {seeds}"
    names = run.config.activations
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines[2 : 2 + min(len(names), SHOWN)]]
    assert [len(cells) for cells in rows] == [7] * len(rows)
    lost = {f"no: {entry['missing']} NaN" for each in run.verdict()["schemes"].values() for entry in each["ranking"]}
    assert {cells[-1] for cells in rows} <= {"yes", "open", "no", "not learned", *lost}
    for cells, name in zip(rows, names, strict=False):
        start, _, end = cells[0].partition("…")
        assert name == cells[0] or (name.startswith(start) and name.endswith(end) and len(cells[0]) >= 24)
    assert len({cells[0] for cells in rows}) == len(rows)  # still told apart
    more = f"{len(names) - SHOWN} more are in verdict.json."
    assert (lines[2 + len(rows)] == more) == (len(names) > SHOWN)


def test_nothing_measured_and_one_seed_have_cells(shown):
    lines = shown(80, print_run, EXTREMES["everything missing"])
    assert re.split(r"\s{2,}", lines[3]) == ["relu", "-", "-", "-", "0", "-", "no: 1000 NaN"]
    lines = shown(80, print_run, EXTREMES["nothing learned"])
    assert re.split(r"\s{2,}", lines[3])[-1] == "not learned"
    assert all(
        "relu (not learned)" in line for line in EXTREMES["nothing learned"].verdict()["summary"] if " relu" in line
    )
    lines = shown(80, print_run, EXTREMES["1 seed"])
    assert re.split(r"\s{2,}", lines[3]) == ["relu", "100.0", "one seed", "0.0", "1", "0.0", "no"]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_table_of_activations(shown, width):
    lines = shown(width, print_activations)
    assert max(map(len, lines)) <= width
    for name in ACTIVATIONS:
        (line,) = (line for line in lines if line.startswith(f"{name} "))
        assert {"yes", "no"} & {*line.split()}
    if width == 200:
        assert len(lines) == 2 + len(ACTIVATIONS) + 2


@pytest.mark.parametrize(("columns", "width"), [("40", 80), ("80", 80), ("133", 133), ("", 80), ("0", 80)])
def test_the_width(monkeypatch, capfd, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert layout.width() == width
    assert layout.console().width == width


def test_a_word_longer_than_the_line_is_whole_and_a_number_keeps_its_unit(shown):
    path = "/".join(["folder"] * 20)
    assert shown(80, layout.say, f"see {path} for more") == ["see", f"  {path}", "  for more"]
    text = "a " * 39 + "33 %."
    assert shown(80, layout.say, text) == [("a " * 39).rstrip(), "  33 %."]

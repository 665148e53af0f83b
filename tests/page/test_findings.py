"""The findings of the page: their numbers are those of the records and of verdict.json, and nothing is left unsaid."""

import json
import math
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from quantstudy.judge.engines import judge_engines
from quantstudy.show.page.findings import assemble, compared
from quantstudy.show.page.findings.assemble import MAKERS, findings, fitting
from quantstudy.show.page.findings.blocks import Block, Row, short
from quantstudy.show.page.findings.table import NUMBERS, TEXTS
from quantstudy.words.findings import VIEWS
from quantstudy.words.measures import Measure
from tests.show.conftest import OTHERS, SyntheticRun, build
from tests.show.test_engines import records

Found = dict[str, Any]

STUDIES: dict[str, Found] = {
    "default": {"quick": False, "seeds": 16},
    "quick": {},
    "one seed": {"quick": False, "seeds": 1},
    "capped": {"quick": False, "activations": ("relu", "relu@3", "hardgelu_uncapped@123.456", "hardgelu")},
    "one activation": {"quick": False, "activations": ("gelu",), "hidden": (4,), "bits": (12,)},
    "added schemes": {"quick": False, "schemes": ("wf8", "wf8af8", "w2a8")},
    "undefined values": {"quick": False, "missing": 0.4},
    "nothing defined": {"quick": False, "missing": 1.0},
    **{name: {"quick": False} | study for name, study in OTHERS.items()},
}


@cache
def run_of(name: str) -> SyntheticRun:
    return build(Path("a run"), **STUDIES[name])


@cache
def found_in(name: str) -> Found:
    return findings(run_of(name))  # type: ignore[arg-type]


def rows_of(found: Found) -> list[Found]:
    """Return the table as rows of texts and numbers."""
    table = found["table"]
    read = {
        name: [table["texts"][name][code] for code in table["columns"][name]]
        if name in TEXTS
        else table["columns"][name]
        for name in (*TEXTS, *NUMBERS)
    }
    return [dict(zip(read, values, strict=True)) for values in zip(*read.values(), strict=True)]


def chart(found: Found, view: str, scheme: str = "", of: str = "") -> Found:
    """Return the one chart of a view and its choices."""
    (block,) = [one for one in found["blocks"] if (one["view"], one["scheme"][0], one["of"][0]) == (view, scheme, of)]
    return block


def numbers_of(found: Found, block: Found, second: bool = False) -> list[list[list[float]]]:
    """Return value, low and high of a chart's marks, `[labels, columns, 3]`, NaN where there is none."""
    table, size = found["table"]["columns"], len(block["labels"]) * len(block["columns"])
    start = block["at"] + size * second
    flat = [
        [math.nan if (v := table[name][at]) is None else v for name in NUMBERS] for at in range(start, start + size)
    ]
    return np.array(flat).reshape(len(block["labels"]), len(block["columns"]), 3).tolist()


def same(shown: Any, recorded: Any) -> None:
    """Check that numbers are the recorded ones with five digits, NaN and None alike."""
    expected = np.array(recorded, dtype=float)
    np.testing.assert_allclose(np.array(shown, dtype=float), expected, rtol=5.01e-5, atol=0.0)


@pytest.mark.parametrize("name", STUDIES)
def test_it_is_json_without_nan(name: str) -> None:
    text = json.dumps(found_in(name), allow_nan=False)
    assert json.loads(text) == found_in(name)


@pytest.mark.parametrize("name", STUDIES)
def test_every_chart_has_its_rows_and_every_view_a_chart(name: str) -> None:
    found = found_in(name)
    views = [view for view, _ in found["views"]]
    assert set(views) == {block["view"] for block in found["blocks"]} | {"claims"}
    assert views == [view for view in VIEWS if view in views]
    places = [block["at"] for block in found["blocks"]]
    assert places == sorted(places)
    for block, end in zip(found["blocks"], [*places[1:], found["table"]["count"]], strict=True):
        size = len(block["labels"]) * len(block["columns"])
        assert 0 < size * (2 if block.get("beside") else 1) <= end - block["at"], block["heading"]
        assert all(block[text] for text in ("heading", "reading", "measure", "unit"))
        for list_of in ("dots", "notes", "names", "states", "groups"):
            assert len(block.get(list_of) or block["labels"]) == len(block["labels"]), list_of
        rows = rows_of(found)[block["at"] : block["at"] + size]
        assert {(row["measure"], row["unit"], row["better"]) for row in rows} == {
            (block["measure"], block["unit"], block["better"])
        }
    keys = [(block["view"], block["scheme"][0], block["of"][0]) for block in found["blocks"]]
    assert len(set(keys)) == len(keys)
    assert found["left_out"] == ""


def test_a_quick_run_has_what_it_has() -> None:
    assert [view for view, _ in found_in("quick")["views"]] == ["forest", "compare", "backends", "claims"]


@pytest.mark.parametrize("name", ["default", "curve", "undefined values", "digits"])
def test_the_forest_is_the_ranking_and_its_dots_are_the_seeds(name: str) -> None:
    run, found = run_of(name), found_in(name)
    by, scale = run.config.ranked, 100.0 if run.config.task == "classes" else 1.0
    metrics = run.metrics().query("scope == 'network' and backend == 'simulated'")
    for scheme, judged in run.verdict()["schemes"].items():
        ranking = judged["ranking"]
        names = [entry["activation"] for entry in ranking]
        for of, metric, keys in (
            ("score", by.quantized, ("mean", "low", "high")),
            ("loss", by.drop, ("drop", "drop_low", "drop_high")),
            ("changed", by.disturbed, (by.disturbed, f"{by.disturbed}_low", f"{by.disturbed}_high")),
        ):
            block = chart(found, "forest", scheme, of)
            assert block["labels"] == names == block["names"]
            recorded = [[[scale * _real(entry[key]) for key in keys]] for entry in ranking]
            same(numbers_of(found, block), recorded)
            own = metrics[(metrics["metric"] == metric) & (metrics["scheme"] == scheme)]
            for label, dots in zip(block["labels"], block["dots"], strict=True):
                seeds = own[own["activation"] == label].sort_values("seed")["value"]
                same(np.array(dots, dtype=float), scale * seeds.to_numpy())
        block = chart(found, "forest", scheme, "score")
        assert [names[row] for row in block["deployable"]] == [n for n in names if n in judged["deployable"]]
        same(
            numbers_of(found, block, second=True), [[[scale * _real(e["float"]), math.nan, math.nan]] for e in ranking]
        )
        assert block["allowed"] == pytest.approx(scale * run.verdict()["allowed_drop"])


def _real(value: float | None) -> float:
    return math.nan if value is None else value


def test_who_is_tied_is_told_and_nobody_with_one_seed() -> None:
    judged = run_of("default").verdict()["schemes"]["w4a4"]
    block = chart(found_in("default"), "forest", "w4a4", "score")
    tied = [block["labels"][row] for row in block["tied"]]
    assert sorted(tied) == (sorted(judged["tied_with"]) if len(judged["tied_with"]) > 1 else [])
    assert chart(found_in("one seed"), "forest", "w4a4", "score")["tied"] == []


@pytest.mark.parametrize("name", ["default", "curve"])
def test_the_comparison_is_paired_by_seed(name: str) -> None:
    run, found = run_of(name), found_in(name)
    scale = 100.0 if run.config.task == "classes" else 1.0
    for of, metric, backend in (
        ("changed", run.config.ranked.disturbed, "simulated"),
        ("loss-torchao", run.config.ranked.drop, "torchao"),
    ):
        block = chart(found, "compare", "", of)
        frame = run.metrics().query(f"scope == 'network' and backend == '{backend}' and metric == '{metric}'")
        values, apart = np.array(numbers_of(found, block)), np.array(numbers_of(found, block, second=True))
        for column, scheme in enumerate(block["columns"]):
            wide = frame[frame["scheme"] == scheme].astype({"activation": str})
            wide = wide.pivot(index="activation", columns="seed", values="value").loc[block["labels"]]
            same(values[:, column, 0], scale * wide.mean(axis=1))
            differences = scale * (wide - wide.loc["relu"]).mean(axis=1).to_numpy()
            np.testing.assert_allclose(apart[:, column, 0], differences, rtol=6e-5, atol=1e-9)
            assert block["ends"][column] == pytest.approx(np.abs(differences).max(), rel=6e-5)


def test_the_cliff_is_that_of_the_verdict() -> None:
    run, found = run_of("default"), found_in("default")
    for part, section in run.verdict()["bit_cliff"].items():
        block = chart(found, "cliff", part)
        for label, line in zip(block["labels"], numbers_of(found, block), strict=True):
            curve = section[label]["curve"]
            assert block["x"] == [point["bits"] for point in curve]
            same(line, [[100.0 * _real(point[key]) for key in ("mean", "low", "high")] for point in curve])
    fewest = [row for row in rows_of(found) if row["measure"].startswith("fewest bits with flip rate ≤ 5")]
    assert {row["unit"] for row in fewest} == {"bits"}
    both = {row["activation"]: row["value"] for row in fewest if row["setting"] == "weights and activations"}
    told = run.verdict()["bit_cliff"]["both"]
    assert both == {name: told[name]["smallest"]["0.05"]["bits"] for name in run.config.activations}


def test_layers_are_those_of_the_verdict_and_add_up() -> None:
    run, found = run_of("default"), found_in("default")
    for scheme, section in run.verdict()["sensitivity"].items():
        for view in ("shapley", "isolated", "all_but_one", "accumulated"):
            block = chart(found, "layers", scheme, view)
            shown = np.array(numbers_of(found, block))
            for row, label in enumerate(block["labels"]):
                layers = [layer[view] for layer in section[label]["layers"]] + [section[label]["total"]]
                same(shown[row], [[100.0 * _real(one[key]) for key in ("mean", "low", "high")] for one in layers])
        assert len(block["columns"]) == len(run.config.hidden) + 1 + (scheme[0] == "w")


def test_placement_is_that_of_the_verdict() -> None:
    run, found = run_of("default"), found_in("default")
    for scheme, section in run.verdict()["placement"].items():
        lost = chart(found, "placement", scheme, "regret")
        keys = ("regret", "regret_low", "regret_high")
        same(numbers_of(found, lost), [[[100.0 * section[key][name] for key in keys]] for name in lost["labels"]])
        values = [section["regret"][name] for name in lost["labels"]]
        assert values == sorted(values)
        block = chart(found, "placement", scheme, "settings")
        assert len(set(block["labels"])) == len(block["labels"]) == len(section["settings"])
        shown = np.array(numbers_of(found, block))
        for row, setting in enumerate(section["settings"]):
            behind = [setting["behind"][name] for name in block["columns"]]
            same(shown[row], [[100.0 * _real(one[key]) for key in ("mean", "low", "high")] for one in behind])
            best = row * len(block["columns"]) + block["columns"].index(setting["best"])
            assert best in block["marks"]["best"]
    assert sum(label.startswith("own setting") for label in block["labels"]) == 1


def test_repairs_are_those_of_the_verdict_and_the_records() -> None:
    run, found = run_of("default"), found_in("default")
    frame = run.recovered()
    assert frame is not None
    for scheme, entry in run.verdict()["recover"].items():
        block = chart(found, "recover", scheme, "loss")
        keys = ("drop", "drop_low", "drop_high")
        same(numbers_of(found, block), [[[100.0 * row[key] for key in keys]] for row in entry["rows"]])
        for row, dots in zip(entry["rows"], block["dots"], strict=True):
            own = frame[(frame["scheme"] == scheme) & (frame["metric"] == run.config.ranked.drop_odd)]
            own = own[(own["activation"] == row["activation"]) & (own["recipe"] == row["recipe"])]
            same(dots, 100.0 * own.sort_values("seed")["value"].to_numpy())
    widths = chart(found, "recover", "w4a4", "widths")
    curve = run.verdict()["recover"]["w4a4"]["cliff"]["curve"]
    ways = [[[100.0 * point[way]["drop"] for point in curve] for way in ("plain", "repaired")]]
    same(np.array(numbers_of(found, widths))[:, :, 0], ways[0])


def test_causes_are_those_of_the_verdict() -> None:
    run, found = run_of("default"), found_in("default")
    for scheme, entries in run.verdict()["cause"].items():
        block = chart(found, "cause", scheme)
        shown = {note: three[0] for note, three in zip(block["notes"], numbers_of(found, block), strict=True)}
        assert len(shown) == len(entries) == len(block["labels"])
        for entry in entries:
            same(shown[entry["sentence"]], [100.0 * _real(entry[key]) for key in ("mean", "low", "high")])


def test_what_is_told_apart_is_better_or_worse() -> None:
    run = run_of("default")
    judged = json.loads(json.dumps(run.judged))
    entries = judged["cause"]["w4a4"]
    told = {1: ("better", True, 0.02), 3: ("worse", True, -0.02), 4: ("", False, 0.02)}
    for place, (_, differs, mean) in told.items():
        entries[place] |= {"differs": differs, "mean": mean}
    block = chart(findings(replace(run, judged=judged)), "cause", "w4a4")  # type: ignore[arg-type]
    states = dict(zip(block["notes"], block["states"], strict=True))
    assert {place: states[entries[place]["sentence"]] for place in told} == {1: "better", 3: "worse", 4: ""}


def test_backends_count_the_points_that_differ() -> None:
    run, found = run_of("default"), found_in("default")
    block = chart(found, "backends")
    sums = run.parity().astype({"scheme": str}).groupby(["activation", "scheme"], observed=True)["flips"].sum()
    expected = [[sums[name, scheme] for scheme in block["columns"]] for name in block["labels"]]
    same(np.array(numbers_of(found, block))[:, :, 0], expected)
    of = {row["setting"] for row in rows_of(found) if row["view"] == VIEWS["backends"]}
    assert of == {f"of {run.config.grid**2 * run.config.seeds:,} points"}


def with_more(**answers: Any) -> Found:
    """Return the findings of the quick run with what commands of their own add to it."""
    run = run_of("quick")
    judged = run.judged | {key: value for key, value in answers.items() if key == "engines"}
    added = type("Added", (SyntheticRun,), {key: lambda self, value=value: value for key, value in answers.items()})
    fields = {name: getattr(run, name) for name in ("folder", "config", "tables", "arrays", "made")}
    return findings(added(**fields, judged=judged))


def test_engines_are_those_of_the_verdict() -> None:
    rows = judge_engines(records(("relu", "silu"), ("w4a4",), flips=7), ("relu", "silu"), "w4a4")
    found = with_more(engines={"rows": rows})
    block = chart(found, "engines", "w4a4")
    assert block["labels"] == ["relu", "silu"]
    assert len(block["columns"]) == 3
    assert {row["flips"] for row in rows} == {value[0] for row in numbers_of(found, block) for value in row}
    codes = [row for row in rows_of(found) if row["measure"].startswith("codes that differ")]
    shown = sorted(row["value"] for row in codes)
    same(shown, sorted(100.0 * row["free"]["differ"] / row["free"]["codes"] for row in rows if row["free"]))


def test_costs_are_those_of_the_table() -> None:
    entry = {"mufu_forward": 2, "instructions_forward": 8.5, "instructions_backward": 12, "registers_forward": None}
    entry |= {"saved_bytes": {"plain": 4.0}, "added_bytes": {"plain": 0.0}}
    nothing = dict.fromkeys(entry)  # as of a function from outside
    found = with_more(cost={"activations": {"relu": entry, "not in the study": entry, "gelu": nothing}})
    shown = {block["of"][0]: numbers_of(found, block)[0][0][0] for block in found["blocks"] if block["view"] == "cost"}
    assert shown == {"calls": 2, "instructions": 8.5, "backward": 12, "kept": 4, "added": 0}
    assert chart(found, "cost", "", "calls")["labels"] == ["relu", "gelu"]
    assert all(math.isnan(numbers_of(found, one)[1][0][0]) for one in found["blocks"] if one["view"] == "cost")


def test_a_multiverse_is_told_where_there_is_one() -> None:
    lost = {"relu": 0.03, "silu": None, "gelu": 0.01}
    short_form = {
        "specifications": 54,
        "scheme": "w4a4",
        "regret": lost,
        "regret_low": {name: value and value - 0.005 for name, value in lost.items()},
        "regret_high": {name: value and value + 0.005 for name, value in lost.items()},
        "least_regret": {"metric": "heldout_accuracy_quantized"},
        "summary": ["gelu loses least.", "It depends.", "On this."],
    }
    block = chart(found := with_more(multiverse=short_form), "multiverse")
    assert (block["labels"], block["heading"], block["reason"]) == (
        ["gelu", "relu", "silu"],
        "gelu loses least.",
        "It depends. On this.",
    )
    same(np.array(numbers_of(found, block))[:, 0], [[1, 0.5, 1.5], [3, 2.5, 3.5], [math.nan] * 3])


@pytest.mark.parametrize("name", [name for name, study in OTHERS.items() if study.get("task") == "regression"])
def test_of_numbers_nothing_is_said_as_of_classes(name: str) -> None:
    texts = json.dumps(found_in(name), ensure_ascii=False)
    assert " dB" in texts or '"dB"' in texts
    assert re.findall(r"accurac\w*|\bflip\w*|island\w*|decide\w*", texts, re.IGNORECASE) == []
    assert {row["unit"] for row in rows_of(found_in(name))} == {"dB", "%", "bits", "points"}


def test_the_page_of_a_default_study_has_room_for_them() -> None:
    """As many seeds, schemes and settings as the default study has: its own findings are as long."""
    run = build(Path("a run"), seeds=32, bits=(4, 8), quick=False, recipes=("polish",))
    for section in run.verdict()["placement"].values():
        settings = [one for _ in range(7) for one in section["settings"]][:57]
        section["settings"] = settings
    text = json.dumps(findings(run), ensure_ascii=False, separators=(",", ":"))  # type: ignore[arg-type]
    assert 150_000 < len(text.encode()) <= 300_000


def test_what_does_not_fit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("default")
    monkeypatch.setattr(assemble, "fitting", lambda blocks: fitting(blocks, 400))
    found = findings(run)  # type: ignore[arg-type]
    assert found["table"]["count"] <= 400
    assert "Left out" in found["left_out"]
    assert {view for view, _ in found["views"]} > {"forest", "compare", "claims"}
    assert found["blocks"][0]["scheme"][0] == "w4a4"


def test_what_fits_is_chosen_evenly() -> None:
    def of(view: str, name: str, rows: int) -> Block:
        return Block(view, (name, name), ("", ""), "rows", "", "", [], [], [row] * rows)

    row = Row("", "", "", Measure("", "", ""), 1.0)
    blocks = [of("forest", "a", 5), of("forest", "b", 5), of("cliff", "a", 5), of("cliff", "b", 2)]
    kept, gone = fitting(blocks, 12)
    assert [(block.view, block.scheme[0]) for block in kept] == [("forest", "a"), ("cliff", "a"), ("cliff", "b")]
    assert [block.title for block in gone] == [f"{VIEWS['forest']} b"]


def test_of_many_seeds_the_first_have_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of("default")
    many = len(run.config.activations) * len(run.config.all_schemes) * 3
    monkeypatch.setattr(compared, "MOST_DOTS", 5 * many + 1)
    block = chart(findings(run), "forest", "w4a4", "score")  # type: ignore[arg-type]
    whole = chart(found_in("default"), "forest", "w4a4", "score")
    assert block["dots"] == [dots[:5] for dots in whole["dots"]]
    assert "the first 5 of 16 seeds" in block["reading"]
    assert "the first" not in whole["reading"]
    assert block["at"] == whole["at"]


def test_every_view_has_its_maker_and_claims_are_not_made_up() -> None:
    assert {*MAKERS, "claims"} == set(VIEWS)
    assert "quantstudy claims" in found_in("default")["claims"]
    assert not any(row["view"] == VIEWS["claims"] for row in rows_of(found_in("default")))


def test_numbers_are_short() -> None:
    assert [short(value) for value in (20.640754, 84.0, -0.0, math.nan, math.inf, 1e-7)] == [
        *(20.641, 84, 0, None, None),
        1e-7,
    ]
    assert isinstance(short(84.0), int)


def test_a_run_is_not_judged_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict that is written is shown, even where the records would say otherwise."""
    run = run_of("quick")
    judged = json.loads(json.dumps(run.judged))
    judged["schemes"]["w4a4"]["ranking"][0]["mean"] = 0.123456
    found = findings(replace(run, judged=judged))  # type: ignore[arg-type]
    assert numbers_of(found, chart(found, "forest", "w4a4", "score"))[0][0][0] == 12.346

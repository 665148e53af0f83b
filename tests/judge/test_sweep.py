"""What is found across a sweep, against a slow twin that walks over cells one by one, and on tables of known truth."""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.config.metrics import RANKED
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.judge.deployable import limits_of, shipping, suffices
from quantstudy.judge.statistics.halves import halves
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.sweep import judge_sweep
from tests.judge.sweeps import table

SEVEN = ("relu", "silu", "gelu")
HIDDEN = {
    "widths": ((4, 4), (8, 8), (16, 16)),
    "crossed": ((4, 4), (8, 8), (4, 4, 4), (8, 8, 8)),
    "one crossing": ((4, 4, 4), (8, 8, 8), (8, 8), (8,)),
    "names": ((4, 4), (8, 4)),
    "apart": ((4,), (8, 8)),
}


def sweep_of(seeds: int = 4, recipes: tuple[str, ...] = (), bits: tuple[int, ...] = (4,), **axes: Any) -> Sweep:
    return Sweep(StudyConfig(seeds=seeds, activations=SEVEN, bits=bits, quick=True), axes, recipes=recipes)


def numbers_of(sweep: Sweep, study: StudyConfig) -> dict[str, Any]:
    """The place of a study on every axis there may be."""
    found = {axis: getattr(study, axis) for axis in sweep.axes if axis != "hidden"}
    shapes = sweep.axes.get("hidden", (study.hidden,))
    alike = all(len(set(layers)) == 1 for layers in shapes)
    pairs = {(layers[0], len(layers)) for layers in shapes}
    widths, depths = {w for w, _ in pairs}, {d for _, d in pairs}
    crossing = any(all((w, d) in pairs for w in widths) for d in depths)
    crossing = crossing or any(all((w, d) in pairs for d in depths) for w in widths)
    if alike and crossing:
        return found | {"width": study.hidden[0], "depth": len(study.hidden)}
    return found | {"hidden": ",".join(map(str, study.hidden))}


def slow(frame: pd.DataFrame, sweep: Sweep, axis: str, keys: Mapping[Any, tuple[str, str]]) -> dict[Any, Any]:
    """Return {(activation, value): {metric: values per seed}} and the settings, found by walking over cells."""
    known: dict[Any, float] = {}
    for row in frame.to_dict("records"):
        known[row["cell"], row["scheme"], row["recipe"], row["metric"], row["seed"]] = row["value"]
    there = {cell for cell, *_ in known}
    places: dict[Any, dict[Any, dict[str, str]]] = {}
    for number, study in enumerate(sweep.studies):
        own = numbers_of(sweep, study)
        for value in keys if axis == "bits" else [own.pop(axis)]:
            setting = places.setdefault(tuple(sorted(own.items(), key=lambda one: one[0])), {})
            setting[value] = {name: f"{number}-{name}" for name in study.activations}
    names = [name for name in sweep.base.activations if any(cell.endswith(f"-{name}") for cell in there)]
    values = [v for v in keys if all(any(one.get(v, {}).get(n) in there for one in places.values()) for n in names)]
    crossed = [one for one in places.values() if all(value in one for value in values)]
    kept = [one for one in crossed if all(one[value][name] in there for value in values for name in names)]
    found: dict[Any, Any] = {"settings": len(kept), "missing": len(crossed) - len(kept)}
    found["aside"] = len(places) - len(crossed)
    by = RANKED["classes"]
    for name, value, metric in product(names, values, (by.drop, by.disturbed, by.quantized)):
        own = [
            [known.get((one[value][name], *keys[value], metric, seed), math.nan) for one in kept] for seed in range(4)
        ]
        found[name, value, metric] = [fmean(each) if each else math.nan for each in own]
    return found


@pytest.mark.parametrize("hidden", sorted(HIDDEN))
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_every_number_is_that_of_the_slow_twin(hidden: str, data: st.DataObject) -> None:
    sweep = sweep_of(recipes=("polish",), bits=(8,), hidden=HIDDEN[hidden], frequency=(2.0, 3.0))
    cells = [(name, number) for number in range(len(sweep)) for name in SEVEN]
    missing = data.draw(st.sets(st.sampled_from(cells), max_size=6))
    failed = data.draw(st.sets(st.sampled_from([(*cell, 1) for cell in cells]), max_size=2))
    frame = table(sweep, missing=missing, failed=failed)
    found = judge_sweep(frame, sweep)
    assert found["cells"]["planned"] == len(cells)
    assert found["cells"]["found"] == len(cells) - len(missing)
    assert found["cells"]["undefined"] == len({one[:2] for one in failed} - missing)
    json.dumps(found, allow_nan=False)
    for entry in found["axes"]:
        for view in entry["views"] or [{"rows": [], "best": [], "schemes": [None] * len(entry["values"])}]:
            recipe = view.get("view") if view.get("view") == "polish" else "plain"
            keys = {value: (scheme, recipe) for value, scheme in zip(entry["values"], view["schemes"], strict=True)}
            twin = slow(frame, sweep, entry["axis"], keys)
            assert [entry[key] for key in ("settings", "missing", "aside")] == [
                twin[key] for key in ("settings", "missing", "aside")
            ]
            for row in view["rows"]:
                check_row(row, twin, recipe)
            for best in view["best"]:
                check_best(best, twin, found["activations"])


def check_row(row: Mapping[str, Any], twin: Mapping[Any, Any], recipe: str) -> None:
    by = RANKED["classes"]
    for key, metric in (("drop", by.drop), ("changed", by.disturbed), ("score", by.quantized)):
        if key == "changed" and recipe != "plain":
            assert row[key] == {"mean": None, "low": None, "high": None}
            continue
        values = np.array(twin[row["activation"], row["value"], metric])
        if not np.isfinite(values).all():
            assert row[key]["mean"] is None
            continue
        mean, low, high = interval(values)
        least, most = (-1.0, 1.0) if key == "drop" else (0.0, 1.0)
        assert row[key]["mean"] == pytest.approx(mean, abs=1e-11)
        assert row[key]["low"] == pytest.approx(max(low, least), abs=1e-9)
        assert row[key]["high"] == pytest.approx(min(high, most), abs=1e-9)


def check_best(best: Mapping[str, Any], twin: Mapping[Any, Any], names: list[str]) -> None:
    rows = {name: twin[name, best["value"], RANKED["classes"].quantized] for name in names}
    whole = {name: values for name, values in rows.items() if all(map(math.isfinite, values))}
    if not whole:
        assert best["best"] is None
        return
    first = max(whole, key=lambda name: (round(fmean(whole[name]), 12), -names.index(name)))
    assert best["best"] == first
    ahead = [
        all(
            round(fmean(v for v, there in zip(whole[first], half, strict=True) if there), 9)
            >= round(fmean(v for v, there in zip(other, half, strict=True) if there), 9)
            for other in whole.values()
        )
        for half in halves(len(whole[first])).tolist()
    ]
    assert best["stability"] == pytest.approx(fmean(ahead), abs=1e-9)
    if len(whole) > 1:
        others = {name: fmean(whole[first]) - fmean(values) for name, values in whole.items() if name != first}
        assert best["lead"]["mean"] == pytest.approx(min(others.values()), abs=1e-11)


def view_of(found: Mapping[str, Any], axis: str, name: str = "w4a4") -> Any:
    (entry,) = [one for one in found["axes"] if one["axis"] == axis]
    (view,) = [one for one in entry["views"] if one["view"] == name]
    return view


def crossing(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
    """relu is best in narrow networks, gelu in wide ones; in between they are alike but for noise."""
    width = study.hidden[0]
    noise = 0.004 * math.sin(100.0 * seed + len(activation) + width)
    return 0.1 + noise + {"relu": 0.002 * (width - 8), "silu": 0.03, "gelu": -0.002 * (width - 8)}[activation]


def test_a_change_is_a_fact_only_between_values_whose_best_is_one() -> None:
    sweep = sweep_of(16, hidden=((4, 4), (8, 8), (16, 16)))
    view = view_of(judge_sweep(table(sweep, crossing), sweep), "width")
    assert [entry["sure"] for entry in view["best"]] == [True, False, True]
    assert [entry["best"] for entry in view["best"]][::2] == ["relu", "gelu"]
    assert {*view["best"][1]["tied_with"]} == {"relu", "gelu"}
    (change,) = view["changes"]
    assert [change[key] for key in ("from", "to", "before", "after", "sure")] == [4, 16, "relu", "gelu", True]
    assert view["ends"]["from"] == 4
    assert view["ends"]["to"] == 16


def test_with_few_seeds_nothing_is_sure_and_nobody_tied() -> None:
    sweep = sweep_of(4, hidden=((4, 4), (16, 16)))
    found = judge_sweep(table(sweep, crossing), sweep)
    view = view_of(found, "width")
    assert not found["tasks"]["classes"]["tells"]
    assert [entry["tied_with"] for entry in view["best"]] == [[], []]
    assert not any(entry["sure"] for entry in view["best"])
    assert view["changes"] == []


def test_who_leads_in_too_few_halves_is_not_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = sweep_of(16, hidden=((4, 4), (16, 16)))
    half = np.arange(200) % 2 == 0
    monkeypatch.setattr("quantstudy.judge.swept_best.first_in_halves", lambda rows, row: half)
    view = view_of(judge_sweep(table(sweep, crossing), sweep), "width")
    assert [entry["tied_with"] for entry in view["best"]] == [["relu"], ["gelu"]]
    assert [(entry["stability"], entry["sure"]) for entry in view["best"]] == [(0.5, False)] * 2


def test_a_change_comes_again_in_halves_that_have_both(monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = sweep_of(16, hidden=((4, 4), (16, 16)))
    halves = {0: np.arange(200) >= 16, 2: np.arange(200) < 184}
    monkeypatch.setattr("quantstudy.judge.swept_best.first_in_halves", lambda rows, row: halves[row])
    (change,) = view_of(judge_sweep(table(sweep, crossing), sweep), "width")["changes"]
    assert (change["stability"], change["sure"]) == (0.84, False)


def test_whoever_misses_a_network_is_not_in_the_way_of_a_fact() -> None:
    sweep = sweep_of(16, hidden=((4, 4), (16, 16)))
    frame = table(sweep, crossing)
    relu = (frame["activation"] == "relu") & (frame["hidden"] == "4,4") & (frame["seed"] == 3)
    frame.loc[relu & (frame["metric"] == "heldout_accuracy_quantized"), "value"] = np.nan
    best = view_of(judge_sweep(frame, sweep), "width")["best"][0]
    assert [best[key] for key in ("best", "tied_with", "stability", "sure")] == ["gelu", ["gelu"], 1.0, True]


def test_what_moves_along_an_axis() -> None:
    def falling(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        return 1.6 / study.hidden[0] + 0.01 * math.sin(7.0 * seed)

    sweep = sweep_of(16, hidden=((16, 16), (4, 4), (8, 8)), placement=("pre", "post"))
    found = judge_sweep(table(sweep, falling), sweep)
    ends = view_of(found, "width")["ends"]
    assert (ends["from"], ends["to"], ends["steady"], ends["sure"], ends["activations"]) == (4, 16, True, True, 3)
    assert ends["difference"]["mean"] == pytest.approx(0.1 - 0.4)
    placement = view_of(found, "placement")["ends"]
    assert placement["difference"]["mean"] == pytest.approx(0.0)
    assert not placement["sure"]
    named = sweep_of(16, placement=("pre", "post"))
    worse = {"post": 0.3, "pre": 0.1}
    moved = view_of(judge_sweep(table(named, lambda *one: worse[one[3].placement]), named), "placement")["ends"]
    assert (moved["from"], moved["to"], moved["sure"]) == ("post", "pre", True)
    assert moved["difference"]["mean"] == pytest.approx(-0.2)
    lost = judge_sweep(table(sweep, falling, failed={("silu", 0, 3)}), sweep)
    assert view_of(lost, "width")["ends"]["activations"] == 2


def test_what_has_not_learned_leads_nowhere_but_its_loss_is_shown() -> None:
    sweep = sweep_of(16, hidden=((4, 4), (16, 16)))
    frame = table(sweep, crossing)
    relu = (frame["activation"] == "relu") & (frame["hidden"] == "4,4") & (frame["metric"] == "heldout_accuracy_float")
    frame.loc[relu, "value"] = 0.8
    view = view_of(judge_sweep(frame, sweep), "width")
    row = next(row for row in view["rows"] if (row["activation"], row["value"]) == ("relu", 4))
    assert row["learned"] == 0
    assert row["drop"]["mean"] == pytest.approx(0.092, abs=0.005)
    assert view["best"][0]["best"] == "gelu"


def test_what_has_not_learned_in_one_of_two_settings_leads_nowhere_either() -> None:
    sweep = sweep_of(16, hidden=((4, 4), (16, 16)), placement=("pre", "post"))
    frame = table(sweep, crossing)
    relu = (frame["activation"] == "relu") & (frame["hidden"] == "4,4") & (frame["metric"] == "heldout_accuracy_float")
    frame.loc[relu & (frame["placement"] == "pre"), "value"] = 0.8
    view = view_of(judge_sweep(frame, sweep), "width")
    row = next(row for row in view["rows"] if (row["activation"], row["value"]) == ("relu", 4))
    assert (row["learned"], view["best"][0]["best"]) == (1, "gelu")


@pytest.mark.parametrize(("learned", "leads"), [(0.6, True), (0.9, False), ("halfway", True)])
def test_from_when_on_networks_have_learned_is_the_studys_own_line(learned: Any, leads: bool) -> None:
    sweep = sweep_of(8, hidden=((4, 4), (16, 16)))
    sweep = replace(sweep, base=sweep.base.with_options(learned=learned))
    found = judge_sweep(table(sweep, crossing, full=0.7), sweep)
    assert all((entry["best"] is not None) == leads for entry in view_of(found, "width")["best"])


def test_deployable_is_what_it_is_in_every_study() -> None:
    def little(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        most = {"relu": 0.019, "silu": 0.0205, "gelu": 0.019 if study.frequency < 3 else 0.03}[activation]
        return most if seed > 8 * (activation == "relu" and study.placement == "pre") else 0.025

    sweep = sweep_of(32, hidden=((4, 4), (16, 16)), frequency=(2.0, 3.0), placement=("post", "pre"))
    frame = table(sweep, little)
    limits = limits_of(sweep.base)
    for row in view_of(judge_sweep(frame, sweep), "width")["rows"]:
        counted = 0
        for frequency, placement in product((2.0, 3.0), ("post", "pre")):
            kept = (frame["activation"] == row["activation"]) & (frame["scheme"] == "w4a4")
            kept &= (frame["hidden"] == f"{row['value']},{row['value']}") & (frame["frequency"] == frequency)
            kept &= frame["placement"] == placement
            drop, score = (
                frame[kept & (frame["metric"] == metric)].sort_values("seed")["value"].to_numpy()[None]
                for metric in (RANKED["classes"].drop, RANKED["classes"].quantized)
            )
            counted += suffices(shipping(drop, score, limits)[0], limits)
        assert row["deployable"] == counted
    rows = view_of(judge_sweep(frame, sweep), "width")["rows"]
    assert {row["activation"]: row["deployable"] for row in rows} == {"relu": 2, "silu": 0, "gelu": 2}
    unlearned = view_of(judge_sweep(table(sweep, little, full=0.8), sweep), "width")["rows"]
    assert {row["deployable"] for row in unlearned} == {0}


def test_a_band_is_over_seeds_and_not_over_all_networks() -> None:
    """Settings share their seeds: what a seed adds in one it adds in all, and no mean over settings takes it away."""

    def by_seed(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        return 0.1 + 0.01 * (seed % 5)

    sweep = sweep_of(10, hidden=((4, 4), (16, 16)), frequency=(1.0, 2.0, 3.0, 4.0))
    row = view_of(judge_sweep(table(sweep, by_seed), sweep), "width")["rows"][0]
    _, low, high = interval(np.array([0.1 + 0.01 * (seed % 5) for seed in range(10)]))
    assert (row["drop"]["low"], row["drop"]["high"]) == pytest.approx((low, high), abs=1e-9)


def test_classes_and_numbers_are_never_averaged() -> None:
    sweep = sweep_of(8, target=("islands", "sine", "spirals"), frequency=(2.0, 3.0))
    found = judge_sweep(table(sweep), sweep)
    assert [
        (entry["axis"], entry["task"], entry["values"]) for entry in found["axes"] if entry["axis"] == "target"
    ] == [("target", "classes", ["islands", "spirals"])]
    frequencies = [entry for entry in found["axes"] if entry["axis"] == "frequency"]
    assert [(entry["task"], entry["unit"], entry["settings"]) for entry in frequencies] == [
        ("classes", "fraction", 2),
        ("regression", "dB", 1),
    ]
    assert {*found["tasks"]} == {"classes", "regression"}


def test_bits_are_an_axis_with_the_parts_that_are_quantized() -> None:
    sweep = sweep_of(8, bits=(6, 4), frequency=(2.0, 3.0))

    def by_scheme(activation: str, scheme: str, recipe: str, study: StudyConfig, seed: int) -> float:
        return {"w4a4": 0.4, "w6a6": 0.2, "w8a8": 0.1, "w4": 0.3, "w6": 0.15, "w8": 0.05}.get(scheme, 0.01)

    found = judge_sweep(table(sweep, by_scheme), sweep)
    both, weights = (view_of(found, "bits", part) for part in ("both", "weights"))
    assert [row["drop"]["mean"] for row in both["rows"][:3]] == pytest.approx([0.4, 0.2, 0.1])
    assert [row["drop"]["mean"] for row in weights["rows"][:3]] == pytest.approx([0.3, 0.15, 0.05])
    assert both["ends"]["to"] == 8
    assert [view["view"] for view in found["axes"][0]["views"]][:3] == ["w6a6", "w6", "a6"]


def test_nothing_at_all_one_seed_one_activation_and_all_missing() -> None:
    sweep = sweep_of(1, hidden=((4, 4), (16, 16)))
    one = judge_sweep(table(sweep), sweep)
    assert view_of(one, "width")["rows"][0]["drop"]["low"] is None
    assert view_of(one, "width")["best"][0]["stability"] is None
    alone = replace(sweep, base=sweep.base.with_options(activations=("relu",), seeds=8))
    assert view_of(judge_sweep(table(alone), alone), "width")["best"][0]["lead"] is None
    nothing = sweep_of(3, hidden=((4, 4), (16, 16)))
    lost = {(name, number, seed) for name in SEVEN for number in range(2) for seed in range(3)}
    found = judge_sweep(table(nothing, failed=lost), nothing)
    view = view_of(found, "width")
    assert [entry["best"] for entry in view["best"]] == [None, None]
    assert view["ends"] is None
    assert {row["drop"]["mean"] for row in view["rows"]} == {None}
    empty = judge_sweep(table(sweep).iloc[:0], sweep)
    assert empty["cells"] == {"planned": 6, "found": 0, "undefined": 0}
    assert [entry["views"] for entry in empty["axes"]] == [[], []]
    assert empty["tasks"]["classes"]["overall"] is None
    json.dumps([one, found, empty], allow_nan=False)


def test_a_value_that_is_recorded_twice_is_refused() -> None:
    sweep = sweep_of(2, hidden=((4, 4), (16, 16)))
    frame = table(sweep)
    with pytest.raises(ValueError, match="recorded twice"):
        judge_sweep(pd.concat([frame, frame], ignore_index=True), sweep)
    again = frame.assign(cell=frame["cell"].astype(str) + "again")
    with pytest.raises(ValueError, match="two cells"):
        judge_sweep(pd.concat([frame.astype({"cell": str}), again], ignore_index=True), sweep)


def test_rates_that_were_chosen_are_told() -> None:
    sweep = replace(sweep_of(2, hidden=((4, 4), (16, 16)), frequency=(2.0, 3.0)), tune=(0.03, 0.1, 0.3))
    frame = table(sweep)
    chosen = (frame["activation"] == "relu") & (frame["frequency"] == 2.0) & (frame["hidden"] == "16,16")
    frame.loc[chosen, "lr"] = 0.3
    found = judge_sweep(frame, sweep)
    assert found["tuned"] == {"cells": 12, "at_an_end": 1}
    assert [row["rates"] for row in view_of(found, "width")["rows"]][:3] == [[0.1, 0.1], [0.1, 0.3], [0.1, 0.1]]

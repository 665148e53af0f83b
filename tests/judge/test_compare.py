"""Two runs against each other: pairing by seed, Holm over a metric, what cannot be paired, what is said of it."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.judge.compare import HIGHER_IS_BETTER, Side, compare, scheme_pairs
from quantstudy.judge.statistics.bootstrap import paired_p
from quantstudy.judge.statistics.intervals import interval
from quantstudy.words.compare import MOST_PAIRS, comparison_lines, pair_name

NAN = float("nan")
MADE = {"commit": "abc1234", "processor": "some", "device": "cpu", "versions": {"torch": "2.13", "noise": "1.2.2"}}


def saying(schemes, **said):
    judged = {"winner": None, "best": "relu", "tied_with": ["relu"], "deployable": []} | said
    return {"schemes": {str(scheme): dict(judged) for scheme in schemes}, "not_learned": {}}


@pytest.fixture
def side(metrics):
    """Return a builder: accuracies per activation and seed, at every scheme → one of two runs."""

    def build(values, *, full=None, flips=None, seeds=None, manifest=MADE, said=None, **settings):
        seeds = seeds or len(next(iter(values.values())))
        config = StudyConfig(**{"activations": tuple(values), "seeds": seeds, "grid": 4} | settings)
        full = full or {name: [0.99] * seeds for name in values}
        names = [str(scheme) for scheme in config.all_schemes]
        tables = dict.fromkeys(names, flips) if flips else None
        table = metrics(full, dict.fromkeys(names, values), tables)
        islands = np.random.default_rng(3).random((seeds, config.grid, config.grid)) < 0.5
        return Side(config, manifest, saying(config.all_schemes, **(said or {})), table, islands)

    return build


def normal(seeds=16, seed=0, mean=0.9, std=0.02):
    return np.random.default_rng(seed).normal(mean, std, seeds)


def at(found, metric="heldout_accuracy_quantized", scheme="w4", name="relu"):
    chosen = [
        r for r in found["comparisons"] if (r["metric"], r["scheme_a"], r["activation"]) == (metric, scheme, name)
    ]
    assert len(chosen) == 1
    return chosen[0]


def test_rows_of_torchao_decide_nothing(side):
    a, b = side({"relu": normal()}), side({"relu": normal(seed=1, mean=0.93)})
    ours = b.metrics["backend"] != "torchao"
    assert not ours.all()
    assert compare(a, b) == compare(a, replace(b, metrics=b.metrics[ours]))


def test_a_comparison_is_b_minus_a_paired_by_seed(side):
    a, b = normal(), normal(seed=1, mean=0.93)
    found = at(compare(side({"relu": a}), side({"relu": b})))
    mean, low, high = interval(b - a)
    assert (found["difference"], found["low"], found["high"]) == pytest.approx((mean, low, high), abs=1e-12)
    assert (found["mean_a"], found["mean_b"]) == pytest.approx((a.mean(), b.mean()), abs=1e-12)
    assert found["p"] == pytest.approx(paired_p(b - a), abs=1e-12)
    assert (found["seeds"], found["missing"], found["same"]) == (16, 0, False)


def test_what_seeds_have_in_common_does_not_hide_a_difference(side):
    hard = np.linspace(0.5, 0.99, 16)
    found = at(compare(side({"relu": hard}), side({"relu": hard + 0.002 + 0.0001 * np.arange(16)})))
    assert found["real"]
    assert found["better"]
    shuffled = at(compare(side({"relu": hard}), side({"relu": (hard + 0.002)[::-1]})))
    assert not shuffled["real"]
    assert shuffled["better"] is None


def test_b_against_a_is_the_mirror_image(side):
    a, b = side({"relu": normal()}), side({"relu": normal(seed=1)})
    there, back = compare(a, b)["comparisons"], compare(b, a)["comparisons"]
    assert [row["difference"] for row in back] == [row["difference"] and -row["difference"] for row in there]
    assert [row["p_holm"] for row in back] == [row["p_holm"] for row in there]


def test_holm_runs_over_all_comparisons_of_a_metric(side):
    names = ("relu", "silu", "gelu")
    a = {name: normal(seed=k) for k, name in enumerate(names)}
    b = {name: normal(seed=k + 9, mean=0.9 + 0.015 * k) for k, name in enumerate(names)}
    found = compare(side(a), side(b))
    for metric, family in found["families"].items():
        rows = [row for row in found["comparisons"] if row["metric"] == metric and row["p"] is not None]
        assert family["comparisons"] == len(rows)
        ordered = sorted(rows, key=lambda row: row["p"])
        largest = 0.0
        for rank, row in enumerate(ordered):
            largest = max(largest, min(1.0, row["p"] * (len(rows) - rank)))
            assert row["p_holm"] == pytest.approx(largest, abs=1e-9)
        assert family["real"] == sum(row["real"] for row in rows)
    assert found["families"]["heldout_accuracy_quantized"]["comparisons"] == 24
    assert found["families"]["heldout_accuracy_float"]["comparisons"] == 3


def test_real_needs_the_corrected_p_and_says_which_run_is_better(side):
    up = np.linspace(0.01, 0.03, 16)
    a, b = normal(), normal() + up
    found = compare(side({"relu": a}, flips={"relu": 0.2 - a / 10}), side({"relu": b}, flips={"relu": 0.2 - b / 10}))
    accuracy, flips = at(found), at(found, "flip_rate")
    assert accuracy["real"]
    assert flips["real"]
    assert accuracy["difference"] > 0 > flips["difference"]
    assert accuracy["better"] is True
    assert flips["better"] is True
    assert at(compare(side({"relu": b}), side({"relu": a})))["better"] is False
    uncorrected = compare(side({"relu": a[:8]}), side({"relu": b[:8]}))
    assert at(uncorrected)["p"] < 0.05 < at(uncorrected)["p_holm"]
    assert not at(uncorrected)["real"]
    assert any("8 common seeds are too few" in line for line in comparison_lines(uncorrected))


def test_enough_seeds_for_the_clearest_difference(side):
    needed = compare(side({"relu": normal()}), side({"relu": normal(seed=1)}))["families"]["heldout_accuracy_quantized"]
    for seeds, real in ((needed["seeds_needed"] - 1, False), (needed["seeds_needed"], True)):
        a = normal(seeds)
        found = compare(side({"relu": a}), side({"relu": a + np.linspace(0.01, 0.02, seeds)}))
        assert at(found)["real"] is real
        assert any("too few" in line for line in comparison_lines(found)) is not real


@pytest.mark.parametrize(("seeds", "real"), [(8, 0), (9, 7)])
def test_seven_comparisons_take_nine_seeds(side, seeds, real):
    names = StudyConfig().activations
    a, full = {name: normal(seeds) for name in names}, {name: [0.9] * seeds for name in names}
    found = compare(side(a), side(a, full=full))["families"]["heldout_accuracy_float"]
    assert found == {"comparisons": 7, "seeds_needed": 9, "real": real}


def test_seeds_that_one_run_alone_has_are_left_out(side):
    a = normal(12)
    b = np.append(normal(9, seed=1), [0.1] * 7)[:9]
    found = compare(side({"relu": a}), side({"relu": b}))
    assert found["seeds"] == {"paired": 9, "only_a": 3, "only_b": 0}
    assert at(found)["difference"] == pytest.approx((b - a[:9]).mean(), abs=1e-12)
    assert at(found)["missing"] == 0
    assert any("only A has 3 more seeds" in line for line in comparison_lines(found))


def test_one_seed_has_no_interval_and_nothing_is_real(side):
    found = compare(side({"relu": [0.9]}), side({"relu": [0.5]}))
    row = at(found)
    assert row["difference"] == pytest.approx(-0.4)
    assert [row[key] for key in ("low", "high", "p", "p_holm", "better")] == [None] * 5
    assert not any(row["real"] for row in found["comparisons"])
    assert found["families"]["heldout_accuracy_quantized"]["comparisons"] == 0
    lines = comparison_lines(found)
    assert any("One common seed" in line for line in lines)
    assert any("relu -40.0" in line for line in lines)
    assert not any("verdict" in line for line in lines)


@pytest.mark.parametrize("hole", [NAN, np.inf])
def test_values_that_are_missing_are_left_out_counted_and_shown(side, hole):
    a, b = normal(), normal(seed=1)
    a[3], b[5] = hole, hole
    found = compare(side({"relu": a}), side({"relu": b}))
    row = at(found)
    kept = [seed for seed in range(16) if seed not in (3, 5)]
    assert (row["seeds"], row["missing"]) == (14, 2)
    assert row["difference"] == pytest.approx((b - a)[kept].mean(), abs=1e-12)
    assert row["mean_a"] == pytest.approx(a[kept].mean(), abs=1e-12)
    assert any("left out" in line and "accuracy 16" in line for line in comparison_lines(found))  # at 8 schemes


def test_without_any_value_there_is_no_number(side):
    found = compare(side({"relu": [NAN] * 4, "silu": normal(4)}), side({"relu": normal(4), "silu": normal(4)}))
    row = at(found)
    numbers = ("mean_a", "mean_b", "difference", "low", "high", "p", "p_holm")
    assert [row[key] for key in numbers] == [None] * len(numbers)
    assert (row["seeds"], row["missing"], row["same"], row["real"]) == (0, 4, False, False)
    assert found["families"]["heldout_accuracy_drop"]["comparisons"] == 0  # nobody recorded it
    json.dumps(found, allow_nan=False)
    comparison_lines(found)


def test_the_same_run_twice_has_no_differences(side):
    values = {"relu": [0.9, NAN, 0.8, 0.7], "silu": [0.5] * 4}
    found = compare(side(values), side(values))
    assert found["same"]
    assert all(row["same"] and not row["real"] for row in found["comparisons"])
    assert at(found, name="silu")["p"] == 1.0
    assert comparison_lines(found)[0].startswith("No differences")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lr": 0.03}, "settings"),
        ({"manifest": MADE | {"commit": "def5678"}}, "made_with"),
        ({"manifest": MADE | {"versions": {"torch": "2.14", "noise": "1.2.2"}}}, "made_with"),
        ({"said": {"best": "silu"}}, "verdicts"),
    ],
)
def test_one_thing_that_differs_is_told(side, change, where):
    found = compare(side({"relu": normal(4)}), side({"relu": normal(4)}, **change))
    assert not found["same"]
    told = {"settings": found["settings"], "made_with": found["made_with"]}
    told["verdicts"] = [entry for entry in found["verdicts"] if entry["changed"]]
    assert [key for key, value in told.items() if value] == [where]
    lines = comparison_lines(found)
    assert not any(line.startswith("No differences") for line in lines)
    expected = {"lr": "lr 0.1 → 0.03", "manifest": "→", "said": "best relu → silu"}[next(iter(change))]
    assert any(expected in line for line in lines)


def test_a_value_that_differs_in_one_metric_alone_is_no_sameness(side):
    a = {"relu": normal(4)}
    found = compare(side(a, flips={"relu": [0.1] * 4}), side(a, flips={"relu": [0.1, 0.1, 0.1, 0.2]}))
    assert not found["same"]
    assert not at(found, "flip_rate")["same"]
    assert at(found)["same"]
    assert not any("same numbers" in line for line in comparison_lines(found))


def test_only_activations_of_both_runs_are_compared(side):
    a = side({"silu": normal(4), "relu": normal(4), "gelu": normal(4)})
    b = side({"relu": normal(4), "silu": normal(4), "prelu": normal(4)})
    found = compare(a, b)
    assert found["activations"] == {"paired": ["silu", "relu"], "only_a": ["gelu"], "only_b": ["prelu"]}
    assert {row["activation"] for row in found["comparisons"]} == {"relu", "silu"}
    assert any("only A has gelu; only B has prelu" in line for line in comparison_lines(found))


def test_names_of_one_run_alone_do_not_change_a_verdict(side):
    a = side({"relu": normal(4), "gelu": normal(4)}, said={"tied_with": ["relu", "gelu"], "deployable": ["gelu"]})
    b = side({"relu": normal(4)})
    assert not any(entry["changed"] for entry in compare(a, b)["verdicts"])
    names = {"relu": normal(4), "silu": normal(4)}
    one, other = (side(names, said={"tied_with": tied}) for tied in (["relu", "silu"], ["silu", "relu"]))
    assert not any(entry["changed"] for entry in compare(one, other)["verdicts"])
    other = side(names, said={"tied_with": ["relu", "silu"], "deployable": ["relu"], "winner": "relu"})
    assert {tuple(entry["changed"]) for entry in compare(one, other)["verdicts"]} == {("winner", "deployable")}


def test_without_a_common_activation_nothing_can_be_paired(side):
    with pytest.raises(BadInput) as refused:
        compare(side({"relu": normal(4)}), side({"silu": normal(4), "gelu": normal(4)}))
    told = str(refused.value)
    assert "\n" not in told
    assert all(part in told for part in ("RUN_B: activations", "silu, gelu", "RUN_A's: relu"))


@pytest.mark.parametrize(("field", "value"), [("grid", 5), ("frequency", 5.0)])
def test_other_islands_are_refused_with_the_setting_that_draws_them(side, field, value):
    a, b = side({"relu": normal(4)}), side({"relu": normal(4)}, **{field: value})
    b = replace(b, masks=~b.masks)
    with pytest.raises(BadInput, match=f"RUN_B: {field}: {value} is not allowed; RUN_A has .*same islands"):
        compare(a, b)


def test_the_islands_count_and_not_the_settings(side):
    a, b = side({"relu": normal(4)}), side({"relu": normal(4)})
    assert compare(a, replace(b, config=replace(b.config, frequency=3.5)))["seeds"]["paired"] == 4
    b.masks[2, 0, 0] ^= True
    with pytest.raises(BadInput, match=r"RUN_B: masks.npz: 'seed 2' is not allowed; the islands of RUN_A"):
        compare(a, b)
    a = replace(a, masks=a.masks[:2])  # seed 2 is not common: it may have any islands
    assert compare(a, b)["seeds"] == {"paired": 2, "only_a": 0, "only_b": 2}


@pytest.mark.parametrize(
    ("a", "b", "first", "count"),
    [
        ((4,), (4,), ("w4", "w4"), 8),
        ((4,), (6,), ("w4", "w6"), 8),
        ((4,), (8,), ("w4", "w8"), 8),
        ((8,), (4,), ("w8", "w4"), 8),
        ((4,), (6, 4), ("w4", "w6"), 12),
        ((4, 6), (6, 4), ("w4", "w4"), 12),
        ((8,), (8,), ("w8", "w8"), 4),
    ],
)
def test_schemes_pair_by_name_and_first_widths_by_role(a, b, first, count):
    pairs = scheme_pairs(StudyConfig(bits=a), StudyConfig(bits=b))
    assert pairs[0] == first
    assert len(pairs) == len(set(pairs)) == count
    assert {("w8", "w8"), ("w8a8dyn", "w8a8dyn")} <= set(pairs)


def test_widths_are_compared_by_role(side):
    found = compare(side({"relu": normal()}, bits=(4,)), side({"relu": normal(seed=1)}, bits=(6,)))
    assert found["schemes"][2] == {"a": "w4a4", "b": "w6a6"}
    row = at(found, scheme="w4a8dyn")
    assert row["scheme_b"] == "w6a8dyn"
    assert row["difference"] == pytest.approx((normal(seed=1) - normal()).mean(), abs=1e-12)
    assert found["settings"] == {"bits": {"a": [4], "b": [6]}}
    assert any(line.startswith("w4, a4") or "w4a4 → w6a6" in line for line in comparison_lines(found))


def test_lines_are_few_and_schemes_of_which_the_same_is_said_share_one(side):
    names = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
    a = {name: normal(seed=k) for k, name in enumerate(names)}
    b = {name: values + np.linspace(-0.01, 0.02, 16) * (k - 2) for k, (name, values) in enumerate(a.items())}
    found = compare(side(a, bits=(2, 3, 4, 5)), side(b, bits=(2, 3, 4, 5), lr=0.3))
    lines = comparison_lines(found)
    shared = next(line for line in lines if line.startswith("w2, a2"))
    assert "w8a8dyn" in shared
    rows = [row for row in found["comparisons"] if row["metric"] == "heldout_accuracy_quantized"]
    for k, row in enumerate(rows):  # every scheme says something else
        row["difference"] += 0.001 * k
    apart = comparison_lines(found)
    assert len(apart) <= 4 + MOST_PAIRS + 3
    assert apart[3 + MOST_PAIRS].endswith("13 more in compare.json")


def test_real_differences_are_named_by_size(side):
    names = ("relu", "silu", "gelu", "prelu", "hardswish")
    a = {name: normal(seed=k) for k, name in enumerate(names)}
    shifts = dict(zip(names, (0.01, 0.03, -0.02, 0.05, 0.04), strict=True))
    b = {name: a[name] + shifts[name] * np.linspace(0.9, 1.1, 16) for name in names}
    line = next(line for line in comparison_lines(compare(side(a), side(b))) if line.startswith("w4"))
    higher = "higher at 4 of 5 (prelu +5.0, hardswish +4.0, silu +3.0, 1 more, the least +1.0)"
    assert higher in line
    assert "lower at 1 of 5 (gelu -2.0)" in line
    places = [line.index(name) for name in ("prelu", "hardswish", "silu", "gelu -")]
    assert all(one < other for one, other in pairwise(places))


def test_every_metric_knows_which_way_is_better():
    assert HIGHER_IS_BETTER == {
        "heldout_accuracy_float": True,
        "heldout_accuracy_quantized": True,
        "heldout_accuracy_drop": False,
        "flip_rate": False,
    }
    assert pair_name("w4", "w4") == "w4"


def function(fingerprint, made_of="m", trace=("1 1",)):
    return MADE | {"functions": {"mine:f": {"fingerprint": fingerprint, "made_of": made_of, "trace": list(trace)}}}


def test_two_functions_of_one_name_differ_by_no_setting(side):
    values = {"relu": normal(24), "mine:f": normal(24)}
    worse = {name: row - 0.1 for name, row in values.items()}
    settings = {"activations": ("relu", "mine:f")}
    a = side(values, manifest=function("one"), **settings)
    b = side(worse, manifest=function("two", made_of="n"), lr=0.03, **settings)
    found = compare(a, b)
    assert found["functions"] == {"mine:f": {"a": "one", "b": "two"}}
    row = at(found, name="mine:f")
    assert (row["p"], row["p_holm"], row["real"], row["better"]) == (None, None, False, None)
    assert row["difference"] == pytest.approx(-0.1)
    assert at(found, name="relu")["real"]
    alone = compare(side({"relu": values["relu"]}), side({"relu": worse["relu"]}, lr=0.03))
    assert at(found, name="relu")["p_holm"] == at(alone, name="relu")["p_holm"]  # nor are they corrected for
    assert "mine:f is another function in B: its differences are no effect of settings, none is tested" in (
        comparison_lines(found)
    )


def test_the_same_function_rounded_elsewhere_is_the_same(side):
    values = {"mine:f": normal(4)}
    a, b = (side(values, manifest=function(one, trace=[trace])) for one, trace in (("x", "1 1"), ("y", "1.0000001 1")))
    found = compare(a, b)
    assert found["functions"] == {}
    assert found["same"]
    c = side(values, manifest=function("y", trace=["1.001 1"]))
    found = compare(a, c)
    assert list(found["functions"]) == ["mine:f"]
    assert not found["same"]
    assert not any("too few" in line for line in comparison_lines(found))


@pytest.mark.parametrize(
    ("field", "ours", "theirs"),
    [("target", {}, {"target": "digits"}), ("task", {"target": "a.png"}, {"target": "a.png", "task": "regression"})],
)
def test_runs_of_different_targets_are_refused(side, field, ours, theirs):
    a, b = side({"relu": normal()}, **ours), side({"relu": normal()}, **theirs)
    given, other = getattr(b.config, field), getattr(a.config, field)
    said = f"RUN_B: {field}: '{given}' is not allowed; RUN_A has {other}, and only runs of the same {field}"
    with pytest.raises(BadInput, match=said):
        compare(a, b)


def test_runs_of_numbers_are_refused_so_far(side):
    a = side({"relu": normal()}, target="sine")
    with pytest.raises(BadInput, match="RUN_A: task: 'regression' is not allowed; only runs of classes are compared"):
        compare(a, a)


def test_runs_of_other_classes_pair_where_their_labels_are_the_same(side):
    a, b = (side({"relu": normal()}, target="digits") for _ in range(2))
    assert compare(a, b)["seeds"]["paired"]
    masks = b.masks.copy()
    masks[2] = ~masks[2]
    with pytest.raises(BadInput, match="RUN_B: data: 'seed 2' is not allowed; the labels of RUN_A"):
        compare(a, replace(b, masks=masks))

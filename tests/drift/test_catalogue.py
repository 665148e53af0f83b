import doctest
import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import quantstudy.drift
from quantstudy.drift import catalogue
from quantstudy.drift.catalogue import FOLD_METRICS, METRICS, metric
from quantstudy.drift.classes import class_drift, float_classes
from quantstudy.drift.complexity import complexity_measures
from quantstudy.drift.contours import boundary_measures, contours, crease_measures
from quantstudy.drift.decision import decision_measures
from quantstudy.drift.folds import fold_measures
from quantstudy.drift.layers import layer_measures
from quantstudy.drift.numbers import float_numbers, number_drift
from quantstudy.drift.ranges import code_measures, range_measures
from quantstudy.drift.topology import island_measures

MODULES = [module.name for module in pkgutil.iter_modules(quantstudy.drift.__path__, "quantstudy.drift.")]


@pytest.mark.parametrize("name", MODULES)
def test_every_file_has_an_example_and_it_is_true(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0


def test_the_measures_return_exactly_the_names_of_the_catalogue():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    folds = fold_measures(x, x) | crease_measures(contours(x), contours(x))
    decision = decision_measures(x, x, x > 0) | boundary_measures(x, x) | island_measures(x, x)
    ranges = range_measures(x) | code_measures(x)
    assert set(folds) == set(FOLD_METRICS)
    assert set(decision) == set(catalogue.DECISION_METRICS)
    assert set(ranges) == set(catalogue.RANGE_METRICS)
    complexity = complexity_measures(x)
    assert set(complexity) == set(catalogue.COMPLEXITY_METRICS)
    logits = x.reshape(2, 3, 36)
    more = class_drift(float_classes(logits, logits.argmax(axis=-2)), logits)
    numbers = number_drift(float_numbers(logits, logits, np.ones(2)), logits)
    assert set(more) - set(decision) == set(catalogue.CLASS_METRICS)
    assert set(numbers) == {name for name in catalogue.NUMBER_METRICS if not name.startswith("heldout")}
    groups = (folds, decision, more, catalogue.NUMBER_METRICS, catalogue.HELDOUT_METRICS, ranges, complexity)
    assert set(METRICS) == set().union(*groups)
    for measures, shape in ((folds, (2, 3)), (decision, (2, 3)), (complexity, (2, 3)), (ranges, (2,))):
        assert {name: v.shape for name, v in measures.items()} == dict.fromkeys(measures, shape)
    for name in layer_measures(folds):
        assert "layer" in metric(name).scope


def test_names_fixed_by_contract():
    for name in (
        "flip_rate",
        "boundary_displacement_mean",
        "boundary_displacement_p95",
        "boundary_band_flip_rate",
        "sqnr_db",
        "accuracy_float",
        "accuracy_quantized",
        "accuracy_drop",
        "island_iou",
    ):
        assert name in METRICS


def test_every_entry_is_complete():
    for name, entry in METRICS.items():
        assert entry.name == name
        assert name == name.lower().replace("-", "_").replace(" ", "_")
        assert not name.endswith(("_isolated", "_accumulated", "_undefined"))
        assert entry.unit
        assert entry.better in ("lower", "higher", "neither")
        assert entry.scope
        assert set(entry.scope) <= {"network", "layer", "neuron"}
        assert entry.description.endswith(".")


@pytest.mark.parametrize(
    ("name", "unit", "better", "scope"),
    [
        ("flip_rate", "fraction", "lower", ("network",)),
        ("island_iou", "fraction", "higher", ("network",)),
        ("accuracy_quantized", "fraction", "higher", ("network",)),
        ("accuracy_drop", "fraction", "lower", ("network",)),
        ("logit_margin", "logit", "neither", ("network",)),
        ("wrong_to_correct", "fraction", "higher", ("network",)),
        ("boundary_displacement_mean", "pixel", "lower", ("network",)),
        ("islands_born", "count", "lower", ("network",)),
        ("sqnr_db", "dB", "higher", ("layer", "neuron")),
        ("cosine", "ratio", "higher", ("layer", "neuron")),
        ("mpeir", "ratio", "lower", ("layer", "neuron")),
        ("histogram_kl", "nat", "lower", ("layer", "neuron")),
        ("fold_complexity", "ratio", "neither", ("neuron",)),
        ("code_occupancy", "fraction", "higher", ("layer",)),
        ("code_entropy_bits", "bit", "higher", ("layer",)),
        ("clip_fraction", "fraction", "lower", ("layer",)),
    ],
)
def test_unit_direction_and_scope(name, unit, better, scope):
    assert (metric(name).unit, metric(name).better, metric(name).scope) == (unit, better, scope)


def test_suffixes():
    isolated = metric("mpeir_isolated")
    assert isolated.name == "mpeir_isolated"
    assert isolated.description.startswith(METRICS["mpeir"].description[:-1])
    assert "its inputs are float" in isolated.description
    assert "all layers before it" in metric("mpeir_accumulated").description
    undefined = metric("mpeir_undefined_accumulated")
    assert undefined.name == "mpeir_undefined_accumulated"
    assert (undefined.unit, undefined.better, undefined.scope) == ("count", "neither", ("layer",))
    assert "mpeir is undefined" in undefined.description
    assert metric("mpeir_undefined").name == "mpeir_undefined"


@pytest.mark.parametrize(
    "name", ["flips", "flip_rate_isolated", "flip_rate_undefined", "mpeir_isolated_accumulated", "_isolated", ""]
)
def test_unknown_names_list_the_choices(name):
    with pytest.raises(ValueError, match=rf"^metric '{name}' is unknown; known: flip_rate, sea_to_island, .*mpeir"):
        metric(name)


def test_the_room_loads_neither_torch_nor_pandas():
    loaded = "bool({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    code = f"import sys; import {', '.join(MODULES)}; sys.exit({loaded})"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""A network with a parameter or a logit that is not finite has no value in any table, by either backend."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from quantstudy.config.study import StudyConfig
from quantstudy.engine.worker import quantize
from quantstudy.measure.cause import cause_rows
from quantstudy.measure.cliff import cliff_rows
from quantstudy.measure.drift import decision_rows, float_rows, histogram_rows
from quantstudy.measure.evaluation import subject
from quantstudy.measure.maps import pictures
from quantstudy.measure.multiverse import multiverse_rows
from quantstudy.measure.parity import plan_rows
from quantstudy.measure.placement import placement_rows
from quantstudy.measure.sensitivity import sensitivity_rows
from quantstudy.quantize.scheme import parse_scheme

STUDY = StudyConfig(bits=(4,), activations=("hardgelu",), seeds=2, grid=9, hidden=(3, 2))
BREAKS = {
    "one weight is NaN": ("weights", 1, float("nan")),
    "the last bias is infinite": ("biases", 2, float("-inf")),
    "a first weight is infinite, and the cap hides it": ("weights", 0, float("inf")),
}


@pytest.fixture(scope="module", params=BREAKS.values(), ids=BREAKS)
def broken(request, make_subject):
    """Two networks, the second with a parameter that is not finite."""
    kind, layer, value = request.param
    on = make_subject("hardgelu")
    parts = [part.clone() for part in getattr(on.stack, kind)]
    parts[layer][1, 0, 0] = value
    return subject(replace(on.stack, **{kind: tuple(parts)}), on.seeds, on.masks, on.data.heldout)


def by_seed(tables, **where):
    frame = [row for table in tables for row in table.to_pylist()]
    chosen = [row for row in frame if all(row[key] == value for key, value in where.items())]
    assert {row["seed"] for row in chosen} == {0, 1}
    return [[row["value"] for row in chosen if row["seed"] == seed] for seed in (0, 1)]


def test_whole_says_which_networks_have_finite_parameters(broken):
    assert broken.whole.tolist() == [True, False]
    assert np.isnan(broken.logit(broken.maps.logit)[1]).all()
    assert np.isfinite(broken.logit(broken.maps.logit)[0]).all()


@pytest.mark.parametrize("scheme", ["w4", "a4", "w4a4", "w4a8dyn", "w8", "w8a8", "w8a8dyn"])
def test_both_backends(broken, scheme):
    effect = quantize(broken, STUDY, parse_scheme(scheme))
    for backend in ("simulated", "torchao") if effect.real is not None else ("simulated",):
        good, bad = by_seed(decision_rows(broken, effect), backend=backend, metric="accuracy_quantized")
        assert np.isfinite(good).all()
        assert np.isnan(bad).all()
        _, bad = by_seed(decision_rows(broken, effect), backend=backend, scope="network")
        assert np.isnan(bad).all()
    flips = [
        row["flips"] for table in plan_rows(broken, effect) for row in table.to_pylist() if row["tensor"] == "logit"
    ]
    assert flips in ([], [0, 0])  # neither backend gives the second network a class


def test_float_values(broken):
    for metric in ("accuracy_float", "heldout_accuracy_float", "logit_margin"):
        good, bad = by_seed(float_rows(broken), metric=metric)
        assert np.isfinite(good).all()
        assert np.isnan(bad).all()
    histogram_rows(broken)


@pytest.mark.parametrize("table", [sensitivity_rows, placement_rows, cliff_rows, multiverse_rows, cause_rows])
def test_every_table_beyond_the_schemes(broken, table):
    good, bad = by_seed([table(broken, STUDY)])
    assert np.isfinite(good).all()
    assert len(bad) == len(good) > 0
    assert np.isnan(bad).all()


def test_pictures_of_a_network_that_diverged_hold_no_decision(broken):
    alone = subject(broken.stack.select(slice(1, 2)), broken.seeds[1:], broken.masks[1:])
    effect = quantize(alone, STUDY, parse_scheme("w4a4"), with_torchao=False)
    found = pictures(alone, [effect], "w4a4")
    assert np.isnan(found["hardgelu/float/logit"]).all()
    assert np.isnan(found["hardgelu/w4a4/logit"]).all()


def test_where_one_backend_alone_has_a_class_every_such_pixel_differs(on):
    effect = quantize(on, STUDY, parse_scheme("w4"))
    logit = effect.real.logit.clone()
    logit[0, 0, :5] = torch.nan
    other = replace(effect, real=replace(effect.real, logit=logit))
    (flips,) = [
        [row["flips"] for row in table.to_pylist()]
        for table in plan_rows(on, other)
        if table["tensor"][0].as_py() == "logit"
    ]
    assert flips == [5, 0]

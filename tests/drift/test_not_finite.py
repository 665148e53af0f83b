"""What is not finite is NaN in every measure that looks at it, and in no other; no warning is given."""

import warnings

import numpy as np
import pytest

from quantstudy.drift import complexity, contours, decision, folds, layers, ranges, topology

BAD = [np.nan, np.inf, -np.inf]
OF_FLOAT, OF_QUANTIZED = {"accuracy_float", "logit_margin"}, {"accuracy_quantized"}


@pytest.fixture(autouse=True)
def no_warning():
    with warnings.catch_warnings(action="error"):
        yield


@pytest.fixture
def maps():
    """Float and quantized logits of two networks, [2, 9, 9], and their target."""
    random = np.random.default_rng(5)
    x = random.normal(size=(2, 9, 9)).astype(np.float32)
    return x, x + random.normal(0, 0.5, x.shape).astype(np.float32), x + random.normal(size=x.shape) > 0


def every(x, y, target):
    return {
        **decision.decision_measures(x, y, target),
        **contours.boundary_measures(x, y),
        **topology.island_measures(x, y),
    }


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("side", ["float", "quantized", "both"])
def test_one_logit_that_is_not_finite_leaves_its_network_without_values(maps, bad, side):
    x, y, target = maps
    expected = every(x, y, target)
    assert all(np.isfinite(values).all() for values in expected.values())
    for logits in {"float": (x,), "quantized": (y,), "both": (x, y)}[side]:
        logits[0, 3, 4] = bad
    kept = {"float": OF_QUANTIZED, "quantized": OF_FLOAT, "both": set()}[side]
    for name, values in every(x, y, target).items():
        assert values[1] == expected[name][1], name  # the other network is what it was
        assert (values[0] == expected[name][0]) if name in kept else np.isnan(values[0]), name
    brief = decision.brief_drift(decision.float_logits(x, target), y)
    for name, values in brief.items():
        np.testing.assert_array_equal(values, every(x, y, target)[name], err_msg=name)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "measure",
    [
        decision.flip_rate,
        decision.sea_to_island,
        decision.island_to_sea,
        decision.boundary_band_flip_rate,
        decision.island_iou,
        decision.delta_logit_mean,
        decision.bernoulli_kl,
        folds.newly_dead,
    ],
)
def test_a_measure_by_itself_has_none_either(maps, bad, measure):
    x, y, _ = maps
    for one in (0, 1):
        pair = [x.copy(), y.copy()]
        pair[one][0, 0, 0] = bad
        found = measure(*pair)
        assert np.isnan(found[0])
        assert found[1] == measure(x, y)[1]


@pytest.mark.parametrize("bad", BAD)
def test_right_and_wrong_pixels_of_a_network_that_diverged(maps, bad):
    x, y, target = maps
    y[0, 2, 2] = bad
    assert np.isnan(decision.correct_to_wrong(x, y, target)).tolist() == [True, False]
    assert np.isnan(decision.wrong_to_correct(x, y, target)).tolist() == [True, False]
    assert np.isnan(decision.accuracy(y, target)).tolist() == [True, False]
    assert np.isnan(decision.logit_margin(y)).tolist() == [True, False]


def test_a_network_of_nothing_but_nan_is_no_sea(maps):
    x, _, target = maps
    nothing = np.full_like(x, np.nan)
    assert all(np.isnan(values).all() for values in every(nothing, nothing, target).values())


@pytest.mark.parametrize("bad", BAD)
def test_neither_dead_nor_without_islands_is_a_fold_that_is_not_finite(bad):
    good = np.random.default_rng(6).normal(size=(2, 3, 9, 9))
    broken = good.copy()
    broken[0, 1, 0, 0] = bad
    assert np.isnan(ranges.range_measures(broken)["dead_share"]).tolist() == [True, False]
    for name in ("total_variation", "level_components", "fold_complexity"):
        found = complexity.complexity_measures(broken)[name]
        assert np.isnan(found).tolist() == [[False, True, False], [False] * 3], name
    assert np.isnan(complexity.level_components(broken)[0]).tolist() == [False, True, False]
    measured = folds.fold_measures(good, broken, 0.1, -1.0, 1.0)
    for name in ("sqnr_db", "nmse", "cosine", "mpeir", "rmse_over_step", "newly_dead", "histogram_kl"):
        assert np.isnan(measured[name]).tolist() == [[False, True, False], [False] * 3], name
    summary = layers.layer_measures(measured)
    assert summary["newly_dead_undefined"].tolist() == [1, 0]


def test_a_fold_of_nothing_beside_an_infinite_one_warns_of_nothing():
    nothing = np.zeros((2, 3, 4, 4))
    infinite = nothing + np.inf
    for pair in ((nothing, infinite), (infinite, nothing), (infinite, infinite), (nothing, nothing)):
        assert np.isnan(folds.fold_measures(*pair, 0.1, -1.0, 1.0)["cosine"]).all()

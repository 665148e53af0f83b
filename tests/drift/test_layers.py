import numpy as np
import pytest

from quantstudy.drift.layers import layer_measures, summarize_over_neurons


@pytest.mark.parametrize(
    ("values", "mean", "median", "undefined"),
    [
        ([1.0, 2.0, 6.0], 3.0, 2.0, 0),
        ([1.0, 2.0, 6.0, 11.0], 5.0, 4.0, 0),
        ([np.nan, 5.0, np.nan], 5.0, 5.0, 2),
        ([np.nan, 5.0, 8.0], 6.5, 6.5, 1),
        ([np.nan, np.nan], np.nan, np.nan, 2),
        ([np.nan], np.nan, np.nan, 1),
        ([7.0], 7.0, 7.0, 0),
        ([np.inf, 30.0, 40.0], np.inf, 40.0, 0),
        ([np.inf, 30.0], np.inf, np.inf, 0),
        ([np.inf, np.inf], np.inf, np.inf, 0),
        ([-1.0, -2.0, -3.0, np.nan], -2.0, -2.0, 1),
    ],
)
def test_mean_median_and_count(values, mean, median, undefined):
    summary = summarize_over_neurons(np.array(values))
    np.testing.assert_array_equal([summary.mean, summary.median, summary.undefined], [mean, median, undefined])


def test_against_numpy_and_over_the_last_axis_only():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((4, 5, 8))
    values[rng.random(values.shape) < 0.3] = np.nan
    summary = summarize_over_neurons(values)
    np.testing.assert_allclose(summary.mean, np.nanmean(values, axis=-1))
    np.testing.assert_allclose(summary.median, np.nanmedian(values, axis=-1))
    np.testing.assert_array_equal(summary.undefined, np.isnan(values).sum(axis=-1))


def test_layers_take_the_median_of_sqnr_and_the_mean_of_everything_else():
    neurons = {"sqnr_db": np.array([[np.inf, 30.0, 20.0, np.nan]]), "mpeir": np.array([[0.1, np.nan, np.nan, 0.4]])}
    out = layer_measures(neurons)
    assert list(out) == ["sqnr_db", "sqnr_db_undefined", "mpeir", "mpeir_undefined"]
    assert out["sqnr_db"] == [30.0]
    assert out["mpeir"] == [0.25]
    assert out["sqnr_db_undefined"] == [1.0]
    assert out["mpeir_undefined"] == [2.0]
    assert {v.dtype for v in out.values()} == {np.dtype(np.float64)}
    assert {v.shape for v in out.values()} == {(1,)}


@pytest.mark.parametrize("shape", [(), (0,), (3, 0)])
def test_errors_name_the_field(shape):
    with pytest.raises(ValueError, match=r"^values has shape \(.*\); it needs \[\.\.\., neurons\]"):
        summarize_over_neurons(np.zeros(shape))

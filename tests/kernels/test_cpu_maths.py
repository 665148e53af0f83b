"""The polynomials that stand for exp, log and the normal distribution, against float64 on a dense grid."""

import numpy as np
import pytest
from quantstudy_kernels.cpu import maths
from quantstudy_kernels.cpu.jit import compiled
from scipy import special, stats


@compiled()
def table(x, exps, logs, gates, shares, densities):
    for i in range(len(x)):
        exps[i] = maths.exp_of_negative(-abs(x[i]))
        logs[i] = maths.log1p_of_share(min(abs(x[i]), maths.ONE))
        gates[i] = maths.logistic(x[i])
        shares[i], densities[i] = maths.normal(x[i])


def at(x):
    x = np.asarray(x, np.float32)
    found = [np.empty_like(x) for _ in range(5)]
    table(x, *found)
    return x.astype(np.float64), [one.astype(np.float64) for one in found]


POINTS = np.concatenate([np.linspace(-100, 100, 400_001), np.linspace(-1, 1, 200_001), np.geomspace(1e-30, 1, 1000)])


@pytest.fixture(scope="module")
def found():
    return at(POINTS)


def test_exponential(found):
    x, (exps, *_) = found
    expected = np.exp(np.maximum(-np.abs(x), -87.0))
    units = np.spacing(expected.astype(np.float32)).astype(np.float64)
    assert np.abs(exps - expected).max() > 0
    assert (np.abs(exps - expected) <= 4 * units).all()


def test_logarithm(found):
    x, (_, logs, *_) = found
    assert np.abs(logs - np.log1p(np.minimum(np.abs(x), 1.0))).max() <= 1.2e-7


def test_logistic(found):
    x, (_, _, gates, *_) = found
    assert np.abs(gates - special.expit(x)).max() <= 2.5e-7


def test_normal(found):
    x, (*_, shares, densities) = found
    assert np.abs(shares - stats.norm.cdf(x)).max() <= 7e-7
    assert np.abs(densities - stats.norm.pdf(x)).max() <= 7e-7


def test_where_they_saturate_and_where_they_are_known():
    _, (exps, logs, gates, shares, densities) = at([0.0, 1.0, -16.0, 16.0, 1e30, -1e30])
    assert exps[0] == 1
    assert logs[0] == 0
    assert gates[0] == 0.5
    np.testing.assert_allclose(gates[2:], [0, 1, 1, 0], atol=2.5e-7)
    np.testing.assert_allclose(shares[2:], [0, 1, 1, 0], atol=7e-7)
    np.testing.assert_allclose(densities[2:], 0, atol=7e-7)
    assert (exps[4:] < 2e-38).all()


def test_nan_stays():
    _, (_, _, gates, shares, _) = at([np.nan])
    assert np.isnan(gates[0])
    assert np.isnan(shares[0])

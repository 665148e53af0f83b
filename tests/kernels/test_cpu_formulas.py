"""What stands for exp, log, the logistic and the normal distribution, against float64 on a dense grid."""

import numpy as np
import pytest
from numba.core import types
from numba.extending import intrinsic
from quantstudy_kernels.cpu import formulas
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import Lanes, choose, magnitude
from quantstudy_kernels.cpu.vectors import F32, LANES, load, pointer, store
from scipy import special, stats


def values_of(x):
    return (
        formulas.exp_of_negative(0 - magnitude(x)),
        formulas.log1p_of_share(choose("<", magnitude(x), 1.0, magnitude(x), 1.0)),
        formulas.logistic(x),
        *formulas.normal(x),
    )


@intrinsic
def write_values(context, x, out, at, step):
    """Write what the formulas make of the vector at `x[at]` to `out[at]`, `out[step + at]`, …"""

    def codegen(context, builder, signature, arguments):
        x, out, at, step = arguments
        for value in values_of(Lanes(builder, load(builder, pointer(context, builder, x, at)))):
            store(builder, value.value, pointer(context, builder, out, at))
            at = builder.add(at, step)
        return context.get_dummy_value()

    return types.void(F32, F32, types.intp, types.intp), codegen


@compiled()
def table(x, out, step):
    for at in range(0, step, LANES):
        write_values(x, out, at, step)


def at(x):
    x = np.asarray(x, np.float32)
    padded = np.pad(x, (0, -len(x) % LANES))
    out = np.empty((5, len(padded)), np.float32)
    table(padded, out.reshape(-1), len(padded))
    return x.astype(np.float64), list(out[:, : len(x)].astype(np.float64))


POINTS = np.concatenate([np.linspace(-100, 100, 400_001), np.linspace(-1, 1, 200_001), np.geomspace(1e-30, 1, 1000)])


@pytest.fixture(scope="module")
def found():
    return at(POINTS)


def test_exponential(found):
    x, (exps, *_) = found
    expected = np.exp(-np.abs(x))
    units = np.spacing(expected.astype(np.float32)).astype(np.float64)
    assert np.abs(exps - expected).max() > 0
    assert (np.abs(exps - expected) <= 4 * units)[np.abs(x) < 87].all()
    assert (exps[np.abs(x) >= 87] == 0).all()


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


def test_gates_end_exactly_and_what_is_known_is_exact():
    _, (exps, logs, gates, shares, densities) = at([0.0, 1.0, -16.0, 16.0, 1e30, -1e30, np.inf, -np.inf])
    assert exps[0] == 1
    assert logs[0] == 0
    assert gates[0] == 0.5
    for ends in (gates, shares):
        assert ends[2:].tolist() == [0, 1, 1, 0, 1, 0]
    assert densities[2:].tolist() == [0] * 6
    assert exps[4:].tolist() == [0] * 4


def test_nan_stays():
    _, (_, _, gates, shares, _) = at([np.nan])
    assert np.isnan(gates[0])
    assert np.isnan(shares[0])

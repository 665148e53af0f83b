"""exp and the logarithms against mpmath, at the edges, and elementwise whatever the shape."""

import math
import subprocess
import sys

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quantstudy_kernels import elementary
from quantstudy_kernels.elementary import BLOCK, exp, log, log1p, log2, log10

INF, NAN = math.inf, math.nan
LARGEST, NORMAL, LEAST = sys.float_info.max, sys.float_info.min, math.ulp(0.0)
TRUTH = {
    exp: mpmath.exp,
    log: mpmath.log,
    log1p: mpmath.log1p,
    log2: lambda x: mpmath.log(x) / mpmath.log(2),
    log10: mpmath.log10,
}

positive = st.floats(0, exclude_min=True, allow_infinity=False)
near_one = st.builds(lambda sign, power, part: 1 + sign * part * 2.0**-power,
                     st.sampled_from([1, -1]), st.integers(1, 52), st.floats(0.5, 1, exclude_max=True))  # fmt: skip


def ulps(function, x):
    """How far the result is from the truth, in units of its last place."""
    with mpmath.workprec(1200):  # 1 + 5e-324 has as many digits
        truth = TRUTH[function](mpmath.mpf(x))
        found = float(function(x))
        if truth == 0:
            return abs(found) / LEAST
        if abs(truth) >= LARGEST:
            return 0.0 if found in (math.copysign(INF, truth), math.copysign(LARGEST, truth)) else INF
        return float(abs(mpmath.mpf(found) - truth) / mpmath.mpf(math.ulp(float(truth))))


@given(st.floats(-746, 710) | st.floats(-1, 1) | st.floats(-1e-10, 1e-10))
def test_exp_is_within_an_ulp(x):
    assert ulps(exp, x) < 1


@given(positive | near_one | st.floats(0.6, 1.6))
@pytest.mark.parametrize("function", [log, log2, log10])
def test_logarithms_are_within_an_ulp(function, x):
    assert ulps(function, x) < 1


@given(st.floats(-1, exclude_min=True, allow_infinity=False) | st.floats(-1, 1, exclude_min=True) | st.floats(0, 1e-10))
def test_log1p_is_within_an_ulp(x):
    assert ulps(log1p, x) < 1


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        *((exp, x, 1.0) for x in (0.0, -0.0, LEAST, -LEAST, 1e-17)),
        *((exp, x, 0.0) for x in (-INF, -746.0, -LARGEST)),
        *((exp, x, INF) for x in (INF, 709.79, LARGEST)),
        (exp, -745.13, LEAST),
        *((function, 0.0, -INF) for function in (log, log2, log10)),
        *((function, -0.0, -INF) for function in (log, log2, log10)),
        *((function, 1.0, 0.0) for function in (log, log2, log10)),
        *((function, INF, INF) for function in (log, log1p, log2, log10)),
        *((function, x, NAN) for function in (log, log2, log10) for x in (-1.0, -LEAST, -INF, NAN)),
        *((log1p, x, NAN) for x in (-1.5, -INF, NAN)),
        (exp, NAN, NAN),
        (log1p, -1.0, -INF),
        *((log1p, x, x) for x in (0.0, LEAST, -LEAST, NORMAL, 1e-17, -1e-17)),
        (log, math.e, 1.0),
    ],
)
def test_edges(function, x, expected):
    assert function(np.array([x, 0.5]))[0] == pytest.approx(expected, rel=0, abs=0, nan_ok=True)


def test_powers_of_the_base_are_exact():
    powers = np.arange(-1074, 1024)
    assert log2(2.0**powers).tolist() == powers.tolist()
    assert log10([10.0**k for k in range(23)]).tolist() == list(range(23))


def test_neighbours_of_the_places_where_a_formula_changes():
    places = [math.sqrt(0.5), 1.0, math.sqrt(2), 2.0, NORMAL]
    around = [x for place in places for x in (np.nextafter(place, 0), place, np.nextafter(place, INF))]
    assert max(ulps(function, x) for function in (log, log2, log10) for x in around) < 1
    halves = [(k + 0.5) * math.log(2) for k in range(-40, 41)]
    assert max(ulps(exp, x) for x in (*halves, *np.nextafter(halves, 0), -708.4, -744.9)) < 1
    assert max(ulps(log1p, x - 1) for x in around[:-3]) < 1


@pytest.mark.parametrize("function", TRUTH)
def test_a_number_has_the_same_result_wherever_it_stands(function):
    x = np.abs(np.random.default_rng(0).normal(size=(2, BLOCK + 3)))
    x[1, 5], x[0, 7] = LEAST, INF  # a block with a number that takes another way
    whole = function(x)
    assert whole.shape == x.shape
    assert function(x[:, ::-1])[:, ::-1].tobytes() == whole.tobytes()
    assert [float(function(value)) for value in x[:, :9].ravel()] == whole[:, :9].ravel().tolist()
    assert function(np.zeros((0, 3))).shape == (0, 3)
    assert function(np.float32(0.3)) == function(float(np.float32(0.3)))


def test_the_argument_is_left_as_it_is():
    x = np.array([0.25, 3.0])
    for function in TRUTH:
        function(x)
    assert x.tolist() == [0.25, 3.0]


def test_it_needs_neither_torch_nor_numba():
    code = "import sys, quantstudy_kernels.elementary; print({'torch', 'numba', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert elementary.__doc__

"""The divergence of every pixel against the same formula in the array functions that it has to equal bit for bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from quantstudy_kernels.cpu.divergence import bernoulli_divergences
from quantstudy_kernels.elementary import exp, log1p

EDGES = [
    0.0,
    -0.0,
    5e-324,
    1e-30,
    0.34657359027997264,
    0.8813735870195429,
    36.8,
    708.4,
    709.8,
    745.1,
    745.2,
    746.0,
    1e300,
]
SPECIAL = [*EDGES, *(-x for x in EDGES), math.inf, -math.inf, math.nan]


def parts(x):
    """What the function takes of x, straight from its definition."""
    with np.errstate(all="ignore"):
        tail = exp(-np.abs(x))
        likely, unlikely = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    up = x > 0
    chances = np.where(up, likely, unlikely), np.where(up, unlikely, likely)
    return *chances, np.maximum(x, 0.0), np.maximum(-x, 0.0), log1p(tail)


def slowly(x, y):
    island, sea, above, below, rest = parts(x)
    with np.errstate(all="ignore"):
        more = log1p(exp(-np.abs(y))) - rest
        return island * (np.maximum(-y, 0.0) - below + more) + sea * (np.maximum(y, 0.0) - above + more)


def bits(values):
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def equal(x, y):
    np.testing.assert_array_equal(bits(bernoulli_divergences(parts(x), y)), bits(slowly(x, y)))


def test_the_edges_of_the_formulas():
    y = np.array(SPECIAL)
    for x in (0.0, -0.0, 1.5, -1.5, 40.0, -700.0):
        equal(np.full(len(y), x), y)


@pytest.mark.parametrize("scale", [1e-9, 0.1, 1.0, 10.0, 300.0])
def test_many_numbers_of_every_size(scale):
    draw = np.random.default_rng(4)
    equal(*(draw.normal(size=(2, 3, 50_003)) * scale))


floats = arrays(np.float64, 5, elements=st.floats(-800, 800))


@given(floats, floats)
def test_any_numbers(x, y):
    equal(x, y)


def test_it_is_the_divergence_of_the_two_probabilities():
    x, y = np.array([0.5, -2.0, 3.0]), np.array([0.25, 1.0, 3.0])
    p, q = 1 / (1 + np.exp(-x)), 1 / (1 + np.exp(-y))
    want = p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))
    np.testing.assert_allclose(bernoulli_divergences(parts(x), y), want, rtol=1e-12, atol=1e-15)


def test_the_turn_of_the_logarithm_is_the_nearest_number_to_the_root_of_two():
    from quantstudy_kernels.cpu.divergence import _ROOT

    distance = [abs(Fraction(v) ** 2 - 2) for v in (np.nextafter(_ROOT, 0), _ROOT, np.nextafter(_ROOT, 2))]
    assert distance[1] == min(distance)

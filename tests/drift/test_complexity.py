import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label

from quantstudy.drift import complexity as k

TINY = settings(max_examples=30, deadline=None, derandomize=True)


def slow(x):
    z = [[float(v) for v in row] for row in x]
    low, high = min(map(min, z)), max(map(max, z))
    if low == high:
        return 0.0, 0.0
    z = [[(v - low) / (high - low) for v in row] for row in z]
    rows, columns = len(z), len(z[0])
    along_x = sum(abs(row[j + 1] - row[j]) for row in z for j in range(columns - 1)) / rows
    along_y = sum(abs(z[i + 1][j] - z[i][j]) for i in range(rows - 1) for j in range(columns)) / columns
    levels = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    parts = [label(np.array([[v > level for v in row] for row in z]), connectivity=1).max() for level in levels]
    return along_x + along_y, sum(parts) / 9


@st.composite
def maps(draw):
    n = draw(st.sampled_from([1, 2, 5, 7]))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    return draw(hnp.arrays(np.float32, (*lead, n, n), elements=st.integers(-9, 9).map(np.float32)))


@TINY
@given(maps())
def test_against_the_slow_twin(x):
    fast = k.complexity_measures(x)
    for value in fast.values():
        assert value.shape == x.shape[:-2]
        assert value.dtype == np.float64
    for at in np.ndindex(x.shape[:-2]):
        variation, parts = slow(x[at])
        assert fast["total_variation"][at] == pytest.approx(variation)
        assert fast["level_components"][at] == pytest.approx(parts)
        assert fast["fold_complexity"][at] == pytest.approx(variation * parts)


def ramp(n=8, waves=1):
    return np.tile(np.abs((np.arange(n * waves) // 1 % n) / (n - 1)), (n * waves, 1))


def test_known_values():
    plain = np.tile(np.linspace(0, 1, 32), (16, 1))  # not square: 16 rows, 32 columns
    assert k.total_variation(plain) == pytest.approx(1.0)
    assert k.total_variation(plain.T * -3 + 7) == pytest.approx(1.0)
    assert k.total_variation(plain[:, ::2] + plain[:, ::2].T) == pytest.approx(1.0)
    assert k.level_components(plain) == 1.0
    stripes = np.tile([0.0, 1.0, 0.0, 1.0], (4, 1))
    assert k.total_variation(stripes) == 3.0
    assert k.level_components(stripes) == 2.0
    assert k.complexity_measures(stripes)["fold_complexity"] == 6.0
    assert k.complexity_measures(np.full((3, 3), 5.0)) == dict.fromkeys(
        ["total_variation", "level_components", "fold_complexity"], 0.0
    )


def test_components_are_strictly_above_nine_levels():
    x = np.zeros((1, 41))
    x[0, 1:-1:2] = np.linspace(0.05, 1.0, 20)  # single pixels, one every 0.05
    # above k/10 lie 20 - 2k of them
    assert k.level_components(np.concatenate([x, np.zeros((1, 41))])) == np.mean([20 - 2 * i for i in range(1, 10)])


def test_maps_that_are_not_finite_do_not_warn():
    x = np.zeros((2, 2, 2))
    x[0, 0, 0], x[1, 1, 1] = np.nan, np.inf
    assert np.isnan(k.total_variation(x)).all()
    assert np.isnan(k.complexity_measures(x)["fold_complexity"]).all()


STRIPES = np.tile([0.0, 1.0, 0.0, 1.0], (4, 1))
RAMP = np.tile(np.linspace(0.0, 1.0, 4), (4, 1))
DEAD = np.full((4, 4), 3.0)


def walk(chain):
    return [(step.layer, step.neuron, step.share) for step in chain.steps]


def test_the_chain_follows_weight_times_spread():
    maps = [np.stack([RAMP, 10 * RAMP]), np.stack([RAMP, DEAD, STRIPES]), np.stack([RAMP, STRIPES, DEAD])]
    first = np.array([[1.0, 0.0], [9.0, 9.0], [-12.0, 1.0]])
    second = np.array([[9.0, 9.0, 9.0], [0.1, 99.0, -0.3], [9.0, 9.0, 9.0]])
    chain = k.chain_of_folds(maps, [first, second])
    assert chain.reason == ""
    assert [(step.layer, step.neuron) for step in chain.steps] == [(2, 1), (1, 2), (0, 0)]
    assert math.isnan(chain.steps[0].share)
    parts = 0.1 * RAMP.std() + 0.3 * STRIPES.std()
    assert chain.steps[1].share == pytest.approx(0.3 * STRIPES.std() / parts)
    assert chain.steps[2].share == pytest.approx(12 / 22)


def test_one_layer_and_ties():
    chain = k.chain_of_folds([np.stack([DEAD, STRIPES, STRIPES])], [])
    assert [(step.layer, step.neuron) for step in chain.steps] == [(0, 1)]
    assert chain.reason == ""
    corner = np.zeros((4, 4))
    corner[0, 0] = 1.0
    quiet = k.chain_of_folds([np.stack([DEAD, corner])], [])  # complexities 0 and 0.5
    assert quiet.steps[0].neuron == 1
    tied = k.chain_of_folds([np.stack([RAMP, RAMP]), RAMP[None]], [np.array([[1.0, -1.0]])])
    assert walk(tied)[1] == (0, 0, 0.5)


def test_dead_layers_end_the_chain_with_a_reason():
    weights = [np.ones((2, 2))]
    assert k.chain_of_folds([np.stack([RAMP, RAMP]), np.stack([DEAD, DEAD])], weights) == k.Chain(
        (), "layer 1: every neuron is dead"
    )
    broken = k.chain_of_folds([np.stack([DEAD, DEAD]), np.stack([DEAD, STRIPES])], weights)
    assert [(step.layer, step.neuron) for step in broken.steps] == [(1, 1)]
    assert broken.reason == "layer 0: nothing reaches neuron 1 of layer 1"
    cut = k.chain_of_folds([np.stack([RAMP, RAMP]), np.stack([DEAD, STRIPES])], [np.array([[1.0, 1.0], [0.0, 0.0]])])
    assert cut.reason == "layer 0: nothing reaches neuron 1 of layer 1"


def test_neurons_that_are_not_finite_are_passed_over():
    wild = np.full((4, 4), np.nan)
    wild[0, 0] = np.inf
    chain = k.chain_of_folds([np.stack([wild, RAMP]), np.stack([wild, STRIPES])], [np.ones((2, 2))])
    assert walk(chain)[1:] == [(0, 1, 1.0)]
    assert chain.steps[0].neuron == 1
    assert k.chain_of_folds([wild[None]], []).reason == "layer 0: every neuron is dead"


def test_errors_name_the_field():
    with pytest.raises(ValueError, match=r"^maps has 0 layers; a chain needs at least one"):
        k.chain_of_folds([], [])
    with pytest.raises(ValueError, match=r"^weights has 1 layers; it needs one less than maps, which has 1"):
        k.chain_of_folds([RAMP[None]], [np.ones((1, 1))])
    with pytest.raises(ValueError, match=r"^weights\[1\] has shape \(2, 1\); it must be \(1, 2\)"):
        k.chain_of_folds([RAMP[None], np.stack([RAMP, RAMP]), RAMP[None]], [np.ones((2, 1)), np.ones((2, 1))])
    for measure in (k.total_variation, k.level_components, k.complexity_measures):
        with pytest.raises(ValueError, match=r"^x has shape \(3,\)"):
            measure(np.zeros(3))

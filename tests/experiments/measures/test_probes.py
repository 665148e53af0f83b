import numpy as np
import pytest

from experiments.measures.probes import constant, function_r2, layer_r2, line_r2


def slow_r2(target, outputs):
    design = np.column_stack([*outputs, np.ones(len(target))]).astype(np.float64)
    fitted = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return 1.0 - ((target - fitted) ** 2).sum() / ((target - target.mean()) ** 2).sum()


@pytest.fixture
def maps():
    """Pre-activations [models, neurons, points] and their outputs through relu."""
    draws = np.random.default_rng(0)
    planes = draws.standard_normal((3, 5, 2)) @ draws.uniform(-1, 1, (2, 400)) + draws.standard_normal((3, 5, 1))
    return planes, np.maximum(planes, 0.0)


def test_each_probe_against_least_squares_written_out(maps):
    targets, outputs = maps
    own, layer = line_r2(targets, outputs), layer_r2(targets, outputs)
    assert own.shape == layer.shape == (3, 5)
    for model, neuron in np.ndindex(3, 5):
        if outputs[model, neuron].any():
            slow = slow_r2(targets[model, neuron], outputs[model, neuron : neuron + 1])
            assert own[model, neuron] == pytest.approx(slow, abs=1e-12)
        assert layer[model, neuron] == pytest.approx(slow_r2(targets[model, neuron], outputs[model]), abs=1e-9)
    assert (layer >= own - 1e-12).all()


def test_scales_and_offsets_do_not_matter(maps):
    targets, outputs = maps
    scales, offsets = 10.0 ** np.arange(-9, 6, 3)[:, None], np.arange(5.0)[:, None]
    assert line_r2(7.0 - targets, scales * outputs) == pytest.approx(line_r2(targets, outputs), nan_ok=True)
    moved = layer_r2(7.0 - targets, scales * (outputs + offsets))
    assert moved == pytest.approx(layer_r2(targets, outputs), abs=1e-9)


def test_outputs_that_repeat_others_or_stand_still_add_nothing(maps):
    targets, outputs = maps
    more = np.concatenate([outputs, outputs[:, :2] + outputs[:, 2:4], np.full((3, 1, 400), 0.3)], axis=1)
    assert layer_r2(targets, more) == pytest.approx(layer_r2(targets, outputs), abs=1e-9)
    assert layer_r2(targets, np.full((3, 2, 400), 0.1)).tolist() == [[0.0] * 5] * 3


def test_what_is_not_there_and_what_tells_nothing(maps):
    targets, outputs = (values.copy() for values in maps)
    outputs[0, 1] = 0.7
    targets[1, 2] = np.float32(-0.3)
    own, layer = line_r2(targets, outputs), layer_r2(targets, outputs)
    assert own[0, 1] == 0.0
    assert np.argwhere(np.isnan(own)).tolist() == np.argwhere(np.isnan(layer)).tolist() == [[1, 2]]
    assert constant(targets).sum() == 1


def test_float32_that_moves_by_its_last_bit_is_no_constant():
    step = np.array([1.0, 1.0, np.nextafter(np.float32(1.0), np.float32(2.0))], dtype=np.float32)
    assert line_r2(np.array([0.0, 0.0, 1.0]), step) == pytest.approx(1.0)


def test_too_few_points():
    with pytest.raises(ValueError, match="outputs has 8 points"):
        layer_r2(np.zeros((3, 8)), np.zeros((6, 8)))


def test_the_best_function_against_groups_one_by_one(maps):
    targets, outputs = (values.astype(np.float32) for values in maps)
    found = function_r2(targets, outputs, together=10)
    for at in np.ndindex(3, 5):
        ranks = [(outputs[at] < value).sum() // 10 for value in outputs[at]]
        target = targets[at].astype(np.float64)
        fitted = np.array([np.mean(target[np.equal(ranks, rank)]) for rank in ranks])
        slow = 1.0 - ((target - fitted) ** 2).sum() / ((target - target.mean()) ** 2).sum()
        assert found[at] == pytest.approx(slow, abs=1e-9)


def test_a_function_that_can_be_turned_round_loses_nothing_and_a_fold_the_sign():
    z = np.linspace(-1.0, 1.0, 4001)[None]
    assert line_r2(z, np.maximum(z, 0.01 * z))[0] == pytest.approx(0.81 / 1.03, abs=0.02)
    assert function_r2(z, np.maximum(z, 0.01 * z))[0] == pytest.approx(1.0, abs=1e-3)
    assert function_r2(z, np.abs(z))[0] == pytest.approx(0.0, abs=1e-3)
    half = function_r2(z, np.maximum(z, 0.0))[
        0
    ]  # within the negative half stays a variance of 1/12, for half the points
    assert half == pytest.approx(1.0 - 0.5 / 12.0 / (1.0 / 3.0), abs=1e-3)
    assert np.isnan(function_r2(np.zeros((1, 9)), np.arange(9.0)[None]))
    assert function_r2(np.arange(9.0)[None], np.zeros((1, 9))) == [0.0]

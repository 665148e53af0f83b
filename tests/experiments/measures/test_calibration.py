import math

import numpy as np
import pytest

from experiments.measures.calibration import confidence, cross_entropy, expected_calibration_error


def slow_error(logits, target, bins):
    """Equation 3 of Guo et al., point by point."""
    inside = [[] for _ in range(bins)]
    for logit, island in zip(logits, target, strict=True):
        probability = 1.0 / (1.0 + math.exp(-logit))
        sure = max(probability, 1.0 - probability)
        number = next(m for m in range(bins) if m / bins < sure <= (m + 1) / bins)
        inside[number].append((sure, (logit > 0) == island))
    return sum(
        len(found) / len(logits) * abs(np.mean([right for _, right in found]) - np.mean([sure for sure, _ in found]))
        for found in inside
        if found
    )


@pytest.mark.parametrize("bins", [1, 2, 10, 15])
def test_the_error_is_that_of_the_obvious_loops(bins):
    draws = np.random.default_rng(bins)
    logits = draws.normal(0.0, 3.0, (2, 3, 400)).astype(np.float32)
    target = draws.random((2, 3, 400)) < 0.5
    found = expected_calibration_error(logits, target, bins)
    assert found.shape == (2, 3)
    for place in np.ndindex(2, 3):
        assert found[place] == pytest.approx(slow_error(logits[place].tolist(), target[place], bins), abs=1e-6)


def test_a_network_that_knows_how_sure_it_is_has_no_error():
    draws = np.random.default_rng(0)
    logits = draws.normal(0.0, 2.0, (4, 200_000))
    target = draws.random(logits.shape) < 1.0 / (1.0 + np.exp(-logits))
    assert expected_calibration_error(logits, target).max() < 0.01
    # three times as sure and no more right
    assert expected_calibration_error(3.0 * logits, target).min() > 0.1


def test_sure_and_wrong_is_the_worst():
    logits, target = np.array([[80.0, -80.0]] * 3), np.array([[True, False], [False, True], [True, True]])
    assert expected_calibration_error(logits, target).tolist() == [0.0, 1.0, 0.5]
    assert confidence(logits).min() == 1.0


def test_a_confidence_on_the_edge_of_two_bins_is_in_the_lower():
    sure = 1.0 / (1.0 + math.exp(-3.0))
    found = expected_calibration_error(np.array([0.0, 3.0, 3.0]), np.array([True, True, True]), bins=2)
    assert found == pytest.approx((0.5 + 2.0 * (1.0 - sure)) / 3.0)


def test_half_sure_points_are_counted_and_infinite_logits_are_sure():
    assert expected_calibration_error(np.zeros(4), np.array([True, False, False, False])) == pytest.approx(0.25)
    assert expected_calibration_error(np.array([np.inf, -np.inf]), np.array([True, False])).tolist() == 0.0


def test_cross_entropy_by_hand_and_without_overflow():
    logits = np.array([[2.0, -1.0], [1e4, -1e4]])
    target = np.array([[True, True], [False, False]])
    by_hand = -(math.log(1 / (1 + math.exp(-2.0))) + math.log(1 / (1 + math.exp(1.0)))) / 2
    assert cross_entropy(logits, target) == pytest.approx([by_hand, 5e3])
    assert cross_entropy(-logits, target).tolist()[1] == 5e3


@pytest.mark.parametrize("measure", [expected_calibration_error, cross_entropy])
@pytest.mark.parametrize(("one", "other"), [((3,), (4,)), ((2, 0), (2, 0)), ((), ())])
def test_what_has_no_points_or_other_shapes_is_refused(measure, one, other):
    with pytest.raises(ValueError, match="same"):
        measure(np.zeros(one), np.zeros(other, bool))

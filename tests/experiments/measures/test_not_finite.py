"""What is not finite is NaN in the measures of the claims too, and in no other network's; no warning is given."""

import numpy as np

from experiments.measures import calibration, curvature


def test_curves_and_confidence_of_a_map_that_is_not_finite():
    ramp = np.tile(np.arange(6.0) - 2.5, (2, 6, 1))
    ramp[0, 0, 0] = np.nan
    assert curvature.crossings(ramp).found.any(axis=1).tolist() == [False, True]
    logits, target = ramp.reshape(2, -1), np.ones((2, 36), bool)
    assert np.isnan(calibration.expected_calibration_error(logits, target)).tolist() == [True, False]
    assert np.isnan(calibration.cross_entropy(logits, target)).tolist() == [True, False]
    sure = calibration.expected_calibration_error(np.array([np.inf, -np.inf]), np.array([True, True]))
    assert sure == 0.5  # infinitely sure, and right half of the time

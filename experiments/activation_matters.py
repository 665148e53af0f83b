"""Just use some activation? Does the choice matter less than the seed?

Components of variance of the float accuracy: between activations (without what seeds explain) and between seeds, at one
shared learning rate and at each activation's own.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3)
"""Peak learning rates to choose from, per activation."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""

CLAIM = Claim(
    name="activation_matters",
    says="In float it does not matter much: just use some activation.",
    measured="Standard deviation of the float accuracy between activations (its component of variance) against that "
    "between the seeds of one activation, at the shared learning rate and at each activation's own; the same at w4a4.",
    parts=(
        Part(
            "shared",
            "activations differ less than seeds at the shared rate (standard deviations, seeds minus activations)",
            0.0,
            "points",
            100.0,
        ),
        Part("tuned", "and at each activation's own rate", 0.0, "points", 100.0),
        Part(
            "within_a_point",
            (
                "the best and the worst activation are within one point in the mean at their own rates (1 minus "
                "their distance)"
            ),
            0.0,
            "points",
            100.0,
        ),
        Part(
            "at_4_bits",
            "activations differ less than seeds after quantization to w4a4",
            0.0,
            "points",
            100.0,
            decides=False,
        ),
        Part("at_8_bits", "and after quantization to w8a8", 0.0, "points", 100.0, decides=False),
    ),
)

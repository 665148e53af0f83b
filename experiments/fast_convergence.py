"""Do bounded, hard activations converge faster?

Steps until a network first reaches 90, 95 and 97 % accuracy on the plane, each activation at its own best learning
rate, tuned on other seeds. A run that never gets there is censored at the last step, not dropped.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()
RATES = (0.01, 0.03, 0.1, 0.2, 0.3)
"""Peak learning rates to choose from, per activation, by the mean accuracy after the last step."""
TUNING_SEEDS = (1000, 1016)
"""Seeds that the rates are chosen on, first and last + 1: none of those that are compared."""

CLAIM = Claim(
    name="fast_convergence",
    says="Bounded (hard) activations converge faster.",
    measured=(
        "Restricted mean number of steps to 90, 95 and 97 % accuracy (runs that never get there count as the whole "
        "3000 steps) at each activation's own rate; how much shorter hardgelu's is, as a share of the others' mean."
    ),
    parts=(
        Part(
            "steps_95",
            "hardgelu reaches 95 % in fewer steps than the mean of the six unbounded ones",
            0.1,
            "% of their steps",
            100.0,
        ),
        Part("bound_95", "and than itself without its cap", 0.1, "% of its steps", 100.0),
        Part(
            "steps_90",
            "hardgelu reaches 90 % in fewer steps than the six",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "steps_97",
            "hardgelu reaches 97 % in fewer steps than the six",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
        Part(
            "hard_95",
            "hardswish and hardgelu reach 95 % in fewer steps than silu and gelu",
            0.1,
            "% of their steps",
            100.0,
            decides=False,
        ),
    ),
)

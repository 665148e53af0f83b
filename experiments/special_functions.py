"""Do Swish and GELU need the special-function unit, and do they slow a job by up to 10 %?

Instructions counted in machine code, and end-to-end training steps timed as ratios to relu in the same round: the
study's network by the fused trainer, and a 4096-wide MLP in plain torch and with single-pass kernels.
"""

from quantstudy.judge.claims import Claim, Part

CLAIM = Claim(
    name="special_functions",
    says="Swish and GELU need the special-function unit and slow a job, by up to 10 %.",
    measured=(
        "Special-function (MUFU) instructions per element in code compiled for a GPU; time of a whole training step"
        " on this CPU over relu's in the same round: this network fused, a 4096-wide MLP plain and with single-pass"
        " kernels."
    ),
    parts=(
        Part(
            "needs_unit",
            "silu and gelu take special-function instructions, the other five none (fewest of those two "
            "minus most of the five, forward and backward)",
            0.0,
            "instructions",
            exact=True,
        ),
        Part("slows_small", "silu and gelu slow a training step of this network, fused", 0.01, "%", 100.0),
        Part("slows_wide", "silu and gelu slow a training step of a 4096-wide MLP in plain torch", 0.01, "%", 100.0),
        Part(
            "up_to_a_tenth", "by at most 10 % in all three (0.10 minus the worst slow-down of the two)", 0.0, "%", 100.0
        ),
        Part("slows_wide_fused", "and with single-pass kernels", 0.01, "%", 100.0, decides=False),
        Part("gpu", "silu and gelu slow a training step of this network on a GPU", 0.01, "%", 100.0, decides=False),
    ),
    alone=True,
)

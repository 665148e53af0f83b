"""Can LeakyReLU not gate with one neuron, and does it need pairs that cancel?

A gate is a value here and exactly 0 there. Fits of single neurons and small groups to random step and bump gates on a
line, without a bias behind them; then the networks of the default study: where neurons are exactly 0, and how much of
what flows into a neuron cancels.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()

CLAIM = Claim(
    name="gating",
    says="LeakyReLU cannot gate with a single neuron: it needs several that cancel each other.",
    measured=(
        "Error (RMS, as a share of the gate's value) of the best fit to random step gates by 1, 2 and 4 neurons; in"
        " the trained networks the area where a neuron is exactly 0, and 1 − |Σ wx| / Σ |wx| of what flows into a "
        "neuron."
    ),
    parts=(
        Part("one_leaks", "one leaky neuron fits a step gate worse than one relu neuron", 0.05),
        Part("pair_helps", "two leaky neurons fit it better than one", 0.05),
        Part(
            "nets_cancel", "more of what flows into a neuron cancels in leaky_relu networks than in relu networks", 0.02
        ),
        Part(
            "never_off",
            "relu neurons are exactly 0 on more of the plane than leaky ones",
            0.05,
            "points of area",
            100.0,
            decides=False,
        ),
        Part("bump", "one leaky neuron fits a bump gate worse than one relu neuron", 0.05, decides=False),
    ),
)

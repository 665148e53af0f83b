"""For islands that change shape by changes of the weights alone, does a smooth unbounded activation do better?

Three-dimensional Perlin noise: the water level and the time slice move in small steps, and after each the networks are
fine-tuned from their last weights for a few steps.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()

CLAIM = Claim(
    name="evolving_islands",
    says="For islands that change shape by changes of the weights alone, smooth unbounded activations do better.",
    measured=(
        "Accuracy while time and water level move in small steps with a short fine-tuning after each; length of the"
        " path of the weights; accuracy of networks with interpolated weights on the islands in between. Mean of "
        "silu and gelu minus hardgelu."
    ),
    parts=(
        Part("tracks", "silu and gelu follow the islands more accurately than hardgelu", 0.01, "points", 100.0),
        Part(
            "interpolates",
            "half-way weights of silu and gelu draw the half-way islands more accurately",
            0.01,
            "points",
            100.0,
        ),
        Part("shorter_path", "their weights move less (share of hardgelu's path)", 0.05, "%", 100.0, decides=False),
        Part(
            "tracks_kinked",
            "silu and gelu follow more accurately than relu, leaky_relu, prelu and hardswish",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
        Part(
            "bound",
            "hardgelu without its cap follows more accurately than with it",
            0.01,
            "points",
            100.0,
            decides=False,
        ),
    ),
)

"""Do bounded and hard activations fail outside the plane that they were trained on?

Networks trained on [−1, 1]², asked about the ring out to [−2, 2]², where the same Perlin field goes on.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()

CLAIM = Claim(
    name="extrapolation",
    says="Bounded and hard activations fail outside the trained plane, where smooth unbounded ones go on.",
    measured="Accuracy and calibration (expected calibration error, cross-entropy) in the ring between [−1, 1]² and "
    "[−2, 2]², by distance from the plane: mean of silu and gelu minus hardgelu; behaviour far out.",
    parts=(
        Part("accuracy", "silu and gelu are more accurate in the ring than hardgelu", 0.02, "points", 100.0),
        Part(
            "calibration",
            "hardgelu's calibration error in the ring is larger than that of silu and gelu",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "useful",
            "silu and gelu are better in the ring than always naming the more frequent class",
            0.02,
            "points",
            100.0,
        ),
        Part(
            "hard", "silu and gelu are more accurate in the ring than hardswish", 0.02, "points", 100.0, decides=False
        ),
        Part(
            "near",
            "silu and gelu are more accurate than hardgelu within 0.25 of the plane",
            0.02,
            "points",
            100.0,
            decides=False,
        ),
    ),
)

"""Do continuous, smooth activations use their capacity for information better?

Effective rank and participation ratio of the hidden representations of the default study's networks, and how much the
code of a single quantized neuron tells of the class.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig(bits=(4, 8))

CLAIM = Claim(
    name="capacity",
    says="Continuous, smooth functions use their capacity for information better.",
    measured=(
        "Effective rank and participation ratio of each hidden layer over the plane, and mutual information of "
        "single neurons' codes with the class at 8 and 4 bits: silu and gelu minus the mean of the other five."
    ),
    parts=(
        Part("rank", "effective rank of the last hidden layer is higher (dimensions of 8)", 0.25, "dimensions"),
        Part(
            "information_8",
            "a single neuron's 8-bit code tells more of the class, mean of all hidden neurons",
            0.02,
            "bits",
        ),
        Part("information_4", "and its 4-bit code", 0.02, "bits"),
        Part(
            "participation", "participation ratio of the last hidden layer is higher", 0.25, "dimensions", decides=False
        ),
        Part("rank_all", "effective rank is higher, mean of the hidden layers", 0.25, "dimensions", decides=False),
        Part(
            "bounded",
            "effective rank of the last hidden layer is higher than hardgelu's alone",
            0.25,
            "dimensions",
            decides=False,
        ),
    ),
)

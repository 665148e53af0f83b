"""Does a bounded activation fill the quantizer's buckets more evenly?

Codes of the hidden outputs of the default study's float networks under the study's own min-max quantizers.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig(bits=(4, 8))

CLAIM = Claim(
    name="even_buckets",
    says="A bounded activation such as HardGELU fills the buckets of a quantizer more evenly.",
    measured=(
        "Entropy of the codes of the hidden outputs at 4 and 8 bits, their occupancy and the share of codes on the "
        "negative lobe, per layer; hardgelu minus the mean of the six unbounded ones, and minus itself without its "
        "cap."
    ),
    parts=(
        Part("entropy_4", "hardgelu's codes have more entropy at 4 bits, mean of the layers", 0.1, "bits"),
        Part("entropy_8", "and at 8 bits", 0.1, "bits"),
        Part(
            "cap_4",
            "the cap alone gives more entropy at 4 bits (hardgelu minus hardgelu_uncapped)",
            0.1,
            "bits",
            decides=False,
        ),
        Part("cap_8", "and at 8 bits", 0.1, "bits", decides=False),
        Part("occupancy_8", "hardgelu uses more of the codes at 8 bits", 0.02, "points of share", 100.0, decides=False),
        Part(
            "negative_8",
            "hardgelu spends fewer codes on the negative lobe at 8 bits",
            0.02,
            "points of share",
            100.0,
            decides=False,
        ),
    ),
)

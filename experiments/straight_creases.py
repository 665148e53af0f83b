"""Do ReLU and its kin draw straight lines only, and does that limit them?

Curvature of the decision boundary between its vertices, exact from the network's derivatives in float64, and the
accuracy that the straight ones give away, by width and depth; beside them the number of linear regions.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()

CLAIM = Claim(
    name="straight_creases",
    says="ReLU and its kin draw straight lines only, and that can be a limitation.",
    measured=(
        "Share of points of the decision boundary whose curvature is 0 (below 1e-6 per plane half-width), for relu,"
        " leaky_relu, prelu; float accuracy of silu and gelu minus that of those three at 8,8,8, and by width and "
        "depth."
    ),
    parts=(
        Part("straight", "nearly all of the boundary of relu, leaky_relu and prelu is straight (share)", 0.99),
        Part("curved", "nearly all of the boundary of silu and gelu is curved (share)", 0.99),
        Part("limits", "silu and gelu are more accurate than the straight ones at 8,8,8", 0.01, "points", 100.0),
        Part("limits_small", "and at 4,4", 0.01, "points", 100.0, decides=False),
        Part("limits_wide", "and at 32,32,32", 0.01, "points", 100.0, decides=False),
    ),
)

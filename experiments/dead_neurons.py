"""Does ReLU kill neurons, and does it lose what the negative was?

The networks of the default study over the whole plane. A neuron that is 0 on the whole plane is dead; a neuron's output
tells as much of its pre-activation as a linear probe can recover from it: R² of the least-squares line over the plane.
"""

from quantstudy.config import StudyConfig
from quantstudy.judge.claims import Claim, Part

STUDY = StudyConfig()

CLAIM = Claim(
    name="dead_neurons",
    says="ReLU kills neurons and loses what the negative was.",
    measured=(
        "Share of hidden neurons that are 0 on the whole plane and on at least 90 % of it; R² of a linear probe "
        "that recovers a neuron's pre-activation from its own output, and from all outputs of its layer. relu minus"
        " the mean of the other six."
    ),
    parts=(
        Part("dead", "more of relu's neurons are 0 on the whole plane", 0.05, "points of share", 100.0),
        Part("loses_own", "relu's own output tells less of the pre-activation (R²)", 0.05),
        Part(
            "mostly_off",
            "more of relu's neurons are 0 on ≥ 90 % of the plane",
            0.05,
            "points of share",
            100.0,
            decides=False,
        ),
        Part("loses_layer", "the layer's outputs tell less of the pre-activation (R²)", 0.05, decides=False),
    ),
)

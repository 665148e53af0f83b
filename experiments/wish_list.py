"""In-place gradients, cheap, gating, no dead neurons, smooth, fast, robust: which activation meets most wishes?

Made from the tables of the other claims and nothing else. A wish is met or not, by a bound that is written down here.
"""

from quantstudy.judge.claims import Claim, Part

WISHES = {
    "in_place": "the gradient can be had from the output alone",
    "cheap": "no special-function instruction, forward or backward",
    "gating": "exactly 0 on a half line: one neuron can switch itself off",
    "no_dead": "at most 1 % of the hidden neurons are 0 on the whole plane (mean over the seeds)",
    "smooth": "a continuous derivative",
    "fast": "restricted mean steps to 95 % within 10 % of the fastest activation's",
    "robust": "at most 2 points of accuracy lost at wBaB in the mean, or at most 2 more than the least of the seven",
}
"""What each wish asks for; `robust` is asked at 8 and at 4 bits."""

CLAIM = Claim(
    name="wish_list",
    says="Among all wishes a bounded, hard one such as HardGELU is the best compromise for quantized inference.",
    measured=(
        "Number of wishes met out of seven (in-place gradient, cheap, gating, no dead neurons, smooth, fast, "
        "robust), each by a bound on what the other claims measured: hardgelu minus the best of the other six."
    ),
    parts=(
        Part("at_8_bits", "hardgelu meets more wishes than any other at 8 bits", 0.0, "wishes", exact=True),
        Part("at_4_bits", "and at 4 bits", 0.0, "wishes", exact=True),
    ),
    needs=(
        "dead_neurons",
        "special_functions",
        "backward_memory",
        "gating",
        "straight_creases",
        "fast_convergence",
        "activation_matters",
    ),
)

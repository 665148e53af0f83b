"""Do monotonic activations need only their output for the gradient, and does working in place save memory?

What autograd keeps, and the peak of live bytes in a training step of a 6-layer MLP, counted tensor by tensor.
"""

from quantstudy.judge.claims import Claim, Part

CLAIM = Claim(
    name="backward_memory",
    says="Monotonic activations need only the output for their gradient and can work in place, which saves memory; "
    "Swish and GELU need input and output.",
    measured=(
        "For every activation whether the derivative is a function of the output; bytes kept for backward; peak of "
        "live bytes in a training step of a 6-layer MLP (width 1024, batch 1024), plain and in place."
    ),
    parts=(
        Part(
            "monotonic_suffices",
            "every monotonic activation has a derivative that its output tells (1 yes, 0 no)",
            0.5,
            exact=True,
        ),
        Part("others_do_not", "no other one does (1 yes, 0 no)", 0.5, exact=True),
        Part(
            "in_place_saves",
            "relu in place has a lower peak than relu plain (share of the plain peak)",
            0.05,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "saves_against_smooth",
            "relu in place has a lower peak than silu and gelu plain (share of theirs)",
            0.05,
            "%",
            100.0,
            exact=True,
        ),
        Part(
            "plain_differs",
            "plain relu has a lower peak than plain silu and gelu (share of theirs)",
            0.05,
            "%",
            100.0,
            exact=True,
            decides=False,
        ),
    ),
    alone=True,
)

"""Where a function is exactly 0: by what it is, and by how it is rounded."""

from quantstudy.activations.catalogue import parse_activation


def half_line(activation: str) -> dict[str, bool]:
    """Return whether a function is exactly 0 on a half line (looked for at −60 … −20 and 20 … 60), prelu's slope 0.25.

    `zero_half_line`: f and f' are 0 in float64; both, since gelu's x Φ(x) is rounded to 0 below −8.4 even there, its
    derivative is not. `zero_in_float32`: f is 0 in float32, be it by rounding: what a network computes.
    """
    import torch

    from quantstudy.networks.stack import INITIAL_SLOPE

    f = parse_activation(activation)
    sides = torch.linspace(20.0, 60.0, 4001, dtype=torch.float64) * torch.tensor([[-1.0], [1.0]])
    slope = torch.full((1, 1), INITIAL_SLOPE) if f.learned_slope else None
    value, rise = f.with_derivative(sides, None if slope is None else slope.double())
    return {
        "zero_half_line": bool(((value == 0.0) & (rise == 0.0)).all(dim=1).any()),
        "zero_in_float32": bool((f(sides.float(), slope) == 0.0).all(dim=1).any()),
    }

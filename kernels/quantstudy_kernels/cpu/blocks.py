"""The activations of a block: rows of pre-activations become rows of values and derivatives.

Rows lie `tiles.PITCH` apart in one float32 buffer; `points`, a multiple of `LANES`, are worked on.
"""

from typing import Any

from quantstudy_kernels.cpu.activation_loops import BOTH, BOTH_UNCAPPED, FORWARD, loops
from quantstudy_kernels.cpu.jit import compiled

_values_and_derivatives = loops("training_activations", (FORWARD, BOTH, BOTH_UNCAPPED))


@compiled(inline=True)
def activate_by_sign(b: Any, kind: Any, cap: Any, slope: Any, z: Any, h: Any, rows: Any, points: Any) -> None:
    """Write the values of relu, leaky_relu or prelu alone: the sign that decides their derivative stays in rows z.

    Arguments as `activate`.
    """
    _values_and_derivatives(kind, FORWARD, b, z, b, z, b, h, b, h, b, slope, cap, rows, points)


@compiled(inline=True)
def activate(
    b: Any, kind: Any, capped: Any, cap: Any, slope: Any, z: Any, h: Any, d: Any, rows: Any, points: Any
) -> None:
    """Write min(f, cap) and its derivative of rows of pre-activations, in place but for prelu.

    Args:
        b: the buffer.
        kind: value of `formulas.KINDS`.
        capped: whether the cap is finite.
        cap: upper bound, inf for none.
        slope: where prelu's slopes begin, one per row.
        z: where the rows begin.
        h: where the rows of values begin: `z` but for prelu.
        d: where the rows of derivatives begin.
        rows: how many.
        points: of each.
    """
    operation = BOTH if capped else BOTH_UNCAPPED
    _values_and_derivatives(kind, operation, b, z, b, z, b, h, b, d, b, slope, cap, rows, points)

"""What happens to the rows of a block between the matrix products: the activations and the loss.

Rows lie `PITCH` apart in one float32 buffer; `points`, a multiple of `LANES`, are worked on.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.activation_loops import BOTH, BOTH_UNCAPPED, FORWARD, loops
from quantstudy_kernels.cpu.formulas import exp_of_negative, log1p_of_share
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import INTEGERS, Lanes, choose, magnitude
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.cpu.vectors import (
    F32,
    LANES,
    load,
    loop,
    multiply_add,
    pointer,
    spread_value,
    store,
    zero,
)

_AT = types.intp
_values_and_derivatives = loops("training_activations", (FORWARD, BOTH, BOTH_UNCAPPED))


@compiled(inline=True)
def activate_by_sign(b: Any, kind: Any, cap: Any, slope: Any, z: Any, h: Any, rows: Any, points: Any) -> None:
    """Write the values of relu, leaky_relu or prelu alone: the sign that decides their derivative stays in rows z.

    Arguments as `activate`.
    """
    for row in range(rows):
        x, y, a = z + row * PITCH, h + row * PITCH, b[slope + row]
        _values_and_derivatives(kind, FORWARD, b, x, b, x, b, y, b, y, a, cap, points)


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
    for row in range(rows):
        x, y, into, a = z + row * PITCH, h + row * PITCH, d + row * PITCH, b[slope + row]
        _values_and_derivatives(kind, operation, b, x, b, x, b, y, b, into, a, cap, points)


@intrinsic
def loss_rows(
    context: Any, b: Any, z: Any, label: Any, loss: Any, g: Any, bias: Any, valid: Any, points: Any, share: Any
) -> Any:
    """Add up binary cross-entropy on logits, log(1 + e^−|z|) + max(z, 0) − z·t; write its gradient, share · (σ(z) − t).

    Losses and gradients are added up, lane by lane, in the `LANES` floats that begin at `loss` and at `bias`. Points
    from `valid` on count for nothing and get a gradient of 0.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *places, valid, points, share = arguments
        z, label, loss, g, bias = (pointer(context, builder, buffer, at) for at in places)
        shares = Lanes(builder, spread_value(builder, share))
        numbers = ir.Constant(INTEGERS, list(range(LANES)))
        ends = spread_value(builder, builder.trunc(valid, ir.IntType(32)))

        def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            x, t = (Lanes(builder, load(builder, builder.gep(start, [point]))) for start in (z, label))
            here = builder.add(spread_value(builder, builder.trunc(point, ir.IntType(32))), numbers)
            inside = builder.icmp_signed("<", here, ends)
            e = exp_of_negative(0 - magnitude(x))
            part = 1.0 / (1.0 + e)
            # not by the sign bit: that of a NaN is the compiler's choice, and its gradient is NaN
            sigma = choose(">=", x, 0, part, choose("<", x, 0, e * part, x))
            gradient = builder.select(inside, (shares * (sigma - t)).value, zero())
            store(builder, gradient, builder.gep(g, [point]))
            above = choose(">", x, 0, x, 0.0)
            negative = Lanes(builder, builder.fneg(x.value))
            rest = Lanes(builder, multiply_add(builder, negative.value, t.value, above.value))
            lost = builder.select(inside, (rest + log1p_of_share(e)).value, zero())
            return [builder.fadd(totals[0], lost), builder.fadd(totals[1], gradient)]

        totals = loop(builder, points, [load(builder, loss), load(builder, bias)], body)
        for total, start in zip(totals, (loss, bias), strict=True):
            store(builder, total, start)
        return context.get_dummy_value()

    return types.void(F32, _AT, _AT, _AT, _AT, _AT, _AT, _AT, types.float32), codegen

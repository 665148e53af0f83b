"""The losses of a block of points, and their gradients with respect to the outputs of the network.

Rows lie `PITCH` apart in one float32 buffer; `points`, a multiple of `LANES`, are worked on. Losses are added up, lane
by lane, in the `LANES` floats that begin at `loss`. Points from `valid` on count for nothing and get a gradient of 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.formulas import exp_of_negative, log1p_of_share, log_from_one
from quantstudy_kernels.cpu.jit import compiled
from quantstudy_kernels.cpu.lanes import INTEGERS, Lanes, choose, magnitude
from quantstudy_kernels.cpu.tiles import PITCH
from quantstudy_kernels.cpu.vectors import (
    F32,
    FLOAT,
    INDEX,
    LANES,
    load,
    loop,
    multiply_add,
    pointer,
    spread_value,
    store,
    zero,
)

BINARY, SOFTMAX, SQUARED = range(3)
"""Losses in compiled code: by their places in `LOSSES`."""

LOSSES = ("binary", "softmax", "squared")
"""Cross-entropy of one logit with 0 or 1, of several with the number of a class, and squares of differences."""

_AT = types.intp
_SHORT = ir.IntType(32)


@compiled(inline=True)
def mean_over(which: Any, batch: Any, outputs: Any) -> Any:
    """Return over how many terms a minibatch's loss is the mean, and the scale of the gradient of one of them."""
    terms = batch * outputs if which == SQUARED else batch
    return terms, np.float32(2.0 / terms) if which == SQUARED else np.float32(1.0 / terms)


@compiled(inline=True)
def loss_rows(
    b: Any,
    which: Any,
    outputs: Any,
    z: Any,
    label: Any,
    loss: Any,
    g: Any,
    bias: Any,
    valid: Any,
    points: Any,
    share: Any,
) -> None:
    """Add up a block's losses and write their gradients.

    Args:
        b: the buffer.
        which: of the losses.
        outputs: of the network.
        z: where its rows of outputs begin.
        label: where the labels begin: one row, but for SQUARED one per output.
        loss: where the sum of the losses lies.
        g: where the rows of gradients begin.
        bias: where, of a network with 1 output, the sum of its gradients lies, `LANES` floats.
        valid: points that count.
        points: of each row.
        share: what is multiplied with each gradient.
    """
    if which == BINARY:
        _binary(b, z, label, loss, g, bias, valid, points, share)
    elif which == SOFTMAX:
        _softmax(b, z, label, loss, g, outputs, valid, points, share)
    else:
        for row in range(outputs):
            along = row * PITCH
            _squared(b, z + along, label + along, loss, g + along, bias, valid, points, share)


def _one_row(formula: Callable[[Lanes, Lanes], tuple[Lanes, Lanes]]) -> Callable[..., None]:
    """Return `row(buffer, z, label, loss, g, bias, valid, points, share)` for a loss of one output.

    Gradients are `share` times the formula's, and are added up, lane by lane, at `bias`.

    Args:
        formula: of the output and the label: loss and gradient.
    """

    @intrinsic
    def row(
        context: Any, b: Any, z: Any, label: Any, loss: Any, g: Any, bias: Any, valid: Any, points: Any, share: Any
    ) -> Any:
        def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            buffer, *places, valid, points, share = arguments
            z, label, loss, g, bias = (pointer(context, builder, buffer, at) for at in places)
            shares = Lanes(builder, spread_value(builder, share))

            def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
                x, t = (Lanes(builder, load(builder, builder.gep(start, [point]))) for start in (z, label))
                inside = _before(builder, point, valid)
                lost, slope = formula(x, t)
                gradient = builder.select(inside, (shares * slope).value, zero())
                store(builder, gradient, builder.gep(g, [point]))
                lost_there = builder.select(inside, lost.value, zero())
                return [builder.fadd(totals[0], lost_there), builder.fadd(totals[1], gradient)]

            totals = loop(builder, points, [load(builder, loss), load(builder, bias)], body)
            for total, start in zip(totals, (loss, bias), strict=True):
                store(builder, total, start)
            return context.get_dummy_value()

        return types.void(F32, *[_AT] * 7, types.float32), codegen

    return row  # type: ignore[no-any-return]


def _cross_entropy(x: Lanes, t: Lanes) -> tuple[Lanes, Lanes]:
    """Binary, on logits: log(1 + e^−|x|) + max(x, 0) − x·t, and σ(x) − t."""
    e = exp_of_negative(0 - magnitude(x))
    part = 1.0 / (1.0 + e)
    # not by the sign bit: that of a NaN is the compiler's choice, and its gradient is NaN
    sigma = choose(">=", x, 0, part, choose("<", x, 0, e * part, x))
    above = choose(">", x, 0, x, 0.0)
    negative = x.builder.fneg(x.value)
    rest = Lanes(x.builder, multiply_add(x.builder, negative, t.value, above.value))
    return rest + log1p_of_share(e), sigma - t


def _square(x: Lanes, t: Lanes) -> tuple[Lanes, Lanes]:
    """(x − t)², and x − t: the 2 is in the share."""
    away = x - t
    return away * away, away


_binary = _one_row(_cross_entropy)
_squared = _one_row(_square)


@intrinsic
def _softmax(
    context: Any, b: Any, z: Any, label: Any, loss: Any, g: Any, outputs: Any, valid: Any, points: Any, share: Any
) -> Any:
    """Add up log Σ e^z − z[label]; write share · (e^z / Σ e^z − [label]), with the largest output taken off first.

    Where an output is NaN or +inf, or all are −inf, loss and gradients are NaN.
    """

    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        buffer, *places, outputs, valid, points, share = arguments
        z, label, loss, g = (pointer(context, builder, buffer, at) for at in places)
        shares = Lanes(builder, spread_value(builder, share))

        def each(carried: list[Lanes], formula: Callable[[ir.Value, list[Lanes]], list[Lanes]]) -> list[Lanes]:
            def body(row: ir.Value, values: list[ir.Value]) -> list[ir.Value]:
                return [new.value for new in formula(row, [Lanes(builder, value) for value in values])]

            return [Lanes(builder, v) for v in loop(builder, outputs, [c.value for c in carried], body, 1)]

        def body(point: ir.Value, totals: list[ir.Value]) -> list[ir.Value]:
            def place(start: ir.Value, row: ir.Value) -> ir.Value:
                return builder.gep(start, [builder.add(builder.mul(row, INDEX(PITCH)), point)])

            def one(row: ir.Value) -> Lanes:
                number = spread_value(builder, builder.sitofp(row, FLOAT))
                is_it = builder.fcmp_ordered("==", number, target)
                return Lanes(builder, builder.select(is_it, ir.Constant(target.type, [1.0] * LANES), zero()))

            def largest(row: ir.Value, values: list[Lanes]) -> list[Lanes]:
                x = Lanes(builder, load(builder, place(z, row)))
                return [choose(">", x, values[0], x, values[0])]

            def shares_of(row: ir.Value, values: list[Lanes]) -> list[Lanes]:
                below = Lanes(builder, load(builder, place(z, row))) - top
                power = choose("<=", below, 0, exp_of_negative(below), below)
                store(builder, power.value, place(g, row))
                return [values[0] + power, choose(">", one(row), 0, below, values[1])]

            def gradients(row: ir.Value, values: list[Lanes]) -> list[Lanes]:
                power = Lanes(builder, load(builder, place(g, row)))
                gradient = shares * (power * part - one(row))
                store(builder, builder.select(inside, gradient.value, zero()), place(g, row))
                return []

            target, inside = load(builder, builder.gep(label, [point])), _before(builder, point, valid)
            nothing = Lanes(builder, zero())
            (top,) = each([Lanes(builder, load(builder, place(z, INDEX(0))))], largest)
            total, below = each([nothing, nothing], shares_of)
            part = 1.0 / total
            each([], gradients)
            lost = builder.select(inside, (log_from_one(total) - below).value, zero())
            return [builder.fadd(totals[0], lost)]

        (total,) = loop(builder, points, [load(builder, loss)], body)
        store(builder, total, loss)
        return context.get_dummy_value()

    return types.void(F32, *[_AT] * 7, types.float32), codegen


def _before(builder: ir.IRBuilder, point: ir.Value, valid: ir.Value) -> ir.Value:
    """Return which of the points point, point + 1, … come before `valid`, lane by lane."""
    numbers = builder.add(
        spread_value(builder, builder.trunc(point, _SHORT)), ir.Constant(INTEGERS, list(range(LANES)))
    )
    return builder.icmp_signed("<", numbers, spread_value(builder, builder.trunc(valid, _SHORT)))

"""The operations in which the integers differ from the simulated path, each of which can be exchanged for the other.

With all of them exchanged a replay is the emulator itself, integer for integer: nothing is left that no name explains.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantstudy.deploy.integer.emulate import looked_up, rounded
from quantstudy.deploy.integer.numbers import Coded, Reals, Rescale, Whole
from quantstudy.deploy.integer.plan import Hidden, Integral
from quantstudy.deploy.steps import INPUTS, Exchange, Steps, Values, after, before, codes_of, simulated_steps

INPUT = "input rounding"
"""Inputs that the study leaves float are rounded to 16 bits."""

RANGE = "input range"
"""Inputs beyond what 16 bits reach become the last value that they do."""

BIAS = "bias width"
"""The bias has as many bits behind the point of a layer's sums as int32 holds, not a float's."""

TABLE = "table"
"""A smooth function is looked up and interpolated; a coded pre-activation is looked up."""

FUNCTION = "activation rounding"
"""A function that is made of pieces is rounded where the simulated path has float32."""

REQUANTIZATION = "requantization rounding"
"""Pre-activations, codes and several outputs are rounded by multiplier and shift, halves up."""

FLOAT_ORDER = "float order"
"""The simulated path adds float32 numbers in its order, where integers are exact."""


def exchanges(net: Integral) -> dict[str, Exchange]:
    """Return the operations of a network in integers, in the order in which flips are looked for in them."""
    names = [REQUANTIZATION, FLOAT_ORDER]
    smooth = any(one.table is not None or (one.function and one.function.table is not None) for one in net.hidden)
    names.insert(0, TABLE if smooth else FUNCTION)
    names.insert(0, BIAS)
    if net.input_fraction is not None:
        names[:0] = [INPUT, RANGE]

    def exchange(name: str) -> Exchange:
        return lambda steps: _with(net, _exchanged(steps) | {name}, len(names))

    return {name: exchange(name) for name in names}


@dataclass(frozen=True)
class _Mixed(Steps):
    exchanged: frozenset[str] = frozenset()


def _exchanged(steps: Steps) -> frozenset[str]:
    return steps.exchanged if isinstance(steps, _Mixed) else frozenset()


def _with(net: Integral, exchanged: frozenset[str], of: int) -> Steps:
    """Return the simulated steps with these operations exchanged; `of`: how many there are."""
    simulated = simulated_steps(net.network)
    if len(exchanged) == of:
        return _Mixed(*_integers(net, simulated), exchanged)
    return _Mixed(
        lambda place, values: _rounded(net, simulated, exchanged, place, values),
        lambda layer, values: _affine(net, simulated, exchanged, layer, values),
        lambda layer, z: _function(net, simulated, exchanged, layer, z),
        exchanged,
    )


def _integers(
    net: Integral, simulated: Steps
) -> tuple[Callable[[str, Values], Values], Callable[[int, Values], Values], Callable[[int, Values], Values]]:
    """Return steps that hand on integers, and what the last layer gives as real numbers."""
    at = {before(k): k for k in range(len(net.hidden))}
    behind = {after(k): k for k in range(len(net.hidden))}

    def entering(layer: int, values: Values) -> Whole:
        if layer == 0:
            return _input_codes(net, values, clipped=True)
        return np.asarray(values, dtype=np.int64)

    def rounded_(place: str, values: Values) -> Values:
        if place == INPUTS:
            return simulated.rounded(place, values)
        if place in at:  # stays what the sums were scaled to: the table looks its codes up
            return values
        hidden = net.hidden[behind[place]]
        return values if hidden.table is not None else rounded(hidden, values)

    def affine(layer: int, values: Values) -> Values:
        s = net.sums[layer](entering(layer, values))
        if layer < len(net.hidden):
            return net.hidden[layer].scaled(s)
        return (s if net.outputs is None else net.outputs(s)).astype(np.float64) * net.output_scale

    def function(layer: int, z: Values) -> Values:
        hidden = net.hidden[layer]
        return looked_up(hidden, z) if hidden.function is None else hidden.function(z)

    return rounded_, affine, function


def _input_codes(net: Integral, values: Values, clipped: bool) -> Whole:
    if net.network.inputs is not None:
        return codes_of(values, net.network.inputs).astype(np.int64)
    codes = np.rint(values.astype(np.float64) / net.inputs.scale).astype(np.int64)
    return np.clip(codes, net.inputs.low, net.inputs.high) if clipped else codes


def _affine(net: Integral, simulated: Steps, exchanged: frozenset[str], layer: int, values: Values) -> Values:
    sums, told = net.sums[layer], net.network.layers[layer]
    if layer == 0 and net.input_fraction is not None:
        if INPUT in exchanged:
            values = _input_codes(net, values, clipped=False) * net.inputs.scale
        if RANGE in exchanged:
            values = np.clip(values, net.inputs.low * net.inputs.scale, net.inputs.high * net.inputs.scale)
    simple = FLOAT_ORDER not in exchanged
    z = simulated.affine(layer, values).astype(np.float64) if simple else _exact(net, layer, values)
    if BIAS in exchanged:
        entering = net.inputs if layer == 0 else net.hidden[layer - 1].leaving
        kept = sums.bias + entering.zero_point * sums.weights.sum(axis=1) * 2.0**sums.extra
        z = z + (kept * sums.unit - told.bias.astype(np.float64))[:, None]
    if REQUANTIZATION not in exchanged:
        return z
    if layer < len(net.hidden):
        hidden = net.hidden[layer]
        return z if hidden.function is None else _half_up(z, sums.unit, hidden.scaled, 2.0**-hidden.function.fraction)
    return z if net.outputs is None else _half_up(z, sums.unit, net.outputs, net.output_scale)


def _exact(net: Integral, layer: int, values: Values) -> Reals:
    """Return weights·x + bias in float64, with what codes really stand for."""
    told = net.network.layers[layer]
    entering = net.network.entering(layer)
    x = values.astype(np.float64)
    if entering is not None:
        x = (codes_of(values, entering) - entering.zero_point[:, None]) * entering.scale.astype(np.float64)[:, None]
    assert told.codes is not None
    assert told.coded is not None
    weights = told.codes * told.coded.scale.astype(np.float64)[:, None]
    return np.asarray(weights @ x + told.bias.astype(np.float64)[:, None])


def _half_up(values: Values, unit: Reals, scaled: Rescale, step: float) -> Reals:
    """Return real values, whose integers are worth `unit`, rescaled to whole steps."""
    return np.asarray(np.floor(values / unit[:, None] * _factor(scaled) + 0.5) * step)


def _factor(scaled: Rescale) -> Reals:
    return np.asarray(scaled.multiplier * 2.0**-scaled.shift)[:, None]


def _function(net: Integral, simulated: Steps, exchanged: frozenset[str], layer: int, z: Values) -> Values:
    hidden = net.hidden[layer]
    function = hidden.function
    if function is None or not exchanged & {TABLE, FUNCTION}:
        y = simulated.function(layer, z)
        return y if function is not None or TABLE not in exchanged else _rounded_to_table(hidden, y)
    step = 2.0**-function.fraction
    if REQUANTIZATION in exchanged:
        return function(np.rint(z / step).astype(np.int64)) * step
    return function.real(z.astype(np.float64))


def _rounded_to_table(hidden: Hidden, y: Values) -> Values:
    """Return what a table of 16 bits can hold of a coded pre-activation's function."""
    return np.asarray(np.rint(y / hidden.leaving.scale) * hidden.leaving.scale) if hidden.leaving.wide else y


def _rounded(net: Integral, simulated: Steps, exchanged: frozenset[str], place: str, values: Values) -> Values:
    if REQUANTIZATION not in exchanged or place == INPUTS:
        return simulated.rounded(place, values)
    for k, hidden in enumerate(net.hidden):
        if place == before(k) and hidden.codes is not None:
            return _on_grid(values / net.sums[k].unit[:, None] * _factor(hidden.scaled), hidden.codes)
        if place == after(k) and hidden.out is not None and hidden.function is not None:
            return _on_grid(values * 2.0**hidden.function.fraction * _factor(hidden.out), hidden.leaving)
    return simulated.rounded(place, values)


def _on_grid(whole: Reals, coded: Coded) -> Values:
    codes = np.clip(np.floor(whole + 0.5) + coded.zero_point, coded.low, coded.high)
    return np.asarray((codes - coded.zero_point) * coded.scale, dtype=np.float32)

"""From one quantized network to its integers: what is packed, added, multiplied, shifted and looked up."""

import math
from dataclasses import dataclass, field

import numpy as np

from quantstudy.activations.activation import Activation
from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.integer.functions import TABLE_STEPS, Function, function_of, most_fraction
from quantstudy.deploy.integer.numbers import INT32, Coded, Rescale, Whole, coded, rescale
from quantstudy.deploy.integer.required import require
from quantstudy.deploy.integer.sums import Sums, sums_of
from quantstudy.deploy.network import Deployed, Layer
from quantstudy.deploy.steps import after, before, simulated_steps, values_of
from quantstudy.errors import BadInput

LEAST_FRACTION = 8
"""Bits behind the point of a pre-activation; with fewer of them the bends of a function have no place."""

PLENTY = 16
"""Bits behind the point that are more than most codes need."""

REACH = 2**30
"""What a pre-activation, and what its function gives, stays below: half of int32."""


@dataclass(frozen=True)
class Design:
    """What may be chosen; the defaults are what is written into files, others show what they would cost.

    Attributes:
        extra: bits behind the point of a layer's sums, for the bias, at most: as many of them as int32 holds are taken.
        inputs: bits behind the point of inputs that the study leaves float; None: 14, or fewer where the network's
            `about["largest_input"]` is 2 or more.
        fraction: bits behind the point of pre-activations, at most; None: as many as the function can use.
        steps: places of the table that count.
    """

    extra: int = 24
    inputs: int | None = None
    fraction: int | None = None
    steps: int = TABLE_STEPS


@dataclass(frozen=True)
class Hidden:
    """What follows the sums of a hidden layer.

    Attributes:
        scaled: from s to the pre-activation with `function.fraction` bits behind the point; or, with a table of codes,
            to its code without its zero point.
        function: the activation; None with a table of codes.
        out: from what the function gives to the code that leaves, without its zero point; None with a table of codes.
        leaving: how what leaves is coded.
        codes: how the pre-activation is coded where it is (placements `pre` and `both`); else None.
        table: there what leaves for each of its codes, [1 or neurons, codes].
    """

    scaled: Rescale
    function: Function | None
    out: Rescale | None
    leaving: Coded
    codes: Coded | None = None
    table: Whole | None = None


@dataclass(frozen=True)
class Integral:
    """One network in integers.

    Attributes:
        network: where it is from.
        inputs: how inputs are coded.
        sums: of every layer.
        hidden: of every hidden layer.
        outputs: of several outputs what gives them one scale; None for a single one, which stays as it is summed.
        output_scale: what 1 in an output is worth.
        input_fraction: bits behind the point of inputs that the study leaves float, None where it codes them.
    """

    network: Deployed
    inputs: Coded
    sums: tuple[Sums, ...]
    hidden: tuple[Hidden, ...]
    outputs: Rescale | None
    output_scale: float
    input_fraction: int | None
    design: Design = field(default_factory=Design)


def integral(network: Deployed, design: Design | None = None) -> Integral:
    """Return a network in integers.

    Raises:
        BadInput: it can't be computed so, see `required.require`.
    """
    require(network)
    design = design or Design()
    fraction = None if network.inputs is not None else _input_fraction(network, design)
    inputs = _inputs(network, fraction)
    entering, sums, hidden = inputs, list[Sums](), list[Hidden]()
    for k, layer in enumerate(network.layers):
        sums.append(sums_of(layer, entering, design.extra))
        if k < network.hidden:
            followed = _by_codes(network, k, sums[-1]) if layer.before else _hidden(network, layer, sums[-1], design)
            hidden.append(followed)
            entering = followed.leaving
    outputs, scale = _outputs(sums[-1])
    return Integral(network, inputs, tuple(sums), tuple(hidden), outputs, scale, fraction, design)


def _input_fraction(network: Deployed, design: Design) -> int:
    if design.inputs is not None:
        return design.inputs
    largest = float(network.about.get("largest_input", 1.0))
    return min(14, 15 - math.frexp(largest)[1]) if largest > 0 else 14


def _inputs(network: Deployed, fraction: int | None) -> Coded:
    if network.inputs is not None:
        return coded(network.inputs)
    assert fraction is not None
    return Coded(2.0**-fraction, 0, -(2**15), 2**15 - 1)


def _reach(sums: Sums) -> float:
    """Return the largest size of a pre-activation that any codes can give."""
    return float((np.maximum(np.abs(sums.low), np.abs(sums.high)) * sums.unit).max())


def _hidden(network: Deployed, layer: Layer, sums: Sums, design: Design) -> Hidden:
    activation = parse_activation(network.activation)
    slopes = None if layer.slope is None else layer.slope.astype(np.float64)
    steepest = 1.0 if slopes is None else max(1.0, float(np.abs(slopes).max()))
    fraction = _fraction(network, activation, sums, steepest, design)
    assert layer.after is not None
    leaving = coded(layer.after)
    step = 2.0**-fraction
    return Hidden(
        rescale(list(sums.unit / step)),
        function_of(activation, fraction, slopes, design.steps),
        rescale([step / leaving.scale]),
        leaving,
    )


def _fraction(network: Deployed, activation: Activation, sums: Sums, steepest: float, design: Design) -> int:
    """Return the bits behind the point with which pre-activations, and what becomes of them, stay in reach."""
    room = _room(sums, steepest)
    most = most_fraction(activation) if design.fraction is None else design.fraction
    if room < LEAST_FRACTION:
        allowed = (
            f"pre-activations up to {_reach(sums):.3g} leave less than {LEAST_FRACTION} of 32 bits behind the point"
        )
        raise BadInput("network", network.activation, allowed)
    return min(most, room)


def _room(sums: Sums, steepest: float = 1.0) -> int:
    """Return the most bits behind the point that what is rescaled may have.

    It has to stay in reach. If it is coarser than the sums by 2 bits, the upper half of a product holds it, which is
    worth a bit or two where many are left.
    """
    largest, unit = _reach(sums) * steepest * (1 + 2.0**-20), float(sums.unit.max())
    room, coarser = 30 - math.frexp(largest)[1] if largest else 30, -2 - math.frexp(unit)[1]
    return min(room, coarser) if coarser >= PLENTY else room


def _by_codes(network: Deployed, k: int, sums: Sums) -> Hidden:
    """Return what follows the sums where the pre-activation is coded: a table with an entry for each of its codes."""
    layer, steps = network.layers[k], simulated_steps(network)
    assert layer.before is not None
    codes = coded(layer.before)
    every = np.arange(codes.low, codes.high + 1, dtype=np.int32)
    neurons = len(layer.bias) if layer.slope is not None else 1
    given = steps.rounded(before(k), values_of(np.tile(every, (len(layer.bias), 1)), layer.before))
    values = steps.function(k, given)[:neurons].astype(np.float64)
    if layer.after is None:
        largest = float(np.abs(values).max())
        fraction = 14 if largest == 0 else 15 - math.frexp(largest * (1 + 2.0**-14))[1]
        leaving = Coded(2.0**-fraction, 0, -(2**15) + 1, 2**15 - 1)
    else:
        leaving = coded(layer.after)
        values = steps.rounded(after(k), values.astype(np.float32)).astype(np.float64)
    table = np.rint(values / leaving.scale).astype(np.int64) + leaving.zero_point
    leaving = Coded(leaving.scale, leaving.zero_point, int(table.min()), int(table.max()))
    return Hidden(rescale(list(sums.unit / codes.scale)), None, None, leaving, codes, table)


def _outputs(sums: Sums) -> tuple[Rescale | None, float]:
    if len(sums.bias) == 1:
        return None, float(sums.unit[0])
    step = 2.0 ** -_room(sums)
    return rescale(list(sums.unit / step)), step


def fits_int32(rescaled: Rescale, largest: int) -> bool:
    """Whether what is rescaled stays in 32 bits, whatever integers up to `largest` come in."""
    return largest * int(rescaled.multiplier.max()) >> rescaled.shift < INT32

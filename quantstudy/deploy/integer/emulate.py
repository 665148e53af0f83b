"""The integer arithmetic in numpy's int64: the oracle of the C file, and of what each of its operations costs."""

from dataclasses import dataclass

import numpy as np

from quantstudy.deploy.integer.numbers import INT32, Coded, Reals, Whole
from quantstudy.deploy.integer.plan import Hidden, Integral
from quantstudy.deploy.network import Floats
from quantstudy.deploy.stacks import quantizer_of


@dataclass(frozen=True)
class Emulated:
    """What the integers gave.

    Attributes:
        outputs: [outputs, points], each worth `Integral.output_scale`.
        codes: of every hidden layer what leaves it, [neurons, points].
    """

    outputs: Whole
    codes: tuple[Whole, ...]


def input_codes(net: Integral, points: Floats) -> Whole:
    """Return the codes of points [in, points], as whoever calls the C file has to make them."""
    if net.network.inputs is not None:
        import torch

        found = quantizer_of(net.network.inputs).codes(torch.from_numpy(points.copy()).unsqueeze(0))[0]
        return np.asarray(found.numpy(), dtype=np.int64)
    codes = np.rint(points.astype(np.float64) / net.inputs.scale)
    return np.clip(codes, net.inputs.low, net.inputs.high).astype(np.int64)


def emulated(net: Integral, codes: Whole) -> Emulated:
    """Return what the integers give for codes of inputs [in, points]."""
    left = list[Whole]()
    for k in range(len(net.hidden)):
        codes = leaving(net, k, codes)
        left.append(codes)
    return Emulated(outputs(net, codes), tuple(left))


def leaving(net: Integral, layer: int, codes: Whole) -> Whole:
    """Return the codes that leave a hidden layer, given those that enter it."""
    hidden = net.hidden[layer]
    scaled = hidden.scaled(net.sums[layer](codes))
    if hidden.function is None:
        return looked_up(hidden, scaled)
    _within(scaled)
    return rounded(hidden, hidden.function(scaled))


def looked_up(hidden: Hidden, scaled: Whole) -> Whole:
    """Return what leaves where a coded pre-activation is looked up."""
    assert hidden.codes is not None
    assert hidden.table is not None
    rows = np.arange(len(scaled))[:, None] % len(hidden.table)
    return hidden.table[rows, _clamped(scaled, hidden.codes) - hidden.codes.low]


def rounded(hidden: Hidden, y: Whole) -> Whole:
    """Return the codes of what a layer's function gives."""
    assert hidden.out is not None
    _within(y)
    return _clamped(hidden.out(y), hidden.leaving)


def outputs(net: Integral, codes: Whole) -> Whole:
    """Return what the last layer gives for the codes that enter it."""
    found = net.sums[-1](codes)
    found = found if net.outputs is None else net.outputs(found)
    _within(found)
    return found


def answers(net: Integral, outputs: Whole) -> Reals:
    """Return what outputs are worth, exactly 0 where they are 0."""
    return outputs.astype(np.float64) * net.output_scale


def _clamped(values: Whole, coded: Coded) -> Whole:
    return np.clip(values + coded.zero_point, coded.low, coded.high)


def _within(values: Whole) -> None:
    if values.size and max(values.max(), -values.min()) > INT32:
        raise OverflowError("a value that was proved to fit int32 does not")

"""Is a function from outside still the same one? Decided exactly, for keys, and up to what another processor may round.

Keys hold a digest of what the function is made of (`captured`) and of its values, rounded to 10 digits. A value that
lies at a tie of that rounding may fall to either side on another processor, and then there the key is another one: that
costs a training, no more, since keys of what has no kernel hold the processor anyway (`portability.origin`). Whether a
folder may be gone on with, and whether two runs hold the same function, is never decided by it alone: what the function
is made of must be the same, and its trace the same up to a tolerance (`sameness`).
"""

import hashlib
from typing import NamedTuple

import torch
from torch import Tensor

from quantstudy.activations.activation import Activation
from quantstudy.activations.beginnings import traced
from quantstudy.activations.captured import rounded
from quantstudy.activations.guarded import unheard

REACH = 64
"""How far POINTS reach on both sides of 0."""

POINTS = torch.arange(-REACH * 256, REACH * 256, dtype=torch.float64) / 256
"""Inputs whose values distinguish one function from another, [-64, 64): the pre-activations that were seen reach to 27.
All are sums of powers of two, hence exact everywhere: a linspace of decimal steps is not, and differs between
processors in the last bit."""

INTERVALS = 2 * REACH
"""Parts of POINTS, one unit long each, that a trace distinguishes."""

WEIGHTS = torch.arange(len(POINTS) // INTERVALS, dtype=torch.float64) * 0.6180339887498949 % 1 + 0.5
"""What values within an interval are multiplied by before their mean is taken, [points], from 0.5 to 1.5: multiples of
the golden ratio without their whole part. They follow no pattern, so that a change with a plain mean of 0 shows, too.
"""

_OCTAVES = 2.0 ** torch.arange(-20, 21, dtype=torch.float64)

FAR = torch.cat([-_OCTAVES.flip(0), _OCTAVES])
"""Inputs from 1e-6 to 1e6 on both sides, each a power of two: pre-activations may reach far beyond POINTS."""

BETWEEN = 1.5 * FAR
"""More of them, for keys: between those of FAR."""

UNTIED = 1.6180339887498949
"""What values are multiplied by before they are rounded: squares and cubes of POINTS lie at ties by the dozen."""

CONDITION = 1e-12
"""Relative error of an input whose effect on a value far out is forgiven: sin(exp(30)) differs between processors."""


def digest(activation: Activation) -> str:
    """Return 16 hex digits that change with the function, for keys.

    Of one with a kernel: what it declares, since keys of portable results must be the same everywhere. Of all others:
    what it is made of, and its values and derivatives at POINTS, FAR and BETWEEN, rounded to 10 significant digits. Of
    both: its own first weights and its own learning rate.
    """
    if activation.kernel is None:
        with unheard():
            found = [part for x in (POINTS, FAR, BETWEEN) for part in activation.with_derivative(x)]
        data = " ".join([activation.made_of, *(rounded(part.numpy() * UNTIED) for part in found)])
    else:
        data = repr((activation.kernel, activation.cap, activation.kinks, activation.learned_slope))
    if activation.initial_weights is not None:
        data += f" first weights {traced(activation.initial_weights)}"
    if activation.learning_rate is not None:
        data += f" rate {activation.learning_rate!r}"
    return hashlib.sha256(data.encode()).hexdigest()[:16]


def trace(activation: Activation) -> list[str]:
    """Return what a function is recognized by on another processor: numbers, each with a scale, as text (`sameness`).

    First the means of its values, then of its derivatives, in every interval of POINTS; the scale is the root of the
    mean square there. Then its values and its derivatives at FAR; the scale is the number's own size. To the scale of
    values is added how much of them the last digits of the input decide; where that is more than the value itself,
    derivatives are left out.
    """
    with unheard():
        near, far = _known(activation, POINTS), _known(activation, FAR)
    means = [(part.view(INTERVALS, -1) * WEIGHTS).mean(1) for part in near.numbers]
    roots = [part.view(INTERVALS, -1).square().mean(1).sqrt() for part in near.scales]
    numbers, scales = torch.cat([*means, *far.numbers]), torch.cat([*roots, *far.scales])
    return [f"{number + 0.0:.9g} {scale:.3g}" for number, scale in zip(numbers.tolist(), scales.tolist(), strict=True)]


class _Known(NamedTuple):
    """Values and derivatives at some inputs, [2, points], and the scale of each."""

    numbers: Tensor
    scales: Tensor


def _known(activation: Activation, x: Tensor) -> _Known:
    slope = torch.tensor(0.25, dtype=x.dtype) if activation.learned_slope else None
    value, derivative = activation.with_derivative(x, slope)
    decided = (CONDITION / 1e-6) * (x * derivative).abs().nan_to_num(0.0)
    kept = torch.where(decided > 1 + value.abs(), 0.0, derivative)
    return _Known(torch.stack([value, kept]), torch.stack([value.abs() + decided, derivative.abs()]))

"""Activation functions in integers: exact pieces, or relu(z) − d(|z|) with d from one small table.

That holds where f(z) = z·g(z) with g(z) + g(−z) = 1, as of silu and all kinds of gelu: z − f(z) = z·g(−z) for z > 0
and −f(z) = |z|·g(−|z|) for z < 0 are the same even function d, which falls to 0 on both sides.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quantstudy.activations.activation import Activation
from quantstudy.deploy.integer.numbers import INT32, Reals, Whole, shifted
from quantstudy.errors import BadInput

ENTRY_FRACTION = 16
"""Bits behind the point of the table's entries: 0.28, silu's largest, fits int16."""

TABLE_FRACTION = 18
"""Bits behind the point of what looks into the table and of what is found between its entries."""

FINE, COARSE = 192, 64
"""Steps of the table: so many fine ones from 0 on, where d bends most, then so many coarse ones."""

TABLE_STEPS = FINE + COARSE
RAMP_BITS = 25
"""Of the reciprocal that takes the place of a division by 6 or 3."""

MOST_FRACTION = dict.fromkeys(("relu", "leaky_relu", "prelu"), 24)
"""Most bits behind the point of a pre-activation where neither a square (18·2^36·2^25/6 fits 63 bits) nor a table ends
them at TABLE_FRACTION."""

RAMPS = {"hardswish": (3, 1, 6), "hardgelu": (3, 2, 3), "hardgelu_uncapped": (3, 2, 3)}
"""z·clamp(z + end, 0, 2·end)/divisor: the end as a fraction of two numbers, and the divisor."""


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(x))


DEPARTURES: dict[str, tuple[Callable[[float], float], int, int]] = {
    "silu": (lambda a: a * _logistic(a), 13, 15),
    "gelu": (lambda a: a * math.erfc(a / math.sqrt(2)) / 2, 12, 13),
    "gelu_tanh": (lambda a: a * _logistic(math.sqrt(8 / math.pi) * (a + 0.044715 * a**3)), 12, 13),
    "quick_gelu": (lambda a: a * _logistic(1.702 * a), 12, 15),
}
"""d(a) = relu(a) − f(a) at a ≥ 0, and the bits of |z| in a fine and in a coarse step, at whose end d is below one."""


@dataclass(frozen=True)
class Function:
    """One activation in integers.

    Attributes:
        name: of its kernel.
        fraction: bits behind the point of what goes in and what comes out.
        slopes: of prelu and leaky_relu what multiplies negative z, [neurons] or [1]; else None.
        slope_shift: by how much that product is shifted.
        table: of smooth ones d at 257 places from 0 on, in ENTRY_FRACTION bits; else None.
        cap: the largest value, None where none is.
    """

    name: str
    fraction: int
    slopes: Whole | None = None
    slope_shift: int = 1
    table: Whole | None = None
    cap: int | None = None

    @property
    def ramp(self) -> tuple[int, int] | None:
        """Of those that are z·clamp(z + end, 0, 2·end)/divisor: the end and 2^25 / divisor, both whole; else None."""
        if self.name not in RAMPS:
            return None
        over, under, divisor = RAMPS[self.name]
        return (over << self.fraction) // under, round(2**RAMP_BITS / divisor)

    @property
    def table_steps(self) -> tuple[int, int]:
        """Of smooth ones the bits of |z|, TABLE_FRACTION of them behind the point, in a fine and in a coarse step."""
        return DEPARTURES[self.name][1:]

    def __call__(self, z: Whole) -> Whole:
        """Return f of pre-activations [neurons, points], both in `fraction` bits behind the point."""
        y = np.maximum(z, 0)
        if self.slopes is not None:
            y = np.where(z < 0, shifted(z * self.slopes[:, None], self.slope_shift), y)
        elif self.table is not None:
            y = y - self._departure(np.abs(z))
        elif self.ramp is not None:
            end, reciprocal = self.ramp
            bent = shifted(
                np.clip(z, -end, end) * (np.clip(z, -end, end) + end) * reciprocal, RAMP_BITS + self.fraction
            )
            y = np.where(z >= end, z, np.where(z <= -end, 0, bent))
        return y if self.cap is None else np.minimum(y, self.cap)

    def _departure(self, a: Whole) -> Whole:
        """Return d(a) at a ≥ 0, interpolated between the table's entries."""
        assert self.table is not None
        fine, coarse = self.table_steps
        up, bend = TABLE_FRACTION - self.fraction, FINE << fine
        inside = a < (bend + (COARSE << coarse)) >> up
        place = np.where(inside, a, 0) << up
        beyond = place >= bend
        shift, place = np.where(beyond, coarse, fine), np.where(beyond, place - bend, place)
        entry, part = (place >> shift) + np.where(beyond, FINE, 0), place & ((1 << shift) - 1)
        low, high = (self.table[place] << (TABLE_FRACTION - ENTRY_FRACTION) for place in (entry, entry + 1))
        d = low + shifted((high - low) * part, shift)
        return np.where(inside, shifted(d, up) if up else d, 0)

    def real(self, z: Reals) -> Reals:
        """Return f of real pre-activations with the errors of its own: those of slopes, table and its last place."""
        one = 2.0**self.fraction
        y = np.maximum(z, 0)
        if self.slopes is not None:
            factor = self.slopes[:, None] * 2.0**-self.slope_shift
            y = np.where(z < 0, np.rint(z * factor * one) / one, y)
        elif self.table is not None:
            y = y - np.interp(np.abs(z), places(self.name), self.table * 2.0**-ENTRY_FRACTION, right=0)
        elif self.ramp is not None:
            end, reciprocal = self.ramp[0] / one, self.ramp[1] * 2.0**-RAMP_BITS
            inside = np.rint(z * (z + end) * reciprocal * one) / one
            y = np.where(z >= end, z, np.where(z <= -end, 0.0, inside))
        return y if self.cap is None else np.minimum(y, self.cap / one)


def function_of(activation: Activation, fraction: int, slopes: Reals | None, steps: int = TABLE_STEPS) -> Function:
    """Return an activation in integers.

    Args:
        activation: one with a kernel.
        fraction: bits behind the point, 4 to `most_fraction`.
        slopes: prelu's [neurons].
        steps: entries of the table that count: with fewer of them neighbours are joined by straight lines, which shows
            what a coarser one costs.
    """
    name = str(activation.kernel)
    cap = None if math.isinf(activation.cap) else round(math.ldexp(activation.cap, fraction))
    cap = None if cap is None or cap > INT32 else cap
    if name in DEPARTURES:
        return Function(name, fraction, table=table_of(name, steps), cap=cap)
    if name in RAMPS or name == "relu":
        return Function(name, fraction, cap=cap)
    if name not in ("leaky_relu", "prelu"):
        raise BadInput("activation", activation.name, "a function with an integer form is needed")
    values = np.array([np.float32(0.01)]) if slopes is None else slopes
    shift = min(max(31 - math.frexp(float(np.abs(values).max()))[1] - 1, 1), 40)
    found = np.rint(np.ldexp(values.astype(np.float64), shift)).astype(np.int64)
    return Function(name, fraction, found, shift, cap=cap)


def most_fraction(activation: Activation) -> int:
    """Return how many bits behind the point a pre-activation may have at most."""
    return MOST_FRACTION.get(str(activation.kernel), TABLE_FRACTION)


def places(name: str) -> Reals:
    """Return the |z| at which a function's table has its entries, [257]."""
    fine, coarse = (2.0 ** (bits - TABLE_FRACTION) for bits in DEPARTURES[name][1:])
    return np.concatenate([np.arange(FINE) * fine, FINE * fine + np.arange(COARSE + 1) * coarse])


def table_of(name: str, steps: int = TABLE_STEPS) -> Whole:
    """Return d at 257 places, int16: each entry so that the straight lines between them miss d by as little each way.

    A straight line between two points of a curve misses it in the middle by h²/8 of its second derivative, and always
    on one side; entries moved by half of that miss it by half as much, on both sides.
    """
    departure, at = DEPARTURES[name][0], places(name)
    coarse = at[:: TABLE_STEPS // steps]

    def moved(before: float, a: float, behind: float) -> float:
        h = min(a - before, behind - a)
        return departure(a) - (departure(a + h) - 2 * departure(a) + departure(a - h)) / 16

    inner = [moved(*map(float, three)) for three in zip(coarse, coarse[1:], coarse[2:], strict=False)]
    found = [departure(0.0), *inner, departure(float(coarse[-1]))]  # f(0) stays 0
    return np.rint(np.interp(at, coarse, found) * 2.0**ENTRY_FRACTION).astype(np.int64)

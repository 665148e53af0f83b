"""Floating-point numbers of 8 bits: what their codes stand for. Importing this file loads no torch."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Float8:
    """A format of sign, exponent and mantissa, with subnormal numbers, rounded to the nearest, ties to even.

    It saturates: what lies beyond `largest`, infinities too, becomes `largest`. NaN stays NaN.

    Its codes are whole numbers in the order of what they stand for: ±k for the bits k without and with the sign. So
    neighbouring codes are neighbouring values, 0 is the code of 0 and of −0, and `high` that of `largest`.

    Attributes:
        exponent: bits of the exponent.
        mantissa: bits of the mantissa behind the leading one.
        largest: the largest finite value.

    >>> E4M3.smallest, E4M3.high, E5M2.high
    (0.015625, 126, 123)
    """

    exponent: int
    mantissa: int
    largest: float

    @property
    def lowest_power(self) -> int:
        """The smallest normal value is 2 to the power of this."""
        return int(2 - 2 ** (self.exponent - 1))

    @property
    def smallest(self) -> float:
        """The smallest normal value; below it neighbours are `smallest` · 2^(−mantissa) apart."""
        return float(2.0**self.lowest_power)

    @property
    def shift(self) -> float:
        """A float32 x loses all digits but those of the mantissa if this, times the power of two below x, is added."""
        return float(1.5 * 2.0 ** (23 - self.mantissa))

    @property
    def last_step(self) -> float:
        """How far the value before `largest` lies below it."""
        return float(2.0 ** (math.frexp(self.largest)[1] - 1 - self.mantissa))

    @property
    def high(self) -> int:
        """The largest code."""
        power = math.frexp(self.largest)[1] - 1
        return int((power - self.lowest_power) * 2**self.mantissa + self.largest / self.last_step)

    @property
    def low(self) -> int:
        """The smallest code."""
        return -self.high


E4M3 = Float8(4, 3, 448.0)
"""As `torch.float8_e4m3fn`, which has no infinity."""

E5M2 = Float8(5, 2, 57344.0)
"""As `torch.float8_e5m2` below 61440; from there on the cast of torch gives infinity, and this format its largest."""

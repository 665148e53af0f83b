"""Number formats that hardware has: integers and floats of 8 bits. Importing this file loads no torch."""

from dataclasses import dataclass

from quantstudy_kernels.float8 import E4M3, E5M2, Float8

from quantstudy.errors import BadInput

MIN_BITS, MAX_BITS = 2, 16
"""Fewest and most bits of the integers that the simulated path quantizes to."""


@dataclass(frozen=True)
class IntFormat:
    """A signed integer of `bits` bits: codes from −2^(bits−1) to 2^(bits−1) − 1.

    Attributes:
        bits: 2 to 16.
        restricted: without the lowest code, which hardware may not take: codes from −high to high.

    >>> IntFormat(4).low, IntFormat(4).high, IntFormat(4).levels
    (-8, 7, 16)
    >>> IntFormat(4, restricted=True).low, IntFormat(4, restricted=True).levels
    (-7, 15)
    """

    bits: int
    restricted: bool = False

    def __post_init__(self) -> None:
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise BadInput("bits", self.bits, f"whole numbers from {MIN_BITS} to {MAX_BITS}")

    @property
    def name(self) -> str:
        """Name in records: `int4`."""
        return f"int{self.bits}"

    @property
    def in_scheme(self) -> str:
        """How it prints in a scheme, behind `w` or `a`."""
        return str(self.bits)

    @property
    def float8(self) -> None:
        """What the codes stand for, as the kernels have it: integers."""
        return

    @property
    def low(self) -> int:
        """Smallest code."""
        return int(-(2 ** (self.bits - 1))) + self.restricted

    @property
    def high(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1) - 1)

    @property
    def levels(self) -> int:
        """Number of codes."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class FloatFormat:
    """A floating-point number of 8 bits, scaled so that its largest is the largest of what is quantized.

    It saturates: infinities and all that lies beyond the largest finite number become that number, where torch's cast
    to E5M2 gives infinity from 61440 on. NaN stays NaN. Rounding is to the nearest, ties to even, subnormal numbers
    included; below saturation it is torch's cast bit for bit.

    Codes are whole numbers from −`high` to `high` in the order of what they stand for, one per finite value: the bits
    behind the sign as a number, with the sign before it. 0 and −0 are one code. So neighbouring codes are neighbouring
    values, as of integers.

    Attributes:
        name: name in records.
        in_scheme: how it prints in a scheme, behind `w` or `a`.
        float8: its bits, as the kernels have it.

    >>> FP8_E4M3.largest, FP8_E4M3.high, FP8_E4M3.levels
    (448.0, 126, 253)
    """

    name: str
    in_scheme: str
    float8: Float8

    @property
    def bits(self) -> int:
        """Bits of a number: 8."""
        return 1 + self.float8.exponent + self.float8.mantissa

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return self.float8.largest

    @property
    def low(self) -> int:
        """Smallest code."""
        return self.float8.low

    @property
    def high(self) -> int:
        """Largest code."""
        return self.float8.high

    @property
    def levels(self) -> int:
        """Number of codes, which is that of finite values."""
        return self.high - self.low + 1


Format = IntFormat | FloatFormat

FP8_E4M3 = FloatFormat("fp8_e4m3", "f8", E4M3)
"""4 bits of exponent, 3 of mantissa, no infinity: the values of `torch.float8_e4m3fn`, up to 448."""

FP8_E5M2 = FloatFormat("fp8_e5m2", "f8e5m2", E5M2)
"""5 bits of exponent, 2 of mantissa: the finite values of `torch.float8_e5m2`, up to 57344."""

_FORMATS: tuple[Format, ...] = (*map(IntFormat, range(MIN_BITS, MAX_BITS + 1)), FP8_E4M3, FP8_E5M2)
FORMATS = {form.name: form for form in _FORMATS}
"""Every format by its name."""

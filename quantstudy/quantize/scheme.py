"""What is quantized and how: small frozen values that print as `w4a8dyn`. Importing this file loads no torch."""

import re
from dataclasses import dataclass

from quantstudy.errors import BadInput

MIN_BITS, MAX_BITS = 2, 16
"""Fewest and most bits of the integers that the simulated path quantizes to."""

MAX_TORCHAO_BITS = 8
"""Most bits of the integers that torchao's configurations take."""

REFERENCE_BITS = 8
"""Runs beside whatever is asked for, since the question is «int8 or less»."""

DYNAMIC_BITS = 8
"""Activations quantized at run time have 8 bits, whatever the weights have: torchao has no other configuration."""


@dataclass(frozen=True)
class IntFormat:
    """A signed integer of `bits` bits: codes from −2^(bits−1) to 2^(bits−1) − 1.

    >>> IntFormat(4).low, IntFormat(4).high, IntFormat(4).levels
    (-8, 7, 16)
    """

    bits: int

    def __post_init__(self) -> None:
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise BadInput("bits", self.bits, f"whole numbers from {MIN_BITS} to {MAX_BITS}")

    @property
    def low(self) -> int:
        """Smallest code."""
        return int(-(2 ** (self.bits - 1)))

    @property
    def high(self) -> int:
        """Largest code."""
        return int(2 ** (self.bits - 1) - 1)

    @property
    def levels(self) -> int:
        """Number of codes."""
        return int(2**self.bits)


@dataclass(frozen=True)
class Scheme:
    """What is quantized, and to which integers.

    Attributes:
        weights: format of the weights (symmetric, one scale per output channel), None = float.
        activations: format of the activations, None = float.
        dynamic: activation ranges are taken per token at run time instead of from calibration.

    >>> str(Scheme(IntFormat(4), IntFormat(8), dynamic=True)), str(Scheme(None, IntFormat(4)))
    ('w4a8dyn', 'a4')
    """

    weights: IntFormat | None
    activations: IntFormat | None
    dynamic: bool = False

    def __post_init__(self) -> None:
        if self.weights is None and self.activations is None:
            raise BadInput("scheme", "", "at least one of weights and activations must be quantized")
        if self.dynamic and (self.activations is None or self.activations.bits != DYNAMIC_BITS):
            raise BadInput("scheme", "dyn", f"dynamic ranges go with {DYNAMIC_BITS}-bit activations")

    def __str__(self) -> str:
        w = f"w{self.weights.bits}" if self.weights else ""
        a = f"a{self.activations.bits}" if self.activations else ""
        return w + a + ("dyn" if self.dynamic else "")

    @property
    def in_torchao(self) -> bool:
        """Whether torchao has a configuration for this scheme."""
        if self.weights is None or self.weights.bits > MAX_TORCHAO_BITS:
            return False
        if self.activations is None or self.dynamic:
            return True
        return self.weights.bits == MAX_TORCHAO_BITS == self.activations.bits


def parse_scheme(text: str) -> Scheme:
    """Return the scheme that prints as `text`.

    Raises:
        BadInput: `text` is not of the form w4, a4, w4a4, w4a8dyn.

    >>> parse_scheme("w4a8dyn") == Scheme(IntFormat(4), IntFormat(8), dynamic=True)
    True
    """
    match = re.fullmatch(r"(?:w([1-9][0-9]?))?(?:a([1-9][0-9]?))?(dyn)?", text)
    if not match or not text:
        raise BadInput("scheme", text, "schemes look like w4, a4, w4a4 or w4a8dyn")
    w, a, dyn = match.groups()
    return Scheme(IntFormat(int(w)) if w else None, IntFormat(int(a)) if a else None, dynamic=bool(dyn))


def schemes_for(bits: int) -> tuple[Scheme, ...]:
    """Return the schemes that `--bits B` studies, simplest first: wB, aB, wBaB, wBa8dyn.

    >>> [str(s) for s in schemes_for(4)]
    ['w4', 'a4', 'w4a4', 'w4a8dyn']
    """
    b = IntFormat(bits)
    return Scheme(b, None), Scheme(None, b), Scheme(b, b), Scheme(b, IntFormat(DYNAMIC_BITS), dynamic=True)


def studied_bits(bits: tuple[int, ...]) -> tuple[int, ...]:
    """Return the bits of a study: all that are asked for, then 8 as the reference.

    >>> studied_bits((4, 6)), studied_bits((8,))
    ((4, 6, 8), (8,))
    """
    return tuple(dict.fromkeys((*bits, REFERENCE_BITS)))


def studied_schemes(bits: tuple[int, ...]) -> tuple[Scheme, ...]:
    """Return the schemes of a study, number of bits by number of bits.

    >>> [str(s) for s in studied_schemes((4,))]
    ['w4', 'a4', 'w4a4', 'w4a8dyn', 'w8', 'a8', 'w8a8', 'w8a8dyn']
    """
    return tuple(scheme for each in studied_bits(bits) for scheme in schemes_for(each))

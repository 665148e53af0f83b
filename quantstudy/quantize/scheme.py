"""What is quantized and how: small frozen values that print as `w4a8dyn`. Importing this file loads no torch."""

import re
from dataclasses import dataclass, replace

from quantstudy.errors import BadInput
from quantstudy.quantize.formats import FORMATS, FP8_E4M3, Format, IntFormat

__all__ = [
    "DYNAMIC_BITS",
    "MAX_TORCHAO_BITS",
    "REFERENCE_BITS",
    "IntFormat",
    "Scheme",
    "parse_scheme",
    "schemes_for",
    "studied_bits",
    "studied_schemes",
]

MAX_TORCHAO_BITS = 8
"""Most bits of the integers that torchao's configurations take."""

REFERENCE_BITS = 8
"""Runs beside whatever is asked for, since the question is «int8 or less»."""

DYNAMIC_BITS = 8
"""Activations quantized at run time have 8 bits, whatever the weights have: torchao has no other configuration."""


_FLOATS = {form.in_scheme: form for form in FORMATS.values() if not isinstance(form, IntFormat)}
_NUMBER = "|".join((*_FLOATS, "[1-9][0-9]?"))


@dataclass(frozen=True)
class Scheme:
    """What is quantized, and to which numbers.

    Attributes:
        weights: format of the weights (symmetric, one scale per output channel), None = float.
        activations: format of the activations, None = float.
        dynamic: activation ranges are taken per token at run time instead of from calibration.
        last: how the last layer, its weights and its inputs, is quantized, where that is another way than all others.

    >>> str(Scheme(IntFormat(4), IntFormat(8), dynamic=True)), str(Scheme(None, IntFormat(4)))
    ('w4a8dyn', 'a4')
    >>> str(parse_scheme("wf8af8-w8a8").last)
    'w8a8'
    """

    weights: Format | None
    activations: Format | None
    dynamic: bool = False
    last: "Scheme | None" = None

    def __post_init__(self) -> None:
        if self.weights is None and self.activations is None:
            raise BadInput("scheme", "", "at least one of weights and activations must be quantized")
        if self.dynamic and self.activations != IntFormat(DYNAMIC_BITS):
            raise BadInput("scheme", "dyn", f"dynamic ranges go with activations of {DYNAMIC_BITS}-bit integers")
        if self.last is not None:
            self._check_last(self.last)

    def _check_last(self, last: "Scheme") -> None:
        both = ((self.weights, last.weights), (self.activations, last.activations))
        if any((own is None) != (its is None) for own, its in both) or self.dynamic or last.dynamic or last.last:
            allowed = "the last layer has static ranges, too, and the same parts quantized as all others: wf8af8-w8a8"
            raise BadInput("scheme", str(self), allowed)

    def __str__(self) -> str:
        w = f"w{self.weights.in_scheme}" if self.weights else ""
        a = f"a{self.activations.in_scheme}" if self.activations else ""
        return w + a + ("dyn" if self.dynamic else "") + (f"-{self.last}" if self.last else "")

    @property
    def in_torchao(self) -> bool:
        """Whether torchao has a configuration for this scheme."""
        if self.last is not None:
            return False
        if not isinstance(self.weights, IntFormat):
            return self.weights == FP8_E4M3 and self.activations in (None, FP8_E4M3)
        if self.weights.bits > MAX_TORCHAO_BITS:
            return False
        if self.activations is None or self.dynamic:
            return True
        return self.weights == IntFormat(MAX_TORCHAO_BITS) == self.activations

    def with_bits(self, bits: int) -> "Scheme":
        """Return the scheme with so many bits of its weights; without integers there it is itself.

        Where activations have as many, theirs go with them; without quantized weights it is theirs alone. What is
        chosen at run time, and another last layer, stay as they are.

        >>> [str(parse_scheme(name).with_bits(6)) for name in ("w4a4", "w4a8", "a4", "w8a8dyn", "wf8af8")]
        ['w6a6', 'w6a8', 'a6', 'w6a8dyn', 'wf8af8']
        """
        weights, activations = self.weights, self.activations
        if not isinstance(activations if weights is None else weights, IntFormat):
            return self
        form = IntFormat(bits)
        stay = self.dynamic or (weights is not None and activations != weights)
        return replace(self, weights=weights and form, activations=activations and (activations if stay else form))


def parse_scheme(text: str) -> Scheme:
    """Return the scheme that prints as `text`.

    Raises:
        BadInput: `text` is not of the form w4, a4, w4a8, w4a8dyn, wf8af8, wf8e5m2, wf8af8-w8a8, or names no such bits.

    >>> parse_scheme("w4a8dyn") == Scheme(IntFormat(4), IntFormat(8), dynamic=True)
    True
    """
    try:
        return _parsed(text)
    except BadInput as error:  # of a number of bits, or of a part
        raise BadInput("scheme", text, error.allowed) from None


def _parsed(text: str) -> Scheme:
    all_but_last, separate, last = text.partition("-")
    match = re.fullmatch(rf"(?:w({_NUMBER}))?(?:a({_NUMBER}))?(dyn)?", all_but_last)
    if not match or not all_but_last:
        allowed = "schemes look like w4, a4, w4a8, w4a8dyn, wf8af8, wf8e5m2 or, with another last layer, wf8af8-w8a8"
        raise BadInput("scheme", text, allowed)
    w, a, dyn = match.groups()
    of_last = _parsed(last) if separate else None
    return Scheme(_format(w) if w else None, _format(a) if a else None, dynamic=bool(dyn), last=of_last)


def _format(text: str) -> Format:
    return _FLOATS[text] if text in _FLOATS else IntFormat(int(text))


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

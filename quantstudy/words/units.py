"""The measure that ranks in words: accuracies in per cent and differences in points, or PSNR in dB.

Every number of that measure becomes text here, and so does every number of how much of the output changes: the share of
decisions that flip is in per cent, the PSNR that is lost in dB.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from quantstudy.words import numbers
from quantstudy.words.numbers import NO_BREAK


class Unit(NamedTuple):
    """A unit.

    Attributes:
        name: as verdict.json has it.
        noun: what the measure is called.
        scale: how many of what is shown are 1 of what is recorded.
        sign: what stands after a value.
        amount: what a difference is counted in.
        gets: the verb before the value of a network.
        right: what stands after that value.
        flips: the verb that says how much of one activation's output changes.
        flip: the same of several.
    """

    name: str
    noun: str
    scale: float
    sign: str
    amount: str
    gets: str
    right: str
    flips: str
    flip: str

    @property
    def title(self) -> str:
        """What the measure is called where a sentence begins."""
        return self.noun[0].upper() + self.noun[1:]

    def bare(self, value: float, digits: int = 1) -> str:
        """Return a value or a difference without its unit, in a sentence.

        >>> UNITS["fraction"].bare(0.0984), UNITS["dB"].bare(-0.04)
        ('9.8', '0.0')
        """
        return numbers.points(value, digits, self.scale)

    def value(self, value: float) -> str:
        """Return a value in a sentence.

        >>> UNITS["fraction"].value(0.976), UNITS["dB"].value(31.24)
        ('97.6 %', '31.2 dB')
        """
        return f"{self.bare(value)} {self.sign}"

    def difference(self, value: float) -> str:
        """Return a difference in a sentence.

        >>> UNITS["fraction"].difference(0.012), UNITS["dB"].difference(1.2)
        ('1.2 points', '1.2 dB')
        """
        return f"{self.bare(value)} {self.amount}"

    def least(self, value: float) -> str:
        """Return a value that was asked for, with as many digits as it was given.

        >>> UNITS["fraction"].least(0.9), UNITS["dB"].least(20.125)
        ('90.0 %', '20.125 dB')
        """
        return f"{numbers.limit(value, self.scale)} {self.sign}"

    def allowed(self, value: float) -> str:
        """Return a difference that was asked for, with as many digits as it was given.

        >>> UNITS["fraction"].allowed(0.02), UNITS["dB"].allowed(1.0)
        ('2.0 points', '1.0 dB')
        """
        return f"{numbers.limit(value, self.scale)} {self.amount}"

    def ends(self, low: float, high: float) -> str:
        """Return an interval in a sentence.

        >>> UNITS["dB"].ends(1.04, 2.0)
        '(95 % CI 1.0 to 2.0)'
        """
        return f"(95 % CI {self.bare(low)} to {self.bare(high)})"

    def brief(self, value: float) -> str:
        """Return a round value as briefly as it can be said.

        >>> UNITS["fraction"].brief(0.05).replace(NO_BREAK, " "), UNITS["dB"].brief(3.0).replace(NO_BREAK, " ")
        ('5 %', '3 dB')
        """
        return f"{self.scale * value:g}{NO_BREAK}{self.sign}"

    def number(self, value: float, places: int = 1, sign: bool = False) -> str:
        """Return a value or a difference without its unit, in a table or a figure.

        >>> UNITS["dB"].number(-1.25, sign=True), UNITS["fraction"].number(math.nan)
        ('−1.2', 'n/a')
        """
        return numbers.number(self.scale * value, places, sign)

    def shown(self, value: float, places: int = 1) -> str:
        """Return a value in a table or a figure, which no line break tears apart; `n/a` where it is undefined.

        >>> UNITS["dB"].shown(31.24).replace(NO_BREAK, " "), UNITS["dB"].shown(math.nan)
        ('31.2 dB', 'n/a')
        """
        text = self.number(value, places)
        return text if text == "n/a" else f"{text}{NO_BREAK}{self.sign}"

    def interval(self, low: float, high: float, places: int = 1) -> str:
        """Return an interval in a table or a figure; empty where it is undefined.

        >>> UNITS["dB"].interval(-1.25, 3.0), UNITS["dB"].interval(math.nan, 3.0)
        ('[−1.2, 3.0]', '')
        """
        return numbers.interval(low, high, places, self.scale)

    def with_interval(self, three: Sequence[float], places: int = 1, sign: bool = False) -> str:
        """Return a mean, its lower and its upper end in a table or a figure.

        >>> UNITS["dB"].with_interval((1.25, 1.0, 1.5))
        '1.2 [1.0, 1.5]'
        """
        return numbers.with_interval(three, places, sign, self.scale)

    def span(self, values: Sequence[float], places: int = 1) -> str:
        """Return the range of some values, `n/a` if none is defined.

        >>> UNITS["dB"].span([1.0, 2.5, math.nan]).replace(NO_BREAK, " ")
        '1.0–2.5 dB'
        """
        finite = [value for value in values if math.isfinite(value)]
        if not finite:
            return "n/a"
        low, high = self.number(min(finite), places), self.number(max(finite), places)
        return f"{low}{NO_BREAK}{self.sign}" if low == high else f"{low}–{high}{NO_BREAK}{self.sign}"

    def places(self, difference: float) -> int:
        """Return how many decimals a row needs whose difference is this: two where it is small.

        >>> UNITS["fraction"].places(0.019), UNITS["fraction"].places(0.02), UNITS["dB"].places(-0.5)
        (2, 1, 2)
        """
        return 2 if abs(self.scale * difference) < 2.0 else 1


UNITS = {
    "fraction": Unit("fraction", "accuracy", 100.0, "%", "points", "gets", " right", "flips", "flip"),
    "dB": Unit("dB", "PSNR", 1.0, "dB", "dB", "reaches", "", "loses", "lose"),
}
"""By the name that verdict.json and `config.metrics` have for it."""


def unit_of(verdict: Mapping[str, Any]) -> Unit:
    """Return the unit of a verdict."""
    return UNITS[verdict["unit"]]

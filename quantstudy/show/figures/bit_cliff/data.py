"""What the bit-cliff figure shows: curves as arrays, smallest widths as text, and what they say in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from quantstudy.show.values import Floats
from quantstudy.words.numbers import percent, plural, real

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

PARTS = {"weights": "Weights", "activations": "Activations (layers' outputs)", "both": "Both"}
"""The quantized parts as verdict.json names them, with their headings."""
LIMITS = {"0.05": 0.05, "0.01": 0.01}
"""Flip rates that the smallest widths are given for, by their keys in verdict.json."""
UNKNOWN = "n/a"


@dataclass(frozen=True)
class Cliff:
    """One quantized part.

    Attributes:
        part: its name in `PARTS`.
        bits: widths in ascending order, [widths].
        curve: flip rates, [activations, widths, 3] (mean, lower end, upper end), NaN where there is none.
        smallest: per limit and activation the entry of verdict.json: bits, low, high; None = more than 16 or unknown.
        deployable: the same for the allowed drop.
    """

    part: str
    bits: "np.ndarray[Any, Any]"
    curve: Floats
    smallest: dict[str, list[Mapping[str, Any]]]
    deployable: list[Mapping[str, Any]]

    @property
    def mean(self) -> Floats:
        """Mean flip rates, [activations, widths]."""
        return self.curve[:, :, 0]

    def at(self, bits: int) -> Floats:
        """Mean flip rates at a width, [activations]; NaN where it wasn't measured."""
        found = np.flatnonzero(self.bits == bits)
        return self.mean[:, found[0]] if found.size else np.full(len(self.mean), np.nan)


def cliffs(config: "StudyConfig", section: Mapping[str, Any]) -> list[Cliff]:
    """Return weights, activations and both; a part or activation that the section lacks has no value."""
    names = config.activations
    points = [p["bits"] for part in section.values() for entry in part.values() for p in entry["curve"]]
    bits = np.unique(np.array(points, dtype=np.int64))
    return [_cliff(part, section.get(part, {}), names, bits) for part in PARTS]


def _cliff(part: str, found: Mapping[str, Any], names: Sequence[str], bits: "np.ndarray[Any, Any]") -> Cliff:
    nothing = {"bits": None, "low": None, "high": None}
    entries = [
        found.get(name, {"curve": [], "smallest": dict.fromkeys(LIMITS, nothing), "deployable": nothing})
        for name in names
    ]
    curve = np.full((len(names), len(bits), 3), np.nan)
    for row, entry in enumerate(entries):
        for point in entry["curve"]:
            curve[row, np.searchsorted(bits, point["bits"])] = [real(point[key]) for key in ("mean", "low", "high")]
    smallest = {limit: [entry["smallest"][limit] for entry in entries] for limit in LIMITS}
    return Cliff(part, bits, curve, smallest, [entry["deployable"] for entry in entries])


def said_bits(bits: int | None, widest: int, *, known: bool) -> str:
    """Return a smallest width as text; None is more than the widest one where the values are known.

    >>> said_bits(6, 16, known=True), said_bits(None, 16, known=True), said_bits(None, 16, known=False)
    ('6', '>16', 'n/a')
    """
    return str(bits) if bits is not None else f">{widest}" if known else UNKNOWN


def said_interval(entry: Mapping[str, Any], widest: int) -> str:
    """Return the interval of a smallest width; empty where it has none.

    >>> said_interval({"bits": 6, "low": 5, "high": 7}, 16), said_interval({"bits": 6, "low": 5, "high": None}, 16)
    ('[5, 7]', '[5, >16]')
    """
    low, high = entry["low"], entry["high"]
    return "" if low is None else f"[{low}, {said_bits(high, widest, known=True)}]"


def finding(config: "StudyConfig", found: Sequence[Cliff]) -> str:
    """Return how many activations flip too much at the width asked for, and from where on none does, in words."""
    both, names, bits = found[-1], config.activations, config.focus_bits
    said = [text for text in (_here(both, names, bits), _from_where(both, names)) if text]
    if not said:
        return "From how many bits on is it safe? No value was recorded"
    start = "One seed: " if config.seeds == 1 else ""
    text = "; ".join(said)
    return start + text if start else text[0].upper() + text[1:]


def _here(both: Cliff, names: Sequence[str], bits: int) -> str:
    rates = both.at(bits)
    known = rates[~np.isnan(rates)]
    if not known.size:
        return ""
    start = f"with weights and activations at {plural(bits, 'bit')}"
    if len(names) == 1:
        return f"{start} {names[0]} flips {percent(float(known[0]))} of the pixels"
    for limit, words in ((0.05, "5\u00a0%"), (0.01, "1\u00a0%")):
        over = int((known > limit).sum())
        if over:
            return f"{start} {_many(over, known.size, len(names))} more than {words} of the pixels"
    return f"{start} {_many(known.size, known.size, len(names))} at most 1\u00a0% of the pixels"


def _from_where(both: Cliff, names: Sequence[str]) -> str:
    who = names[0] if len(names) == 1 else "every activation"
    loose, strict = (_enough_for_all(entries) for entries in both.smallest.values())
    if loose is None:
        return _not_even(both, names, LIMITS["0.05"])
    if loose == strict:
        return f"from {plural(loose, 'bit')} on {who} flips at most 1\u00a0%"
    start = f"from {plural(loose, 'bit')} on {who} flips at most 5\u00a0%"
    if strict is not None:
        return f"{start}, from {strict} on at most 1\u00a0%"
    return ", but ".join(filter(None, (start, _not_even(both, names, LIMITS["0.01"]))))


def _enough_for_all(entries: Sequence[Mapping[str, Any]]) -> int | None:
    bits = [entry["bits"] for entry in entries]
    return None if None in bits else max(bits)


def _not_even(both: Cliff, names: Sequence[str], limit: float) -> str:
    """Return how many activations flip too much at the widest width; empty where none is known to."""
    last = both.mean[:, -1:].ravel()
    over, known = int((last > limit).sum()), int((~np.isnan(last)).sum())
    if not over:
        return ""
    words, widest = f"more than {100 * limit:g}\u00a0%", plural(int(both.bits[-1]), "bit")
    if len(names) == 1:
        return f"even at {widest} {names[0]} flips {words}"
    return f"{over} of {known} still {'flips' if over == 1 else 'flip'} {words} at {widest}"


def _many(these: int, measured: int, count: int) -> str:
    """Return «3 of 7 activations flip».

    >>> _many(3, 7, 7), _many(7, 7, 7), _many(1, 6, 7)
    ('3 of 7 activations flip', 'all 7 activations flip', '1 of 6 measured activations flips')
    """
    noun = "activations" if measured == count else "measured activations"
    start = f"all {measured} {noun}" if these == measured > 2 else f"{these} of {measured} {noun}"
    return f"{start} {'flips' if these == 1 else 'flip'}"

"""What stands on the figure of the bit cliff: from how many bits on few pixels flip, or little PSNR is lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.judge.cliff import LIMITS
from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import share
from quantstudy.words.numbers import NO_BREAK, listed, plural
from quantstudy.words.things import things_of, unit_of
from quantstudy.words.units import UNITS, Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Floats = NDArray[np.float64]
Entries = Sequence[Mapping[str, Any]]
"""A smallest width per activation, as in verdict.json: `bits`, `low`, `high`; None is more than the widest."""

PARTS = {"weights": "Weights", "activations": "Activations (layers' outputs)", "both": "Both"}
"""The quantized parts as verdict.json names them, with their headings."""
UNKNOWN = "n/a"
MEASURES = {"flip_rate": (UNITS["fraction"], "flip rate"), "psnr_drop": (UNITS["dB"], "loss of PSNR")}
"""What is drawn: in which unit, and what it is called."""


def limits(disturbed: str) -> dict[str, float]:
    """Return what the smallest widths are given for, by their keys in verdict.json, the loosest first.

    >>> limits("flip_rate"), limits("psnr_drop")
    ({'0.05': 0.05, '0.01': 0.01}, {'3': 3.0, '1': 1.0})
    """
    return {f"{limit:g}": limit for limit in sorted(LIMITS[disturbed], reverse=True)}


def title(config: "StudyConfig", bits: NDArray[np.int64], mean: Floats, smallest: Mapping[str, Entries]) -> str:
    """Return how many activations flip too much at the width asked for, and from where on none does, in words.

    Args:
        config: the study.
        bits: widths in ascending order.
        mean: mean damage with weights and activations quantized, `[activations, widths]`, NaN where there is none.
        smallest: the smallest widths by the keys of `limits`.
    """
    names, asked, told = config.activations, config.focus_bits, _Told.of(config)
    found = np.flatnonzero(bits == asked)
    rates, last = (mean[:, at].ravel() for at in (found, slice(-1, None)))
    widest = int(bits[-1]) if bits.size else 0
    said = [text for text in (told.here(rates, names, asked), told.from_where(last, widest, names, smallest)) if text]
    if not said:
        return "From how many bits on is it safe? No value was recorded"
    start = "One seed: " if config.seeds == 1 else ""
    text = "; ".join(said)
    return start + text if start else text[0].upper() + text[1:]


@dataclass(frozen=True)
class _Told:
    """How damage is told: its unit, its limits from the loosest on, and what it is a share of."""

    unit: Unit
    limits: Sequence[float]
    of_all: str

    @classmethod
    def of(cls, config: "StudyConfig") -> "_Told":
        disturbed = config.ranked.disturbed
        of_all = f" of the {things_of(config).flipped}" if disturbed == "flip_rate" else ""
        return cls(unit_of(config), list(limits(disturbed).values()), of_all)

    def here(self, rates: Floats, names: Sequence[str], bits: int) -> str:
        """Return how many activations are damaged too much at the width asked for."""
        known = rates[~np.isnan(rates)]
        if not known.size:
            return ""
        start = f"with weights and activations at {plural(bits, 'bit')}"
        if len(names) == 1:
            return f"{start} {names[0]} {self.unit.flips} {self.unit.shown(float(known[0]))}{self.of_all}"
        for limit in self.limits:
            over = int((known > limit).sum())
            if over:
                many = self.many(over, known.size, len(names))
                return f"{start} {many} more than {self.unit.brief(limit)}{self.of_all}"
        many = self.many(known.size, known.size, len(names))
        return f"{start} {many} at most {self.unit.brief(self.limits[-1])}{self.of_all}"

    def from_where(self, last: Floats, widest: int, names: Sequence[str], smallest: Mapping[str, Entries]) -> str:
        """Return from which widths on no activation is damaged too much."""
        who = names[0] if len(names) == 1 else "every activation"
        loose, strict = (_enough_for_all(smallest[f"{limit:g}"]) for limit in self.limits)
        most, least = self.limits
        if loose is None:
            return self.not_even(last, widest, names, most)
        from_loose = f"from {plural(loose, 'bit')} on {who} {self.unit.flips} at most"
        if loose == strict:
            return f"{from_loose} {self.unit.brief(least)}"
        start = f"{from_loose} {self.unit.brief(most)}"
        if strict is not None:
            return f"{start}, from {strict} on at most {self.unit.brief(least)}"
        return ", but ".join(filter(None, (start, self.not_even(last, widest, names, least))))

    def not_even(self, last: Floats, widest: int, names: Sequence[str], limit: float) -> str:
        """Return how many activations are damaged too much at the widest width; empty where none is known to be."""
        over, known = int((last > limit).sum()), int((~np.isnan(last)).sum())
        if not over:
            return ""
        if len(names) == 1:
            return f"even at {plural(widest, 'bit')} {names[0]} {self.unit.flips} more than {self.unit.brief(limit)}"
        verb = self.unit.flips if over == 1 else self.unit.flip
        return f"{over} of {known} still {verb} more than {self.unit.brief(limit)} at {widest} bits"

    def many(self, these: int, measured: int, count: int) -> str:
        """Return «3 of 7 activations flip».

        >>> flips = _Told(UNITS["fraction"], (0.05, 0.01), "")
        >>> flips.many(3, 7, 7), flips.many(7, 7, 7), flips.many(1, 6, 7)
        ('3 of 7 activations flip', 'all 7 activations flip', '1 of 6 measured activations flips')
        >>> _Told(UNITS["dB"], (3.0, 1.0), "").many(2, 7, 7)
        '2 of 7 activations lose'
        """
        noun = "activations" if measured == count else "measured activations"
        start = f"all {measured} {noun}" if these == measured > 2 else f"{these} of {measured} {noun}"
        return f"{start} {self.unit.flips if these == 1 else self.unit.flip}"


def _enough_for_all(entries: Entries) -> int | None:
    bits = [entry["bits"] for entry in entries]
    return None if None in bits else max(bits)


def reading(config: "StudyConfig") -> str:
    """Return how to read the figure."""
    over = (
        "One seed was run: no bands, no intervals. "
        if config.seeds == 1
        else f"Mean over {plural(config.seeds, 'seed')}, band: its 95{NO_BREAK}% interval. "
    )
    unit, (loose, strict) = unit_of(config), map(unit_of(config).brief, limits(config.ranked.disturbed).values())
    if config.ranked.disturbed == "flip_rate":
        what, zones = f"Share of the {things_of(config).changed}", f"at most {strict} flip, light: {loose}"
    else:
        what, zones = f"{unit.noun} that is lost", f"at most {strict} is lost, light: {loose}"
    return (
        f"{what} when all layers are quantized to so many bits. {over}"
        f"Green zones: {zones}. The table names the lines and says from how "
        f"many bits on that holds, green where {plural(config.focus_bits, 'bit')} are enough."
    )


def caption(config: "StudyConfig", bits: NDArray[np.int64], linear: float, undefined: int) -> str:
    """Return the small print.

    Args:
        config: the study.
        bits: widths that were measured, in ascending order.
        linear: below which the axis is linear.
        undefined: how many means there are none of.
    """
    unit, measure = MEASURES[config.ranked.disturbed]
    allowed = f"{unit.number(getattr(config, config.ranked.allowed))} {unit.amount}"
    said = [
        f"Smallest bits: from these on, this and every wider width keeps the mean {measure} at or below the limit.",
        f"Deployable: from these on at least {share(config.assurance)} of networks trained this way are shown to lose "
        f"no more than {allowed} of held-out {unit.noun}; ? where less than "
        f"90{NO_BREAK}% of random halves of the seeds give the same width.",
        f"The axis is logarithmic down to {unit.brief(linear)} and linear below.",
    ]
    if config.seeds > 1:
        said.insert(1, f"In brackets: 95{NO_BREAK}% bootstrap interval over seeds.")
    gaps = [f"{bits[at] + 1}–{bits[at + 1] - 1}" for at in np.flatnonzero(np.diff(bits) > 1)]
    if gaps:
        said.append(f"Not measured: {listed(gaps)} bits.")
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined: no point there.")
    return " ".join(said)


def column(disturbed: str, limit: float) -> str:
    """Return the head of a column of smallest widths.

    >>> column("psnr_drop", 3.0).replace(NO_BREAK, " ")
    'loses ≤ 3 dB'
    """
    unit, _ = MEASURES[disturbed]
    return f"{unit.flips} ≤ {unit.brief(limit)}"


def bits_text(bits: int | None, widest: int, *, known: bool) -> str:
    """Return a smallest width as text; None is more than the widest one where the values are known.

    >>> bits_text(6, 16, known=True), bits_text(None, 16, known=True), bits_text(None, 16, known=False)
    ('6', '>16', 'n/a')
    """
    return str(bits) if bits is not None else f">{widest}" if known else UNKNOWN


def doubt(entry: Mapping[str, Any]) -> str:
    """Return a question mark after a width that many halves of the seeds do not have; nothing where that is unknown.

    >>> doubt({"bits": 7, "stability": 0.5}), doubt({"bits": 7, "stability": 1.0}), doubt({"bits": 7})
    ('?', '', '')
    """
    known = entry.get("stability")
    return "" if known is None or is_fact(known) else "?"


def interval_text(entry: Mapping[str, Any], widest: int) -> str:
    """Return the interval of a smallest width; empty where it has none.

    >>> interval_text({"bits": 6, "low": 5, "high": 7}, 16), interval_text({"bits": 6, "low": 5, "high": None}, 16)
    ('[5, 7]', '[5, >16]')
    """
    low, high = entry["low"], entry["high"]
    return "" if low is None else f"[{low}, {bits_text(high, widest, known=True)}]"


def heading(part: str) -> str:
    """Return what stands above a part's columns of the table."""
    return f"{PARTS[part].split(' (')[0]}: smallest bits for"

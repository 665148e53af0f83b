"""What stands on the figure of the bit cliff: from how many bits on few pixels flip."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.judge.facts import is_fact
from quantstudy.words.deployable import share
from quantstudy.words.numbers import NO_BREAK, listed, number, percent, plural

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

Floats = NDArray[np.float64]
Entries = Sequence[Mapping[str, Any]]
"""A smallest width per activation, as in verdict.json: `bits`, `low`, `high`; None is more than the widest."""

PARTS = {"weights": "Weights", "activations": "Activations (layers' outputs)", "both": "Both"}
"""The quantized parts as verdict.json names them, with their headings."""
LIMITS = {"0.05": 0.05, "0.01": 0.01}
"""Flip rates that the smallest widths are given for, by their keys in verdict.json."""
UNKNOWN = "n/a"


def title(config: "StudyConfig", bits: NDArray[np.int64], mean: Floats, smallest: Mapping[str, Entries]) -> str:
    """Return how many activations flip too much at the width asked for, and from where on none does, in words.

    Args:
        config: the study.
        bits: widths in ascending order.
        mean: mean flip rates with weights and activations quantized, `[activations, widths]`, NaN where there is none.
        smallest: the smallest widths by the keys of `LIMITS`.
    """
    names, asked = config.activations, config.focus_bits
    found = np.flatnonzero(bits == asked)
    rates, last = (mean[:, at].ravel() for at in (found, slice(-1, None)))
    widest = int(bits[-1]) if bits.size else 0
    said = [text for text in (_here(rates, names, asked), _from_where(last, widest, names, smallest)) if text]
    if not said:
        return "From how many bits on is it safe? No value was recorded"
    start = "One seed: " if config.seeds == 1 else ""
    text = "; ".join(said)
    return start + text if start else text[0].upper() + text[1:]


def _here(rates: Floats, names: Sequence[str], bits: int) -> str:
    known = rates[~np.isnan(rates)]
    if not known.size:
        return ""
    start = f"with weights and activations at {plural(bits, 'bit')}"
    if len(names) == 1:
        return f"{start} {names[0]} flips {percent(float(known[0]))} of the pixels"
    for limit in LIMITS.values():
        over = int((known > limit).sum())
        if over:
            return f"{start} {_many(over, known.size, len(names))} more than {rate(limit)} of the pixels"
    return f"{start} {_many(known.size, known.size, len(names))} at most {rate(0.01)} of the pixels"


def _from_where(last: Floats, widest: int, names: Sequence[str], smallest: Mapping[str, Entries]) -> str:
    who = names[0] if len(names) == 1 else "every activation"
    loose, strict = (_enough_for_all(smallest[limit]) for limit in LIMITS)
    if loose is None:
        return _not_even(last, widest, names, LIMITS["0.05"])
    if loose == strict:
        return f"from {plural(loose, 'bit')} on {who} flips at most {rate(0.01)}"
    start = f"from {plural(loose, 'bit')} on {who} flips at most {rate(0.05)}"
    if strict is not None:
        return f"{start}, from {strict} on at most {rate(0.01)}"
    return ", but ".join(filter(None, (start, _not_even(last, widest, names, LIMITS["0.01"]))))


def _enough_for_all(entries: Entries) -> int | None:
    bits = [entry["bits"] for entry in entries]
    return None if None in bits else max(bits)


def _not_even(last: Floats, widest: int, names: Sequence[str], limit: float) -> str:
    """Return how many activations flip too much at the widest width; empty where none is known to."""
    over, known = int((last > limit).sum()), int((~np.isnan(last)).sum())
    if not over:
        return ""
    if len(names) == 1:
        return f"even at {plural(widest, 'bit')} {names[0]} flips more than {rate(limit)}"
    return f"{over} of {known} still {'flips' if over == 1 else 'flip'} more than {rate(limit)} at {widest} bits"


def _many(these: int, measured: int, count: int) -> str:
    """Return «3 of 7 activations flip».

    >>> _many(3, 7, 7), _many(7, 7, 7), _many(1, 6, 7)
    ('3 of 7 activations flip', 'all 7 activations flip', '1 of 6 measured activations flips')
    """
    noun = "activations" if measured == count else "measured activations"
    start = f"all {measured} {noun}" if these == measured > 2 else f"{these} of {measured} {noun}"
    return f"{start} {'flips' if these == 1 else 'flip'}"


def reading(config: "StudyConfig") -> str:
    """Return how to read the figure."""
    over = (
        "One seed was run: no bands, no intervals. "
        if config.seeds == 1
        else f"Mean over {plural(config.seeds, 'seed')}, band: its 95{NO_BREAK}% interval. "
    )
    return (
        f"Share of the pixels that change class when all layers are quantized to so many bits. {over}"
        f"Green zones: at most {rate(0.01)} flip, light: {rate(0.05)}. The table names the lines and says from how "
        f"many bits on that holds, green where {plural(config.focus_bits, 'bit')} are enough."
    )


def caption(config: "StudyConfig", bits: NDArray[np.int64], linear: float, undefined: int) -> str:
    """Return the small print.

    Args:
        config: the study.
        bits: widths that were measured, in ascending order.
        linear: flip rate below which the axis is linear.
        undefined: how many means there are none of.
    """
    said = [
        "Smallest bits: from these on, this and every wider width keeps the mean flip rate at or below the limit.",
        f"Deployable: from these on at least {share(config.assurance)} of networks trained this way are shown to lose "
        f"no more than {number(100 * config.allowed_drop)} points of held-out accuracy; ? where less than "
        f"90{NO_BREAK}% of random halves of the seeds give the same width.",
        f"The axis is logarithmic down to {rate(linear)} and linear below.",
    ]
    if config.seeds > 1:
        said.insert(1, f"In brackets: 95{NO_BREAK}% bootstrap interval over seeds.")
    gaps = [f"{bits[at] + 1}–{bits[at + 1] - 1}" for at in np.flatnonzero(np.diff(bits) > 1)]
    if gaps:
        said.append(f"Not measured: {listed(gaps)} bits.")
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined: no point there.")
    return " ".join(said)


def rate(fraction: float) -> str:
    """Return a flip rate as briefly as it can be said.

    >>> rate(0.05).replace(NO_BREAK, " "), rate(0.001).replace(NO_BREAK, " ")
    ('5 %', '0.1 %')
    """
    return f"{100.0 * fraction:g}{NO_BREAK}%"


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

"""Which layer does the damage, in words: from the section `sensitivity` of verdict.json."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from quantstudy.quantize.scheme import schemes_for
from quantstudy.words.things import unit_of
from quantstudy.words.units import UNITS, Unit

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig


class Said(NamedTuple):
    """How damage is told: flips, or decibels that are lost."""

    most: str
    each_most: str
    none: str
    alike: str
    more: str
    fewer: str


SAID = {
    "fraction": Said(
        most="causes the most flips",
        each_most="each cause the most flips",
        none="no layer causes more flips than the others",
        alike="alone flip equally many",
        more="alone flips more than",
        fewer="fewer",
    ),
    "dB": Said(
        most="costs the most",
        each_most="each cost the most",
        none="no layer costs more than the others",
        alike="alone lose the same",
        more="alone loses more than",
        fewer="less",
    ),
}
"""By unit."""

Entry = Mapping[str, Any]
"""What verdict.json says of one activation at one scheme."""


def finding(config: "StudyConfig", section: Mapping[str, Mapping[str, Entry]]) -> str:
    """Return which layer does the most damage, and whether weights or activations cost more, as a headline."""
    unit, words = unit_of(config), SAID[config.ranked.unit]
    schemes = [str(scheme) for scheme in schemes_for(config.focus_bits)[:3]]
    weights, outputs, both = ([section.get(scheme, {}).get(name) for name in config.activations] for scheme in schemes)
    layers = len(config.hidden) + 1
    if len(config.activations) == 1:
        said = [
            _layer_of_one(config.activations[0], both[0], layers, unit, words),
            _part_of_one(schemes, (weights[0], outputs[0], both[0]), unit, words),
        ]
    else:
        said = [_which_layer(both, layers, words), _which_part(schemes, (weights, outputs, both), words)]
    said = [text for text in said if text]
    if not said:
        return f"Which layer does the damage at {schemes[-1]}? No value was recorded"
    start = "One seed: at" if config.seeds == 1 else "At"
    return f"{start} {schemes[-1]} {'; '.join(said)}"


def layer_name(layer: int, layers: int) -> str:
    """Return a layer's name; the last one is the network's output.

    >>> layer_name(0, 4), layer_name(3, 4)
    ('layer 0', 'output')
    """
    return "output" if layer == layers - 1 else f"layer {layer}"


def places_for(rates: Iterable[float], unit: Unit = UNITS["fraction"]) -> int:
    """Return how many decimals numbers need as they are shown: one where the largest is 2 or more, four at most.

    >>> places_for([0.031, float("nan")]), places_for([0.0031]), places_for([0.00002])
    (1, 2, 4)
    """
    largest = max((abs(unit.scale * rate) for rate in rates if abs(rate) < float("inf")), default=0.0)
    return next((places for places in (1, 2, 3) if largest >= 2.0 * 10.0 ** (1 - places)), 4 if largest else 1)


def _layer_of_one(name: str, entry: Entry | None, layers: int, unit: Unit, words: Said) -> str:
    if entry is None or not _has_shares(entry):
        return ""
    layer = entry["largest_layer"]["layer"]
    if layer is None:
        return words.none
    share = next(part["shapley"]["mean"] for part in entry["layers"] if part["layer"] == layer)
    total = entry["total"]["mean"]
    total = float("nan") if total is None else total
    places = places_for([total], unit)
    of_all = f"{unit.number(share, places)} of {unit.number(total, places)} {unit.amount}"
    return f"{_spoken(layer, layers)} {words.most} of {name}: {of_all}"


def _part_of_one(
    schemes: Sequence[str], of: tuple[Entry | None, Entry | None, Entry | None], unit: Unit, words: Said
) -> str:
    weights, outputs, both = of
    if weights is None or outputs is None or both is None:
        return ""
    alone = {scheme: entry["total"]["mean"] for scheme, entry in zip(schemes, (weights, outputs), strict=False)}
    if None in alone.values():
        return ""
    worse = both["larger_part"]["scheme"]
    if worse is None:
        return f"{' and '.join(alone)} {words.alike}"
    places = places_for(alone.values(), unit)
    more = unit.shown(alone.pop(worse), places)
    ((better, fewer),) = alone.items()
    return f"{worse} {words.more} {better} alone: {more} against {unit.shown(fewer, places)}"


def _which_layer(entries: Sequence[Entry | None], layers: int, told: Said) -> str:
    measured = [entry for entry in entries if entry is not None and _has_shares(entry)]
    if not measured:
        return ""
    largest = [entry["largest_layer"] for entry in measured]
    counts = Counter(found["layer"] for found in largest if found["layer"] is not None)
    if not counts:
        return told.none
    most = max(counts.values())
    leading = sorted(layer for layer, count in counts.items() if count == most)
    noun = " activations" if len(measured) == len(entries) else " measured activations"
    words = [_spoken(layer, layers) for layer in leading]
    if len(words) > 1:
        each = f"{', '.join(words[:-1])} and {words[-1]} {told.each_most}"
        return f"{each} in {most} of {len(measured)}{noun}"
    clearly = sum(found["clearly"] for found in largest if found["layer"] == leading[0])
    intervals = any(entry["total"]["low"] is not None for entry in measured)
    return f"{words[0]} {told.most} in {_of(most, len(measured), clearly if intervals else None, noun)}"


def _which_part(schemes: Sequence[str], of: tuple[Sequence[Entry | None], ...], words: Said) -> str:
    rows = [
        row for row in zip(*of, strict=True) if all(e is not None and e["total"]["mean"] is not None for e in row[:2])
    ]
    if not rows:
        return ""
    larger = [both["larger_part"] for *_, both in rows if both]
    counts = Counter(found["scheme"] for found in larger)
    first, other = schemes[:2]
    more, fewer = counts[other], counts[first]
    if not (more or fewer):
        return f"{first} and {other} {words.alike}"
    if more == fewer:
        return f"{other} {words.more} {first} alone in {more} of {len(rows)} and {words.fewer} in {fewer}"
    worse, better = (other, first) if more > fewer else (first, other)
    clearly = sum(found["clearly"] for found in larger if found["scheme"] == worse)
    intervals = any(weights["total"]["low"] is not None for weights, *_ in rows if weights)
    said = _of(max(more, fewer), len(rows), clearly if intervals else None, "")
    return f"{worse} {words.more} {better} alone in {said}"


def _has_shares(entry: Entry) -> bool:
    return any(part["shapley"]["mean"] is not None for part in entry["layers"])


def _of(many: int, count: int, clearly: int | None, noun: str) -> str:
    """Return «5 of 7 activations (clearly in 3)»; the bracket only where there are intervals."""
    start = f"all {many}{noun}" if many == count > 2 else f"{many} of {count}{noun}"
    if clearly is None:
        return start
    if clearly == many:
        return f"{start} (clearly{'' if many == 1 else ' in both' if many == 2 else f' in all {many}'})"
    return f"{start} (clearly in {clearly or 'none'})"


def _spoken(layer: int, layers: int) -> str:
    name = layer_name(layer, layers)
    return f"the {name} layer" if name == "output" else name

"""What stands on the figure of an axis of a sweep beside its finding (`words.sweep`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.quantize.scheme import parse_scheme
from quantstudy.words.numbers import NO_BREAK, plural
from quantstudy.words.sweep import aside, best, compared, moves
from quantstudy.words.sweep_axes import NAMES, UNIT_OF, heading
from quantstudy.words.units import UNITS

NOTHING = "There is nothing to draw; the cells that are there are counted in sweep.json."

PARTS = {
    "both": "both",
    "weights": "weights alone",
    "activations": "activations alone",
    "dynamic": "both, a8 at run time",
}
"""Headings of the panels along bits."""

SURE = "leads alone, and that is a fact"
"""What the ring around a point means."""


def title(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return what an axis says, in one or two sentences."""
    start = heading(entry, found)
    if not entry["views"]:
        return f"{start}: no setting has all its cells yet"
    view = entry["views"][0]
    said = best(entry, view) if compared(entry, found) else moves(entry, view)
    return _whole(f"{start}: {_lower(said).rstrip('.')}")


def reading(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return how losses move, and how to read the figure."""
    over = (
        "one seed, no bands"
        if found["seeds"] == 1
        else f"mean over {plural(found['seeds'], 'seed')}, band: 95 % interval"
    )
    if entry["settings"] > 1:
        over += f"; each point is a mean over {entry['settings']:,} settings of the other axes, the same for all"
    moved = moves(entry, entry["views"][0])
    return _whole(f"{moved[0].upper()}{moved[1:]} Lower is better; {over}.")


def caption(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return the small print."""
    said = [] if not entry["aside"] else [aside(entry)]
    if entry["missing"]:
        said.append(f"Left out: {plural(entry['missing'], 'setting')} in which a cell is missing.")
    rows = entry["views"][0]["rows"]
    if unlearned := sum(row["learned"] < entry["settings"] for row in rows):
        said.append(
            f"At {unlearned} of {plural(len(rows), 'point')} some float networks have not learned: what is lost there "
            "is shown, but it leads nowhere."
        )
    lost = sum(row["drop"]["mean"] is None for view in entry["views"] for row in view["rows"])
    if lost:
        said.append(f"{plural(lost, 'value')} undefined: no point there.")
    allowed = UNITS[entry["unit"]].allowed(found["tasks"][entry["task"]]["allowed"])
    return _whole(" ".join([f"Green: at most the allowed {allowed} lost.", *said]))


def panel(entry: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """Return the heading of a panel.

    >>> panel({"axis": "width"}, {"view": "polish", "schemes": ["w4a4"]}), panel({"axis": "lr"}, {"view": "w4"})
    ('w4a4 with polish', 'w4: weights alone')
    """
    if entry["axis"] == "bits":
        return PARTS[view["view"]]
    if view["view"] != view.get("schemes", [view["view"]])[0]:
        return f"{view['schemes'][0]} with {view['view']}"
    scheme = parse_scheme(view["view"])
    if scheme.activations is None:
        return f"{view['view']}: weights alone"
    if scheme.dynamic:
        return f"{view['view']}: ranges at run time"
    return f"{view['view']}: activations alone" if scheme.weights is None else view["view"]


def measure(entry: Mapping[str, Any], *, changed: bool) -> str:
    """Return what a row of panels shows, with its unit.

    >>> measure({"unit": "fraction"}, changed=False), measure({"unit": "dB"}, changed=True)
    ('points of held-out accuracy lost', 'dB of PSNR lost where drift is measured')
    """
    unit = UNITS[entry["unit"]]
    if not changed:
        return f"{unit.amount} of held-out {unit.noun} lost"
    return (
        f"{unit.sign} of decisions flip" if entry["unit"] == "fraction" else "dB of PSNR lost where drift is measured"
    )


def axis_label(entry: Mapping[str, Any]) -> str:
    """Return what stands below the panels."""
    return UNIT_OF.get(entry["axis"], NAMES[entry["axis"]])


def undrawn(names: Sequence[str]) -> str:
    """Return which lines have no point at all."""
    return f"no value: {', '.join(names)}"


def _lower(text: str) -> str:
    return f"{text[0].lower()}{text[1:]}"


def _whole(text: str) -> str:
    """Return a text whose percentages no line break tears apart."""
    return text.replace(" %", f"{NO_BREAK}%")

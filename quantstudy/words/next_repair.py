"""What to try next where repairs are not enough: other recipes, wider activations, more bits, a larger loss."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quantstudy.judge.facts import is_fact
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.recover.names import PARTS, repairing
from quantstudy.quantize.scheme import Scheme, parse_scheme
from quantstudy.words.deployable import this_width, too_few, way_out
from quantstudy.words.recipes import Entry, chosen_rows, recipes_of, steps_of
from quantstudy.words.units import Unit, unit_of

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

TO_TRY = ("qat+polish", "polish", "mse_ranges+bias_correction", "bias_correction")
"""Recipes to try next, first what has won back most so far; the next one where a study does not allow that."""


def advice(config: "StudyConfig", scheme: str, entry: Entry, verdict: Mapping[str, Any]) -> str:
    """Return what else one may do, as the end of a sentence.

    Args:
        config: the study.
        scheme: at which networks were repaired.
        entry: what came of it; the activation has learned.
        verdict: verdict.json.
    """
    _, row = chosen_rows(entry)
    if row["deployable"]:
        return "." if is_fact(row["stability"]) else "; run more seeds."
    passes_seldom = row["pass_low"] < verdict["assurance"] and row["pass_share"] < verdict["assurance"]
    if too_few(verdict) or not passes_seldom:
        return way_out(row, verdict)
    ways = [widths(entry)] if entry["cliff"] else []
    more = _not_tried(config, scheme, entry, verdict)
    if more:
        ways.append(f"quantstudy recover RUN {more} may win back more")
    if row["drop_to_deploy"] is not None:
        unit = unit_of(verdict)
        ways.append(
            f"with a loss of {unit.difference(upwards(row['drop_to_deploy'], unit))} allowed it would be deployable"
        )
    return f"; {'; '.join(ways[:2])}." if ways else "; take more bits."


def _not_tried(config: "StudyConfig", scheme: str, entry: Entry, verdict: Mapping[str, Any]) -> str:
    """Return options of `recover` to try next that it does not refuse, empty if the best of them was tried."""
    found, eight = parse_scheme(scheme), IntFormat(8)
    name = entry["chosen"]["activation"]
    allowed = set(repairing(found, config.placement, config.scales, config.observer))
    if ":" in name:  # only activations of our own surely have a kernel
        allowed -= {part for part in allowed if PARTS[part].compiled}
    recipe = next((one for one in TO_TRY if set(steps_of(one)) <= allowed), None)
    if recipe is None:
        return ""
    alone = any(":" in one for one in config.activations) and any(PARTS[step].compiled for step in steps_of(recipe))
    options = f"--recipes {recipe}{f' --activations {name}' if alone else ''}"
    few = isinstance(found.activations, IntFormat) and found.activations.bits < eight.bits
    wider = str(Scheme(found.weights, eight)) if few and found.weights and not found.last else scheme
    at = "" if wider == scheme or wider in verdict["recover"] else f"--scheme {wider}, activations at 8 bits"
    if any(set(steps_of(recipe)) <= set(steps_of(tried)) for tried in recipes_of(entry)):
        return f"{options} {at}," if at else ""
    return f"{options} --scheme {scheme}{f', or {at},' if at else ''}"


def widths(entry: Entry) -> str:
    """Return from how many bits on what was chosen is deployable, of the widths that were measured.

    >>> curve = [{"bits": bits} for bits in (4, 6, 8)]
    >>> widths({"cliff": {"recipe": "polish", "curve": curve, "from_bits": 6, "plain_from_bits": None, "stability": 1}})
    'deployable from 6 bits on with polish, at no measured width (4 to 8 bits) without'
    """
    cliff = entry["cliff"]
    bits = [point["bits"] for point in cliff["curve"]]
    none = f"at no measured width ({bits[0]} to {bits[-1]} bits)"
    if cliff["from_bits"] is None:
        return f"deployable {none} with {cliff['recipe']}"
    open_ = "" if is_fact(cliff["stability"]) else f" (open: {this_width(cliff['stability'])})"
    plain = cliff["plain_from_bits"]
    without = none if plain is None else "from as many" if plain == cliff["from_bits"] else f"from {plain}"
    return f"deployable from {cliff['from_bits']} bits on with {cliff['recipe']}{open_}, {without} without"


def upwards(value: float, unit: Unit) -> float:
    """Return a loss with one decimal of its unit, rounded up, so that what is said to be enough is enough.

    >>> from quantstudy.words.units import UNITS
    >>> upwards(0.0641, UNITS["fraction"]), upwards(0.064, UNITS["fraction"])
    (0.065, 0.064)
    """
    return math.ceil(10.0 * unit.scale * value - 1e-9) / 10.0 / unit.scale

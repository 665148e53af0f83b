"""What repairs give back: what each recipe wins, whether it makes an activation deployable, and from which width on.

Every score, loss and share of networks that pass is one of the odd half of the held-out points: what is compared was
chosen on the even half (`repaired`). A mean is that of the networks that have a value; `missing` counts the others,
which never pass.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.judge.deployable import Limits, suffices_in_halves
from quantstudy.judge.repaired import Chosen, Pair, Repaired
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.halves import first_in_halves, stability
from quantstudy.judge.statistics.paired import Comparison, corrected_together, paired_against, ranking_order
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.judge.won_back import Judge
from quantstudy.quantize.recover.names import PLAIN

POINT = ("drop", "drop_low", "drop_high", "pass_share", "pass_low", "worst", "missing", "deployable")
"""What a point of the cliff has of a row."""


def judge_recover(
    frame: pd.DataFrame,
    activations: Sequence[str],
    seeds: int,
    limits: Limits,
    focus: str,
    not_learned: Collection[str] = (),
    differences: Mapping[str, Mapping[str, Any]] | None = None,
    points: int = 1,
) -> dict[str, Any]:
    """Return, per scheme, what every recipe makes of every activation, which to choose, and what that changes.

    Args:
        frame: recover.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        limits: what the study asks of what is deployable, and how activations are told apart.
        focus: the scheme that stands first.
        not_learned: activations that are not deployable, however they are repaired.
        differences: schemes and activations at which the backends differ (`parity`); they count where the repaired
            networks were not run in torchao themselves.
        points: at how many points a network is measured.

    Returns:
        `{"recover": {scheme: {"rows": see `Judge.rows`, "chosen": {"recipes": {activation: recipe}, "activation",
        "recipe", "stability"} (`repaired.Chosen`), "order": see `_order`, "cliff": see `_cliff`}}}`, the
        focus first, then those of which most was measured. A scheme that was measured for the cliff of an earlier one
        alone has no entry, whether what was chosen for that cliff is chosen still or was chosen before more was tried.
    """
    found = Repaired.of(frame, activations, seeds, limits.ranked)
    judge = Judge(found, limits, frozenset(not_learned), differences or {}, points)
    entries: dict[str, Any] = {}
    told: set[tuple[str, Pair]] = set()
    for scheme in sorted(found.recipes, key=lambda one: (one != focus, -len(found.pairs(one)))):
        if {(scheme, pair) for pair in found.pairs(scheme) if pair[1] != PLAIN} <= told:
            continue
        chosen = found.chosen(scheme, not_learned)
        entries[scheme] = {
            "rows": judge.rows(scheme, found.pairs(scheme)),
            "chosen": {
                "recipes": dict(chosen.recipes),
                **dict(zip(("activation", "recipe"), chosen.pair, strict=True)),
                "stability": chosen.stability,
            },
            "order": _order(judge, scheme, chosen),
            "cliff": _cliff(judge, scheme, chosen),
        }
        told |= _told(found, scheme, chosen.pair)
    return {"recover": entries}


def _told(found: Repaired, scheme: str, chosen: Pair) -> set[tuple[str, Pair]]:
    """Return what a scheme's entry speaks for: pairs that were repaired at every width of its cliff."""
    reach = {pair: {one for _, one in found.widths(scheme, pair)} for pair in found.pairs(scheme)}
    if not reach[chosen]:
        return set()
    return {(one, pair) for pair, schemes in reach.items() if schemes >= reach[chosen] for one in schemes}


def _order(judge: Judge, scheme: str, chosen: Chosen) -> dict[str, Any] | None:
    """Return the order of the activations, `plain` and `repaired`, each with its chosen recipe.

    None with fewer than two that have a value. Both are `{"order": best first by the even half, "best", "against":
    [{"activation", "difference", "low", "high", "p_holm"}], "tied_with", "stability"}`: `difference` is the best
    minus another on the odd half, paired by seed, its interval not corrected, p-values Holm-adjusted over both
    orders; `tied_with` are the best and those not told apart from it; `stability` is the share of the halves of the
    seeds in which it is first on the odd half. `best_changed` and `order_changed` compare the two.
    """
    by, ways = judge.limits.ranked, {"plain": dict.fromkeys(chosen.recipes, PLAIN), "repaired": chosen.recipes}
    pairs = {way: list(recipes.items()) for way, recipes in ways.items()}
    even, odd = (
        {way: judge.found.values(metric, scheme, of_way) for way, of_way in pairs.items()}
        for metric in (by.even, by.odd)
    )
    has = [np.isfinite(table).any(axis=1) for half in (even, odd) for table in half.values()]
    kept = np.flatnonzero(np.logical_and.reduce(has))
    if len(kept) < 2:
        return None
    names = [list(chosen.recipes)[row] for row in kept]
    orders = {way: ranking_order(table[kept]) for way, table in even.items()}
    raw = [paired_against(odd[way][kept], int(orders[way][0]), judge.limits.rule.p) for way in ways]
    said = {
        way: _said(names, orders[way], found, odd[way][kept])
        for way, found in zip(ways, corrected_together(raw), strict=True)
    }
    plain, repaired = said.values()
    changed = {f"{what}_changed": plain[what] != repaired[what] for what in ("best", "order")}
    return said | changed


def _cliff(judge: Judge, scheme: str, chosen: Chosen) -> dict[str, Any] | None:
    """Return what the chosen recipe makes of the chosen activation at every width at which that was measured.

    None with fewer than two of them, or where no recipe was chosen. `{"activation", "recipe", "curve": [{"bits",
    "scheme", "plain": P, "repaired": P}], "from_bits", "stability", "plain_from_bits"}`, P with the keys POINT of a
    row; `from_bits` is the fewest from which on, at all wider ones that were measured too, it is deployable, None if it
    is not at the widest; `stability` is the share of the halves of the seeds that have the same.
    """
    found = judge.found.widths(scheme, chosen.pair)
    if len(found) < 2:
        return None
    bits, both = [width for width, _ in found], ((chosen.activation, PLAIN), chosen.pair)
    rows = [judge.rows(one, both) for _, one in found]
    curve = [
        {"bits": width, "scheme": one}
        | {way: {key: row[key] for key in POINT} for way, row in zip(("plain", "repaired"), pair, strict=True)}
        for (width, one), pair in zip(found, rows, strict=True)
    ]
    plain, repaired = (_first(np.array([[pair[way]["deployable"]] for pair in rows]))[0] for way in (0, 1))
    repaired_rows = [(one, pair[1]) for (_, one), pair in zip(found, rows, strict=True)]
    sound = [judge.sound(one, chosen.activation, row["torchao"], row["worst"]) for one, row in repaired_rows]
    lost = np.concatenate([judge.found.values(judge.limits.ranked.drop_odd, one, [chosen.pair]) for _, one in found])
    halves = _first(suffices_in_halves(lost, judge.limits) & np.array(sound)[:, None])
    known = [*bits, None]
    return {
        **dict(zip(("activation", "recipe"), chosen.pair, strict=True)),
        "curve": curve,
        "from_bits": known[repaired],
        "stability": stability(halves == repaired, judge.found.seeds),
        "plain_from_bits": known[plain],
    }


def _said(names: Sequence[str], order: NDArray[np.intp], found: Comparison, odd: Floats) -> dict[str, Any]:
    columns = zip(found.difference, found.low, found.high, found.p_holm, strict=True)
    against = [
        dict(zip(("difference", "low", "high", "p_holm"), map(json_number, row), strict=True)) for row in columns
    ]
    best = int(order[0])
    return {
        "order": [names[row] for row in order],
        "best": names[best],
        "against": [{"activation": names[row]} | against[row] for row in order if row != best],
        "tied_with": [names[row] for row in order if found.tied[row]],
        "stability": stability(first_in_halves(odd, best), odd.shape[1]),
    }


def _first(fits: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the place of the width from which on all of `[widths, …]` fit; their number if there is none."""
    return np.asarray(len(fits) - np.logical_and.accumulate(fits[::-1], axis=0).sum(axis=0))

"""The lines of the summary on schemes: what can be deployed there, how sure that is, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.quantize.scheme import Scheme, schemes_for
from quantstudy.words.deployable import hindrance, open_ones, passing, perhaps_one, proof, too_few, way_out
from quantstudy.words.numbers import listing
from quantstudy.words.units import unit_of
from quantstudy.words.verdict import MOST_NAMES, disagreements, doubt, lost_networks, noun


def width_line(bits: int, verdict: Mapping[str, Any], points: str = "pixels") -> str:
    """Return what can be deployed at each scheme of one width, and what is known of the best at wBaB.

    Args:
        bits: the width.
        verdict: what `judge.run.judge_run` found.
        points: what the points are called where drift is measured.
    """
    found = {name: verdict["schemes"][name] for name in map(str, schemes_for(bits)) if name in verdict["schemes"]}
    if verdict["seeds"] == 1:
        needed = verdict["seeds_to_deploy"]
        return (
            f"{bits} bits: one seed gives no interval, so nothing is called deployable; run --seeds {needed} or more."
        )
    both = found[f"w{bits}a{bits}"]
    said = [
        _best(f"w{bits}a{bits}", both, verdict),
        *lost_networks(*found.values()),
        *disagreements(_apart(found), verdict, points),
    ]
    return " ".join([f"{bits} bits: {'; '.join(_fates(found, verdict))}.", *said])


def added_line(schemes: Sequence[Scheme], verdict: Mapping[str, Any], points: str = "pixels") -> str:
    """Return what can be deployed at schemes beside those of the widths, empty where there are none.

    Args:
        schemes: they.
        verdict: see `width_line`.
        points: likewise.
    """
    found = {name: verdict["schemes"][name] for name in map(str, schemes) if name in verdict["schemes"]}
    if not found or verdict["seeds"] == 1:
        return ""
    said = [*lost_networks(*found.values()), *disagreements(_apart(found), verdict, points)]
    return " ".join([f"Further schemes: {'; '.join(_fates(found, verdict))}.", *said])


def _fates(found: Mapping[str, Any], verdict: Mapping[str, Any]) -> list[str]:
    """Return what can be deployed at each scheme, those with the same together."""
    alike: dict[str, list[str]] = {}
    for name, judged in found.items():
        alike.setdefault(_fate(judged, verdict), []).append(name)
    return [f"{fate} at {listing(names)}" for fate, names in alike.items()]


def _apart(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return where the backends differ: of each activation the scheme with the largest share."""
    differ = [pair for judged in found.values() for pair in judged["backends_differ"].items()]
    return dict(sorted(differ, key=lambda pair: pair[1]["share"]))  # the last of a name stays


def _fate(judged: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """What can be deployed at one scheme, without numbers, so that schemes can share it."""
    names, unsure = judged["deployable"], open_ones(judged)
    if judged["winner"] and judged["sure"] and judged["winner"] not in unsure:
        return f"deploy {judged['winner']}"
    if not names:
        none = "nothing is shown to be deployable" if perhaps_one(judged) else "nothing is deployable"
        return "too few seeds to call anything deployable" if too_few(verdict) else none
    if len(names) == len(judged["ranking"]) > 1:
        said = f"{'both' if len(names) == 2 else f'all {len(names)}'} are deployable"
    elif len(names) > MOST_NAMES:
        said = f"{len(names)} of {len(judged['ranking'])} are deployable"
    else:
        said = f"deployable: {listing(sorted(names))}"
    return f"{said} (that is open for {listing(sorted(unsure))})" if unsure else said


def _best(scheme: str, judged: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return what is known of the best at one scheme, and what the reader may do."""
    best = judged["best"]
    if best is None:
        return f"No {unit_of(verdict).noun} was recorded at {scheme}."
    first, unit = judged["ranking"][0], unit_of(verdict)
    loss = f"an unknown number of {unit.amount}"
    if first["drop"] is not None:
        interval = "(no interval)"
        if first["drop_low"] is not None:
            interval = unit.ends(first["drop_low"], first["drop_high"])
        only = "" if first["learned"] else "only "
        full = unit.value(first["mean"] + first["drop"])
        loss = f"{unit.difference(first['drop'])} {interval} of its {only}{full} in float"
    return (
        f"The {noun(judged)} at {scheme}, {best}, loses {loss}; {_state(first, verdict)}{_therefore(judged, verdict)}"
    )


def _therefore(judged: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return what follows for the reader from who is best at one scheme, as the end of a sentence or a further one."""
    tied, named, end = judged["tied_with"], judged["deployable"], way_out(judged["ranking"][0], verdict)
    if len(tied) > 1:
        who = listing(tied) if len(tied) <= MOST_NAMES else f"{len(tied)} of {len(judged['ranking'])}"
        no_winner = f". No winner: {who} are tied there"
        return f"{no_winner}; take one that is deployable{_by_cost(judged)}." if named else no_winner + end
    if not judged["ranking"][0]["deployable"]:
        enough = "" if too_few(verdict) else ", but is not good enough"
        return f". It leads all others{enough}{end}" if len(judged["ranking"]) > 1 else end
    if judged["winner"] and not judged["sure"]:
        return f". That it is the best is open: {doubt(judged)}; take any that is deployable, or run more seeds."
    return "."


def _state(entry: Mapping[str, Any], verdict: Mapping[str, Any]) -> str:
    """Return how many networks pass, or what else keeps the activation from being deployable."""
    found = passing(entry, verdict)
    if entry["deployable"]:
        return f"{found}, {proof(entry)}"
    return found if too_few(verdict) and entry["learned"] else f"it {hindrance(entry, verdict)}"


def _by_cost(judged: Mapping[str, Any]) -> str:
    cheapest = judged.get("tie_break", {}).get("cheapest")
    if not cheapest:
        return ""
    return f", and by counted cost {listing(cheapest)} {'come' if len(cheapest) > 1 else 'comes'} first"

"""How often does the gate pass what should fail, and fail what should pass, beside a threshold on a mean?

Made-up networks of known truth, judged by the gate's own code; where the law is known its rates are exact and the
simulation stands beside them. Writes results/gate/rates.json and the tables of docs/gate.md. From the root of a
checkout: `python -m experiments.gate` (some minutes).
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

from experiments.blocks import with_block
from quantstudy.config.gate import KINDS
from quantstudy.deploy.gate.outcome import FAIL, PASS, UNDECIDED, Counts, holds, points_outcomes, share_outcome
from quantstudy.judge.rules import ANYTIME, PERMUTATION, Rule
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.points import chance_at_most

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "gate" / "rates.json"
PAGE = ROOT / "docs" / "gate.md"
MARKS = ("<!-- results/gate: made by experiments/gate.py, do not edit -->", "<!-- end of results/gate -->")

ASSURANCE = 0.8
LIMIT, SPREAD = 0.02, 0.01
"""Allowed drop, and the standard deviation of the drops of made-up networks, which are normal."""

SHARES = (0.5, 0.6, 0.7, 0.75, 0.799, 0.8, 0.85, 0.9, 0.95, 0.99)
"""True shares of networks within the limit, below and above what is asked for."""

NETWORKS = (8, 16, 32, 64, 128)
LOOKS = range(16, 129, 16)
ACTIVATIONS = 7
POINTS = (100, 500, 2000, 16_384)
LOSSES = (0.01, 0.02)
GAINED = (0.0, 0.01, 0.05)
"""Share of the points that a network gains by quantization, beside what it loses."""

OUTCOMES = (PASS, FAIL, UNDECIDED)


def outcome(drops: Floats, rule: Rule = PERMUTATION, error: float = ERROR) -> str:
    """Return what the gate says of networks with these drops."""
    within = holds(KINDS["max_accuracy_drop"], drops, LIMIT)
    return str(share_outcome(within, ASSURANCE, rule, error)["outcome"])


def drops_of(random: np.random.Generator, share: float, *shape: int) -> Floats:
    """Return normal drops of which this share is within the limit."""
    return np.asarray(LIMIT + SPREAD * (random.normal(size=shape) - ndtri(share)))


@cache
def by_count(networks: int) -> list[str]:
    """Return what the gate says where 0 … all of so many networks are within the limit."""
    return [outcome(np.where(np.arange(networks) < within, 0.0, 1.0)) for within in range(networks + 1)]


def exact(networks: int, share: float) -> dict[str, float]:
    """Return the probability of every outcome by the binomial law, and that a mean, or one network, is within."""
    chances = np.diff(bdtr(np.arange(networks + 1), networks, share), prepend=0.0)
    said = np.array(by_count(networks))
    found = {name: float(chances[said == name].sum()) for name in OUTCOMES}
    return found | {"mean_passes": float(ndtr(ndtri(share) * math.sqrt(networks))), "one_passes": share}


def simulated(networks: int, share: float, trials: int) -> dict[str, float]:
    """Return the same of made-up runs: how often the gate says what, and the mean passes."""
    random = _random(networks, share)
    drops = drops_of(random, share, trials, networks)
    said = [outcome(row) for row in drops]
    found = {name: said.count(name) / trials for name in OUTCOMES}
    return found | {"mean_passes": float(np.mean(drops.mean(axis=1) <= LIMIT))}


def looking_often(rule: Rule, share: float, trials: int) -> dict[str, float]:
    """Return how often the gate passes, or fails, at the first of LOOKS at which it is decided."""
    random = _random(LOOKS[-1], share)
    said = []
    for row in drops_of(random, share, trials, LOOKS[-1]):
        looks = (outcome(row[:look], rule) for look in LOOKS)
        said.append(next((one for one in looks if one != UNDECIDED), UNDECIDED))
    return {name: said.count(name) / trials for name in OUTCOMES}


def best_of_several(networks: int, share: float, error: float, trials: int) -> dict[str, float]:
    """Return how often the gate passes, or fails, the activation with the least mean drop of several alike."""
    random = _random(networks, share)
    runs = drops_of(random, share, trials, ACTIVATIONS, networks)
    said = [outcome(rows[int(rows.mean(axis=1).argmin())], error=error) for rows in runs]
    return {name: said.count(name) / trials for name in OUTCOMES}


def one_network(points: int, loss: float, gained: float, trials: int) -> dict[str, float]:
    """Return how often one network that loses just what is allowed passes or fails, and passes by a bootstrap.

    The bootstrap is without its own noise: it passes where at least 95 % of all resamples are within the limit.
    """
    random = _random(points, loss, gained)
    shares = (loss + gained, gained, 1.0 - loss - 2 * gained)
    draws = random.multinomial(points, shares, size=trials)[:, :2]
    pairs, times = np.unique(draws, axis=0, return_counts=True)
    said = [_of_one(points, int(lost), int(won), loss) for lost, won in pairs]
    judged = {name: sum(n for n, (one, _) in zip(times, said, strict=True) if one == name) for name in OUTCOMES}
    found = {name: float(count) / trials for name, count in judged.items()}
    return found | {"bootstrap_passes": float(times @ np.array([passes for _, passes in said])) / trials}


def _of_one(points: int, lost: int, won: int, limit: float) -> tuple[str, bool]:
    counts = Counts(points, lost, won, points - lost, lost + won, points)
    (said,) = points_outcomes(counts, {"max_accuracy_drop": limit})
    allowed = math.floor(limit * points + 1e-9)
    return said, chance_at_most(allowed, points, (lost - won) / points, (lost + won) / points) >= 1 - ERROR


def _random(*key: float) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([int(1e6 * part) for part in key])))


def rates(say: Callable[[str], None] = print) -> dict[str, Any]:
    """Return everything that is kept."""
    cases = [(networks, share) for networks in NETWORKS for share in SHARES]
    trials = 2000
    found: dict[str, list[dict[str, Any]]] = {}
    say("exact and simulated")
    found["exact"] = [{"networks": n, "share": p, **exact(n, p)} for n, p in cases]
    found["simulated"] = [{"networks": n, "share": p, "trials": trials, **simulated(n, p, trials)} for n, p in cases]
    say("looking often")
    found["looks"] = [
        {"rule": rule.name, "share": p, "trials": 1000} | looking_often(rule, p, 1000)
        for rule in (PERMUTATION, ANYTIME)
        for p in (0.799, 0.8)
    ]
    say("the best of several")
    found["best_of"] = [
        {"networks": n, "share": 0.799, "corrected": error < ERROR, "trials": 4000}
        | best_of_several(n, 0.799, error, 4000)
        for n in (32, 64)
        for error in (ERROR, ERROR / ACTIVATIONS)
    ]
    say("one network")
    found["points"] = [
        {"points": n, "loss": loss, "gained": won, "trials": trials, **one_network(n, loss, won, trials)}
        for n in POINTS
        for loss in LOSSES
        for won in GAINED
    ]
    return {"assurance": ASSURANCE, "limit": LIMIT, **found}


def tables(found: Mapping[str, Any]) -> str:
    """Return the tables of docs/gate.md, from what is kept alone."""
    return "\n\n".join("\n".join(part) for part in (_of_networks(found), _of_looks(found), _of_points(found)))


def _of_networks(found: Mapping[str, Any]) -> Iterator[str]:
    shown = (0.5, 0.7, 0.9, 0.95, 0.99)
    yield (
        "| networks | gate: false pass, at most | false fail, at most | undecided where the true share is "
        f"{', '.join(f'{100 * p:g} %' for p in shown)} | mean within the limit: false pass | false fail | "
        "one network within it: false pass | false fail |"
    )
    yield "|" + "---|" * 8
    for networks in NETWORKS:
        rows = [row for row in found["exact"] if row["networks"] == networks]
        bad, good = ([row for row in rows if (row["share"] < ASSURANCE) == low] for low in (True, False))
        open_at = [f"{100 * row[UNDECIDED]:.0f} %" for row in rows if row["share"] in shown]
        cells = [
            f"{networks}",
            _most(row[PASS] for row in bad),
            _most(row[FAIL] for row in good),
            ", ".join(open_at),
            *(_most(row[key] for row in bad) for key in ("mean_passes",)),
            _most(1 - row["mean_passes"] for row in good),
            _most(row["one_passes"] for row in bad),
            _most(1 - row["one_passes"] for row in good),
        ]
        yield f"| {' | '.join(cells)} |"


def _of_looks(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| simulated | false pass | false fail |"
    yield "|---|---|---|"
    for name, says in (("permutation", "a number of seeds fixed beforehand"), ("anytime", "`--until-decided`")):
        wrong = {row["share"]: row for row in found["looks"] if row["rule"] == name}
        cells = [_most([wrong[0.799][PASS]]), _most([wrong[0.8][FAIL]])]
        yield f"| gated after every 16 of {LOOKS[-1]} networks until decided, bounds for {says} | {' | '.join(cells)} |"
    for row in found["best_of"]:
        how = f"bounds divided by {ACTIVATIONS}, as the gate does" if row["corrected"] else "bounds as if it were named"
        yield f"| the best of {ACTIVATIONS} alike, {row['networks']} networks each, {how} | {_most([row[PASS]])} | |"


def _of_points(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| held-out points | gate: false pass, at most | false fail, at most | bootstrap: false pass, at most |"
    yield "|---|---|---|---|"
    for points in POINTS:
        rows = [row for row in found["points"] if row["points"] == points]
        cells = [_most(row[key] for row in rows) for key in (PASS, FAIL, "bootstrap_passes")]
        yield f"| {points:,} | {' | '.join(cells)} |"


def _most(values: Any) -> str:
    return f"{100 * max(values):.1f} %"


def main() -> None:
    """Make everything and keep it."""
    found = rates()
    TO.parent.mkdir(parents=True, exist_ok=True)
    TO.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    PAGE.write_text(with_block(PAGE.read_text(), MARKS, tables(found)))
    print(f"written to {TO.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

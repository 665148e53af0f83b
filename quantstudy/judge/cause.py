"""How much of the bounded activation's lead is due to its bound, its shape, its calibration: paired differences."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.activations.catalogue import ACTIVATIONS, BOUNDED, CAPPED_BASES, UNBOUNDED
from quantstudy.judge.deployable import Limits
from quantstudy.judge.facts import ends
from quantstudy.judge.statistics.bootstrap import ERROR, Floats, holm
from quantstudy.judge.statistics.halves import half_means, stability
from quantstudy.judge.statistics.seeds import SeedTable, by_seed, json_number, missing, triples

KEYS = ("activation", "variant", "scheme")
CAP = f"{ACTIVATIONS[BOUNDED].cap:g}"


@dataclass(frozen=True)
class Network:
    """One network of the comparison.

    Attributes:
        trained: activation that it was trained with.
        variant: `plain`, `capped` at inference only, or `calibrated` for the least squared error.
    """

    trained: str
    variant: str = "plain"

    @property
    def name(self) -> str:
        """Name of the network."""
        return (
            self.trained
            + {"plain": "", "capped": f" capped at {CAP} at inference", "calibrated": " with MSE ranges"}[self.variant]
        )


@dataclass(frozen=True)
class Question:
    """One row of the table: by how much `network` is ahead of `against`.

    Attributes:
        kind: `gap`, `bound`, `bound_at_inference`, `calibration`, `gap_calibrated` or `shape`.
        network: the first network of the difference.
        against: the network that is subtracted.
        of: the activation that the row is about.
    """

    kind: str
    network: Network
    against: Network
    of: str


def questions(activations: Sequence[str]) -> Iterator[Question]:
    """Yield the questions that a study with these activations can answer; none without the bounded one.

    >>> [question.kind for question in questions(["relu", "hardgelu"])][:3]
    ['gap', 'bound', 'bound_at_inference']
    """
    if BOUNDED not in activations:
        return
    bounded, calibrated = Network(BOUNDED), Network(BOUNDED, "calibrated")
    for base in (name for name in CAPPED_BASES if name in activations):
        plain, capped = Network(base), Network(f"{base}@{CAP}")
        yield Question("gap", bounded, plain, base)
        yield Question("bound", capped, plain, base)
        yield Question("bound_at_inference", Network(base, "capped"), plain, base)
        yield Question("calibration", Network(base, "calibrated"), plain, base)
        yield Question("gap_calibrated", calibrated, Network(base, "calibrated"), base)
        yield Question("shape", bounded, capped, base)
    open_ended = Network(UNBOUNDED)
    yield Question("bound", bounded, open_ended, BOUNDED)
    yield Question("bound_at_inference", Network(UNBOUNDED, "capped"), open_ended, BOUNDED)
    yield Question("calibration", calibrated, bounded, BOUNDED)


def judge_cause(
    frame: pd.DataFrame, activations: Sequence[str], seeds: int, limits: Limits
) -> dict[str, list[dict[str, Any]]]:
    """Return, per scheme, a row for every question.

    Args:
        frame: cause.parquet.
        activations: names in the study's order.
        seeds: number of seeds.
        limits: what the study asks: from which mean in float on networks have learned, how they are told apart.

    Returns:
        `{scheme: [{"question", "of", "variant", "against", "mean", "low", "high", "p_holm", "differs", "missing",
        "seeds", "stability", "not_learned"}]}`:
        `mean`, `low`, `high`: the measure that ranks of the variant minus that of `against`, paired by
        seed, with its 95 % interval (not corrected); `p_holm`: the p-value of the study's test, Holm-adjusted over the
        rows of the scheme; `differs`: whether interval and test both tell the two apart; `stability`: the share of the
        halves of the seeds in which the difference has the same sign; `missing`: the number of seeds at
        which one of the two has no finite value (if there are any, the interval is None and `differs` is False);
        `not_learned`: which of the two activations have not learned, as they were trained, controls included.
    """
    score, full = (by_seed(frame, metric, KEYS, seeds) for metric in (limits.ranked.quantized, limits.ranked.float))
    asked = list(questions(activations))
    schemes = (scheme for scheme in dict.fromkeys(map(str, frame["scheme"].unique())) if scheme != "float")
    trained = {network.trained for one in asked for network in (one.network, one.against)}
    low = {name for name in trained if _is_below(full, name, limits)}
    found = {scheme: _table(score, asked, scheme, limits) for scheme in schemes} if asked else {}
    for rows in found.values():
        for question, row in zip(asked, rows, strict=True):
            both = dict.fromkeys((question.network.trained, question.against.trained))
            row["not_learned"] = [name for name in both if name in low]
    return found


def _is_below(full: SeedTable, trained: str, limits: Limits) -> bool:
    mean = triples(full.of([trained], "plain", "float"))[0]["mean"]  # as trained: a cap at inference was not learned
    return mean is not None and mean < limits.learned


def _table(score: SeedTable, asked: Sequence[Question], scheme: str, limits: Limits) -> list[dict[str, Any]]:
    def values(network: Network) -> Floats:
        row: Floats = score.of([network.trained], network.variant, scheme)[0]
        return row

    differences = np.array([values(question.network) - values(question.against) for question in asked])
    whole = [np.isfinite(row).all() for row in differences]
    p_of = limits.rule.p
    adjusted = holm(np.array([p_of(row) if kept else 1.0 for row, kept in zip(differences, whole, strict=True)]))
    rows = []
    threes = triples(differences, *ends(limits.ranked.unit, difference=True))
    for question, of_seeds, three, p in zip(asked, differences, threes, adjusted, strict=True):
        low, high = three["low"], three["high"]
        differs = low is not None and high is not None and (low > 0 or high < 0) and p <= ERROR
        row: dict[str, Any] = {"question": question.kind, "of": question.of, "variant": question.network.name}
        row |= {"against": question.against.name, **three, "p_holm": json_number(p), "differs": bool(differs)}
        same = np.sign(half_means(of_seeds)) == np.sign(three["mean"] or 0.0)
        row["stability"] = stability(same, len(of_seeds))
        rows.append(row | {"missing": missing(of_seeds), "seeds": len(of_seeds)})
    return rows

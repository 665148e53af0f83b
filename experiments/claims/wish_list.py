"""In-place gradients, cheap, gating, no dead neurons, smooth, fast, robust: which activation meets most wishes?

Made from the tables of the other claims and nothing else. A wish is met or not, by a bound that is written down here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import BOUNDED, DEFAULT_ACTIVATIONS
from quantstudy.claims.experiment import Derived
from quantstudy.errors import StudyFailure
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.bootstrap import RESAMPLES, ROUNDING, Floats, resampled_means
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.records.schemas import CLAIM as COLUMNS
from quantstudy.records.schemas import rows

WISHES = {
    "in_place": "the gradient can be had from the output alone",
    "cheap": "no special-function instruction, forward or backward",
    "gating": "exactly 0 on a half line: one neuron can switch itself off",
    "no_dead": "at most 1 % of the hidden neurons are 0 on the whole plane (mean over the seeds)",
    "smooth": "a continuous derivative",
    "fast": "restricted mean steps to 95 % within 10 % of the fastest activation's",
    "robust": "at most 2 points of accuracy lost at wBaB in the mean, or at most 2 more than the least of the seven",
}
"""What each wish asks for; `robust` is asked at 8 and at 4 bits."""

CLAIM = Claim(
    name="wish_list",
    says="Among all wishes a bounded, hard one such as HardGELU is the best compromise for quantized inference.",
    measured=(
        "Number of wishes met out of seven (in-place gradient, cheap, gating, no dead neurons, smooth, fast, "
        "robust), each by a bound on what the other claims measured: hardgelu minus the best of the other six."
    ),
    parts=(
        Part("at_8_bits", "hardgelu meets more wishes than any other at 8 bits", 0.0, "wishes", exact=True),
        Part("at_4_bits", "hardgelu meets more wishes than any other at 4 bits", 0.0, "wishes", exact=True),
    ),
    main="at_8_bits",
    needs=(
        "dead_neurons",
        "special_functions",
        "backward_memory",
        "gating",
        "straight_creases",
        "fast_convergence",
        "activation_matters",
    ),
)


class Source(NamedTuple):
    """Where the number behind a wish stands: the claim, its metric, the metric's case."""

    claim: str
    metric: str
    case: str


TRAITS: dict[str, tuple[Source, ...]] = {
    "in_place": (Source("backward_memory", "gap", "grid"),),
    "cheap": tuple(Source("special_functions", f"mufu_{way}", "sm_90") for way in ("forward", "backward")),
    "gating": (Source("gating", "zero_half_line", "trait"),),
    "smooth": (Source("straight_creases", "derivative_jump", "trait"),),
}
"""What belongs to the function. Of several numbers the largest counts (prelu at either sign of its slope)."""

PER_SEED: dict[str, Source] = {
    "no_dead": Source("dead_neurons", "dead", "all"),
    "fast": Source("fast_convergence", "steps_95", "tuned"),
    "8 bits": Source("activation_matters", "accuracy_drop", "w8a8"),
    "4 bits": Source("activation_matters", "accuracy_drop", "w4a4"),
}
"""What belongs to trained networks, a number per seed; `robust` at either number of bits."""

WIDTHS = ("8 bits", "4 bits")
"""Cases: `robust` is asked at each; the other wishes stand under `both`."""

NO_GAP, NO_JUMP, FEW_DEAD, NEARLY_FASTEST, LITTLE_LOSS = 1e-6, 1e-3, 0.01, 1.1, 0.02
"""The bounds of `WISHES`: difference of derivatives at one output, jump of the derivative, share of dead neurons,
steps as a multiple of the fastest activation's, loss of accuracy."""


def combine(tables: Mapping[str, pd.DataFrame]) -> pa.Table:
    """Return which activation meets which wish, the number behind it, how many it meets.

    Metrics, per activation: a wish (1 met, 0 not) and `WISH_measured`, case `both`, for `robust` `8 bits` and `4 bits`;
    of either case `wishes`, how many are met out of seven, `most` and `most_or_tied`, the share of bootstrap resamples
    of the seeds (the same in all tables) in which it meets the most alone, or as many as any (`x`: how many seeds).

    Args:
        tables: of the claims in `CLAIM.needs`, by name.

    Raises:
        StudyFailure: a number is missing: its claim has a table of another version, or none of the same seeds.
    """
    traits = {wish: _trait(tables, sources) for wish, sources in TRAITS.items()}
    found = {name: _per_seed(tables, source) for name, source in PER_SEED.items()}
    seeds = sorted(set.intersection(*(set(one.index) for one in found.values())))
    if not seeds:
        raise StudyFailure("wish_list: its tables have no seed in common; measure their claims again")
    values = {name: one.loc[seeds].to_numpy(np.float64) for name, one in found.items()}
    means = {name: one.mean(axis=0) for name, one in values.items()}
    resampled = {name: resampled_means(one.T).T for name, one in values.items()}
    measured = traits | {"no_dead": means["no_dead"], "fast": means["fast"]}
    columns: list[tuple[str, str, float | None, Floats]] = []
    for width in WIDTHS:
        here, met = measured | {"robust": means[width]}, _met(traits, means, width)
        for wish in WISHES if width == WIDTHS[0] else ("robust",):
            case = width if wish == "robust" else "both"
            columns += [(wish, case, None, met[wish]), (f"{wish}_measured", case, None, here[wish])]
        counts = _count(_met(traits, resampled, width), RESAMPLES)
        most = counts == counts.max(axis=1, keepdims=True)
        alone = most & (most.sum(axis=1, keepdims=True) == 1)
        columns += [
            ("wishes", width, None, _count(met, 1)[0]),
            ("most", width, float(len(seeds)), alone.mean(axis=0)),
            ("most_or_tied", width, float(len(seeds)), most.mean(axis=0)),
        ]
    number = len(DEFAULT_ACTIVATIONS)
    return pa.concat_tables(
        rows(COLUMNS, number, activation=list(DEFAULT_ACTIVATIONS), case=case, x=x, metric=metric, value=value)
        for metric, case, x, value in columns
    ).unify_dictionaries()


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return hardgelu's number of wishes minus the most of the other six, at 8 and at 4 bits; one value each."""
    found = {}
    for width in WIDTHS:
        counts = met_by(table, "wishes", width)
        others = [name for name in counts.index if name != BOUNDED]
        found[f"at_{width.replace(' ', '_')}"] = np.array([counts[BOUNDED] - counts[others].max()])
    return found


def met_by(table: pd.DataFrame, metric: str, case: str) -> pd.Series:
    """Return one metric by activation, in the order of the article."""
    kept = table[(table["metric"] == metric) & (table["case"] == case)].astype({"activation": str})
    return kept.set_index("activation")["value"].reindex(list(DEFAULT_ACTIVATIONS))


def _met(traits: Mapping[str, Floats], means: Mapping[str, Floats], width: str) -> dict[str, Floats]:
    """Return per wish whether it is met, `[…, 7]` booleans; `means` are `[…, 7]`, of the seeds or of resamples."""
    loss, steps = means[width], means["fast"]
    return {
        "in_place": traits["in_place"] <= NO_GAP,
        "cheap": traits["cheap"] == 0,
        "gating": traits["gating"] == 1,
        "no_dead": means["no_dead"] <= FEW_DEAD + ROUNDING,
        "smooth": traits["smooth"] < NO_JUMP,
        "fast": steps <= NEARLY_FASTEST * steps.min(axis=-1, keepdims=True) * (1 + ROUNDING),
        "robust": loss <= LITTLE_LOSS + np.maximum(loss.min(axis=-1, keepdims=True), 0.0) + ROUNDING,
    }


def _count(met: Mapping[str, Floats], number: int) -> Floats:
    """Return how many wishes are met, `[number, 7]`."""
    wide = [np.broadcast_to(one, (number, len(DEFAULT_ACTIVATIONS))) for one in met.values()]
    return np.asarray(np.sum(wide, axis=0))


def _trait(tables: Mapping[str, pd.DataFrame], sources: tuple[Source, ...]) -> Floats:
    """Return the largest of the numbers of each activation, `[7]`."""
    largest = []
    for source in sources:
        table = tables[source.claim]
        kept = table[(table["metric"] == source.metric) & (table["case"] == source.case)].astype({"activation": str})
        values = kept.groupby("activation")["value"].agg(lambda one: one.max(skipna=False))
        largest.append(_complete(values.reindex(list(DEFAULT_ACTIVATIONS)), source))
    return np.asarray(np.max(largest, axis=0))


def _per_seed(tables: Mapping[str, pd.DataFrame], source: Source) -> pd.DataFrame:
    """Return the numbers by seed, seeds × the seven."""
    wide = by_seed(tables[source.claim], source.metric, case=source.case).reindex(columns=list(DEFAULT_ACTIVATIONS))
    _complete(wide, source)
    return wide


def _complete(values: "pd.DataFrame | pd.Series", source: Source) -> Floats:
    found: Floats = values.to_numpy(np.float64)
    if not found.size or not np.isfinite(found).all():
        raise StudyFailure(
            f"wish_list: {source.claim} has no {source.metric} (case {source.case}) for all seven activations; "
            f"measure it again: quantstudy claim {source.claim}"
        )
    return found


EXPERIMENT = Derived(CLAIM, combine, effects)

"""In-place gradients, cheap, gating, no dead neurons, smooth, fast, robust: which activation meets most wishes?

Made from the tables of the other claims and nothing else. A wish is met or not, by a bound that is written down here.

Counts of wishes are integers that a few seeds may turn, so each stands with its 95 % interval over resamples of the
seeds (the same in all tables): hardgelu is ahead only if it is so throughout it. «Robust» is what the verdict of a
study calls deployable. (The first reading took the count as it came, and called robust whoever lost at most 2 points
more than the least of the seven: at 4 bits that passed a loss of 14 points.)
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from quantstudy.activations.catalogue import BOUNDED, DEFAULT_ACTIVATIONS
from quantstudy.claims.experiment import Derived
from quantstudy.config.study import StudyConfig
from quantstudy.errors import StudyFailure
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.deployable import limits_of, passing
from quantstudy.judge.statistics.bootstrap import ERROR, RESAMPLES, ROUNDING, Floats, resampled_means
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
    "robust": "deployable at wBaB: with 95 % confidence at least 80 % of networks lose at most 2 points of held-out "
    "accuracy, and the mean held-out accuracy in float is at least 90 %",
}
"""What each wish asks for; `robust` is asked at 8 and at 4 bits."""

CLAIM = Claim(
    name="wish_list",
    says="Of the article's wishes a bounded, hard one such as HardGELU meets the most, for quantized inference.",
    measured=(
        "Number of wishes met out of seven (in-place gradient, cheap, gating, no dead neurons, smooth, fast, "
        "robust), each by a bound on what the other claims measured: hardgelu minus the best of the other six, with "
        "its interval over resampled seeds."
    ),
    parts=(
        Part("at_8_bits", "hardgelu meets more wishes than any other at 8 bits", 0.0, "wishes", resampled=True),
        Part("at_4_bits", "hardgelu meets more wishes than any other at 4 bits", 0.0, "wishes", resampled=True),
        Part(
            "without_fast",
            "hardgelu meets more of the other wishes than any other at 8 bits, «fast» left out",
            0.0,
            "wishes",
            resampled=True,
            decides=False,
        ),
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
    "learned": Source("activation_matters", "heldout_accuracy_float", "float shared"),
    "8 bits": Source("activation_matters", "heldout_drop", "w8a8"),
    "4 bits": Source("activation_matters", "heldout_drop", "w4a4"),
}
"""What belongs to trained networks, a number per seed; `robust` at either number of bits."""

WIDTHS = ("8 bits", "4 bits")
"""Cases: `robust` is asked at each; the other wishes stand under `both`."""

WITHOUT_FAST = "8 bits without fast"
CASES = (*WIDTHS, WITHOUT_FAST)
"""Cases of the counts."""

PARTS = {"at_8_bits": "8 bits", "at_4_bits": "4 bits", "without_fast": WITHOUT_FAST}
"""The case of every part."""

NO_GAP, NO_JUMP, FEW_DEAD, NEARLY_FASTEST = 1e-6, 1e-3, 0.01, 1.1
"""The bounds of `WISHES`: difference of derivatives at one output, jump of the derivative, share of dead neurons,
steps as a multiple of the fastest activation's."""

LIMITS = limits_of(StudyConfig())
"""What a study asks of what is deployable: the loss allowed, the share of networks, the accuracy in float."""


def combine(tables: Mapping[str, pd.DataFrame]) -> pa.Table:
    """Return which activation meets which wish, the number behind it, how many it meets.

    Metrics, per activation: a wish (1 met, 0 not) and `WISH_measured`, case `both`, for `robust` (share of networks
    that pass) `8 bits` and `4 bits`; of every case of `CASES` `wishes`, how many are met; `most`, `most_or_tied`, the
    share of bootstrap resamples of the seeds (the same in all tables) in which it meets the most alone, or as many as
    any; `lead`, `lead_low`, `lead_high`, `lead_p`, how many more than the best other, the ends of its 95 % interval
    over them and twice the smaller share of them that lie on either side of 0 (`x` of all six: how many seeds).

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
    values |= {width: passing(values[width], LIMITS).astype(np.float64) for width in WIDTHS}
    means = {name: one.mean(axis=0) for name, one in values.items()}
    resampled = {name: resampled_means(one.T).T for name, one in values.items()}
    measured = traits | {"no_dead": means["no_dead"], "fast": means["fast"]}
    columns: list[tuple[str, str, float | None, Floats]] = []
    for width in WIDTHS:
        here, met = measured | {"robust": means[width]}, _met(traits, means, width, len(seeds))
        for wish in WISHES if width == WIDTHS[0] else ("robust",):
            case = width if wish == "robust" else "both"
            columns += [(wish, case, None, met[wish]), (f"{wish}_measured", case, None, here[wish])]
    for case in CASES:
        width, left_out = case.removesuffix(" without fast"), "fast" if case == WITHOUT_FAST else ""
        once, often = (_met(traits, of, width, len(seeds)) for of in (means, resampled))
        counts = _count({wish: met for wish, met in once.items() if wish != left_out}, 1)[0]
        drawn = _count({wish: met for wish, met in often.items() if wish != left_out}, RESAMPLES)
        columns.append(("wishes", case, None, counts))
        columns += [(metric, case, float(len(seeds)), value) for metric, value in _standing(counts, drawn).items()]
    number = len(DEFAULT_ACTIVATIONS)
    return pa.concat_tables(
        rows(COLUMNS, number, activation=list(DEFAULT_ACTIVATIONS), case=case, x=x, metric=metric, value=value)
        for metric, case, x, value in columns
    ).unify_dictionaries()


def _standing(counts: Floats, drawn: Floats) -> dict[str, Floats]:
    """Return where each activation stands, every measure `[7]`: see `combine`.

    Args:
        counts: wishes met, `[7]`.
        drawn: likewise in every resample, `[resamples, 7]`.
    """
    most = drawn == drawn.max(axis=1, keepdims=True)
    alone = most & (most.sum(axis=1, keepdims=True) == 1)
    leads = _lead(drawn)
    low, high = np.quantile(leads, [ERROR / 2, 1.0 - ERROR / 2], axis=0, method="inverted_cdf")
    p = 2.0 * np.minimum((leads <= 0).mean(axis=0), (leads >= 0).mean(axis=0))
    shares = {"most": alone.mean(axis=0), "most_or_tied": most.mean(axis=0)}
    lead = {"lead": _lead(counts[None])[0], "lead_low": low, "lead_high": high}
    return shares | lead | {"lead_p": np.clip(p, 2.0 / RESAMPLES, 1.0)}


def _lead(counts: Floats) -> Floats:
    """Return how many more wishes each meets than the best of the others, `[…, 7]`."""
    ranked = np.sort(counts, axis=-1)
    best, second = ranked[..., -1:], ranked[..., -2:-1]
    return np.asarray(counts - np.where(counts == best, second, best))


def effects(table: pd.DataFrame) -> dict[str, Floats]:
    """Return of every part hardgelu's lead, its interval over resamples and p-value, and the number of seeds."""
    found = {}
    for part, case in PARTS.items():
        lead = [met_by(table, metric, case)[BOUNDED] for metric in ("lead", "lead_low", "lead_high", "lead_p")]
        found[part] = np.array([*lead, seeds_of(table)], dtype=np.float64)
    return found


def seeds_of(table: pd.DataFrame) -> int:
    """Return the number of seeds that a table was made from."""
    return int(table[table["metric"] == "most"]["x"].max())


def met_by(table: pd.DataFrame, metric: str, case: str) -> pd.Series:
    """Return one metric by activation, in the order of the article."""
    kept = table[(table["metric"] == metric) & (table["case"] == case)].astype({"activation": str})
    return kept.set_index("activation")["value"].reindex(list(DEFAULT_ACTIVATIONS))


def _met(traits: Mapping[str, Floats], means: Mapping[str, Floats], width: str, seeds: int) -> dict[str, Floats]:
    """Return per wish whether it is met, `[…, 7]` booleans; `means` are `[…, 7]`, of the seeds or of resamples."""
    steps, enough = means["fast"], least_passing(seeds)
    return {
        "in_place": traits["in_place"] <= NO_GAP,
        "cheap": traits["cheap"] == 0,
        "gating": traits["gating"] == 1,
        "no_dead": means["no_dead"] <= FEW_DEAD + ROUNDING,
        "smooth": traits["smooth"] < NO_JUMP,
        "fast": steps <= NEARLY_FASTEST * steps.min(axis=-1, keepdims=True) * (1 + ROUNDING),
        "robust": (means[width] >= enough - ROUNDING) & (means["learned"] >= LIMITS.learned - ROUNDING),
    }


def least_passing(seeds: int) -> float:
    """Return the least share of so many networks that must pass to be enough (`judge.deployable`); inf if none is.

    >>> least_passing(13), least_passing(14), least_passing(32) * 32
    (inf, 1.0, 30.0)
    """
    passes = np.tri(seeds + 1, seeds, -1, dtype=bool)  # 0, 1, … of them
    enough = [LIMITS.rule.share_low(row, ERROR) >= LIMITS.assurance for row in passes]
    return enough.index(True) / seeds if any(enough) else math.inf


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

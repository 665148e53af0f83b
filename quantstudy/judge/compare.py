"""The comparison of two runs, paired by seed: which settings differ, which differences are real.

Seed s of a run stands for one island map, so that two runs pair where they have the same islands at the same seeds,
whatever else differs: bits, learning rate, neurons, commit. Method: the paired statistics of `bootstrap`;
Holm's correction runs over all comparisons of one metric.

What `compare` returns:

- `settings` and `made_with`: the fields that differ, field → `{"a", "b"}`. `functions`: users' activations whose
  function has changed, name → `{"a", "b"}` (fingerprints): their differences are not effects of settings, so
  none of them is tested.
- `seeds`: `paired`, `only_a`, `only_b` (counts). `activations`: the same (names).
- `schemes`: pairs `{"a", "b"}`, those compared by role first.
- `comparisons`: one per metric, activation and pair of schemes (`float` for `heldout_accuracy_float`), with `mean_a`
  and `mean_b` over the paired seeds, `difference`, `low`, `high`, `p`, `p_holm` (fractions; null where there is
  none), `real`, `better` (B is; null where not real), `seeds` (pairs), `missing` (seeds left out because a value
  is missing or not finite), `same` (every value is the same in both).
- `families`: per metric `comparisons` (what Holm corrects for), `seeds_needed` (the fewest pairs at which the
  clearest of them can become real) and `real` (how many are).
- `verdicts`: per pair of schemes the entries of each run's own verdict, and `changed`: the entries that differ
  (among activations of both runs).
- `not_learned`: activations that have not learned in `a` and in `b`.
- `same`: the runs do not differ in any value, setting, verdict or in what they were made with.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.metrics import RANKED as BY_TASK
from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput
from quantstudy.judge.differing import Row, differing, made_with, other_functions, require_same_target
from quantstudy.judge.rules import Rule, rule_of
from quantstudy.judge.statistics.bootstrap import ERROR, Floats, holm, mean_of
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.statistics.seeds import json_number
from quantstudy.judge.verdict import BACKEND
from quantstudy.quantize.scheme import schemes_for

if TYPE_CHECKING:
    import pandas as pd

FLOAT, RANKED, DROP, FLIPS = (getattr(BY_TASK["classes"], name) for name in ("float", "quantized", "drop", "disturbed"))

HIGHER_IS_BETTER = {FLOAT: True, RANKED: True, DROP: False, FLIPS: False}
"""The metrics that are compared, in the order of the comparison."""

JUDGED = ("winner", "best", "tied_with", "deployable")
"""The entries of a scheme's verdict that are compared."""

ISLANDS = ("grid", "frequency")
"""The settings that the islands depend on."""

Values = dict[tuple[str, str, str], Floats]


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two runs.

    Attributes:
        config: its study.
        manifest: the content of its manifest.json.
        verdict: the content of its verdict.json.
        metrics: its records (`Run.summaries`); accuracies and rates are fractions 0…1.
        masks: what it learns, `[seeds, …]`, of seeds 0, 1, …: islands or other masks, or numbers of classes.
    """

    config: StudyConfig
    manifest: Mapping[str, Any]
    verdict: Mapping[str, Any]
    metrics: "pd.DataFrame"
    masks: NDArray[Any]


def compare(a: Side, b: Side) -> dict[str, Any]:
    """Return how run B differs from run A as plain values that `json.dumps(..., allow_nan=False)` takes.

    A difference is B − A at the seeds that both have, paired, per activation and scheme that both have. Where one run
    lacks the other's first bit width, the schemes of these two bit widths are compared by their role, too: w4a4 of A
    with w6a6 of B. A difference is real where its Holm-adjusted p-value is at most ERROR *and* its 95 % interval leaves
    out 0; with fewer than two pairs it has neither. NaN is left out and counted.

    Returns:
        See the head of this file.

    Raises:
        BadInput: nothing can be paired: another target, no activation in common, or different islands.
    """
    require_same_target(a.config, b.config)
    both = [name for name in a.config.activations if name in b.config.activations]
    if not both:
        raise BadInput(
            "RUN_B: activations",
            ", ".join(b.config.activations),
            f"at least one of RUN_A's: {', '.join(a.config.activations)}",
        )
    seeds = min(len(a.masks), len(b.masks))
    _require_same_islands(a, b, seeds)
    pairs = scheme_pairs(a.config, b.config)
    functions = other_functions(a.manifest, b.manifest, both)
    rule = rule_of(a.config, b.config)
    rows = _comparisons(_values(a, seeds), _values(b, seeds), both, pairs, functions, rule)
    verdicts = [_verdicts(a, b, pair, both) for pair in pairs]
    settings, made = differing(asdict(a.config), asdict(b.config)), made_with(a.manifest, b.manifest)
    changed = any(entry["changed"] for entry in verdicts) or not all(row["same"] for row in rows)
    return {
        "settings": settings,
        "made_with": made,
        "functions": functions,
        "seeds": {"paired": seeds, "only_a": len(a.masks) - seeds, "only_b": len(b.masks) - seeds},
        "activations": {
            "paired": both,
            "only_a": [name for name in a.config.activations if name not in both],
            "only_b": [name for name in b.config.activations if name not in both],
        },
        "schemes": [dict(zip("ab", pair, strict=True)) for pair in pairs],
        "comparisons": rows,
        "families": {
            metric: _family([row for row in rows if row["metric"] == metric], rule) for metric in HIGHER_IS_BETTER
        },
        "verdicts": verdicts,
        "not_learned": {side: list(of.verdict["not_learned"]) for side, of in (("a", a), ("b", b))},
        "same": not (settings or made or functions or changed),
    }


def scheme_pairs(a: StudyConfig, b: StudyConfig) -> list[tuple[str, str]]:
    """Return which schemes of two studies are compared.

    If one study lacks the other's first bit width, those of their first bit widths by role; then those that both have.

    >>> pairs = scheme_pairs(StudyConfig(bits=(4,)), StudyConfig(bits=(6,)))
    >>> pairs[:4], pairs[4]
    ([('w4', 'w6'), ('a4', 'a6'), ('w4a4', 'w6a6'), ('w4a8dyn', 'w6a8dyn')], ('w8', 'w8'))
    >>> scheme_pairs(StudyConfig(bits=(4, 6)), StudyConfig(bits=(6, 4)))[0]
    ('w4', 'w4')
    """
    ours, theirs = ([str(scheme) for scheme in study.all_schemes] for study in (a, b))
    pairs = [(name, name) for name in ours if name in theirs]
    if a.focus_bits in b.bit_widths and b.focus_bits in a.bit_widths:
        return pairs
    roles = [tuple(map(str, schemes_for(study.focus_bits))) for study in (a, b)]
    return [*zip(*roles, strict=True), *pairs]


def _require_same_islands(a: Side, b: Side, seeds: int) -> None:
    """Compare the islands themselves: another version may have drawn different ones with the same settings."""
    other = next((field for field in ISLANDS if getattr(a.config, field) != getattr(b.config, field)), None)
    same_shape = a.masks.shape[1:] == b.masks.shape[1:]
    if same_shape and (a.masks[:seeds] == b.masks[:seeds]).all():
        return
    if other:
        raise BadInput(
            f"RUN_B: {other}",
            getattr(b.config, other),
            f"RUN_A has {getattr(a.config, other)}, and seeds pair only where both runs have the same islands",
        )
    apart = (a.masks[:seeds] != b.masks[:seeds]).reshape(seeds, -1) if same_shape else np.ones((1, 1), bool)
    file, learnt = ("masks.npz", "islands") if a.config.target == "islands" else ("data", "labels")
    where, same = f"seed {apart.any(axis=1).argmax()}", "seeds pair only where they are the same"
    raise BadInput(f"RUN_B: {file}", where, f"the {learnt} of RUN_A: {same}")


def _values(side: Side, seeds: int) -> Values:
    """Return the values `[seeds]` per metric, scheme and activation; NaN where there is none."""
    frame = side.metrics
    wanted = frame["metric"].isin(list(HIGHER_IS_BETTER)) & frame["backend"].isin([BACKEND, "float"])
    frame = frame[wanted & (frame["scope"] == "network") & (frame["seed"] < seeds)]
    values: Values = {}
    for key, part in frame.groupby(["metric", "scheme", "activation"], observed=True):
        row = np.full(seeds, np.nan)
        row[part["seed"].to_numpy(dtype=np.int64)] = part["value"].to_numpy(dtype=np.float64)
        values[key] = row
    return values


def _comparisons(
    a: Values,
    b: Values,
    activations: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    others: Container[str],
    rule: Rule,
) -> list[Row]:
    """Return the rows of every metric, Holm-adjusted within it; those of `others` have no p-values."""
    rows: list[Row] = []
    empty = np.full(len(next(iter(a.values()))), np.nan)
    for metric, higher_is_better in HIGHER_IS_BETTER.items():
        family: list[Row] = [
            {"metric": metric, "activation": name, "scheme_a": one, "scheme_b": other}
            | _difference(a.get((metric, one, name), empty), b.get((metric, other, name), empty), rule)
            for one, other in ([("float", "float")] if metric == FLOAT else pairs)
            for name in activations
        ]
        for row in family:
            row["p"] = None if row["activation"] in others else row["p"]
        tested = [row for row in family if row["p"] is not None]
        for row, adjusted in zip(tested, holm(np.array([row["p"] for row in tested])), strict=True):
            row["p_holm"] = json_number(adjusted)
            row["real"] = bool(adjusted <= ERROR and (row["low"] > 0 or row["high"] < 0))
            row["better"] = (row["difference"] > 0) == higher_is_better if row["real"] else None
        rows += family
    return rows


def _difference(a: Floats, b: Floats, rule: Rule) -> Row:
    """Return one comparison of `[seeds]` values, paired by seed, before Holm's correction."""
    kept = np.isfinite(a) & np.isfinite(b)
    pairs = (b - a)[kept]
    mean, low, high = interval(pairs)
    return {
        "mean_a": json_number(mean_of(a[kept])) if len(pairs) else None,
        "mean_b": json_number(mean_of(b[kept])) if len(pairs) else None,
        "difference": json_number(mean),
        "low": json_number(low),
        "high": json_number(high),
        "p": json_number(rule.p(pairs)) if len(pairs) > 1 else None,
        "p_holm": None,
        "real": False,
        "better": None,
        "seeds": len(pairs),
        "missing": int((~kept).sum()),
        "same": bool(np.array_equal(a, b, equal_nan=True)),
    }


def _family(rows: Sequence[Row], rule: Rule) -> dict[str, int]:
    tested = sum(row["p"] is not None for row in rows)
    return {
        "comparisons": tested,
        "seeds_needed": rule.seeds_needed(tested + 1),
        "real": sum(row["real"] for row in rows),
    }


def _verdicts(a: Side, b: Side, pair: tuple[str, str], both: Sequence[str]) -> Row:
    said = [side.verdict["schemes"][scheme] for side, scheme in zip((a, b), pair, strict=True)]
    of_a, of_b = ({key: judged[key] for key in JUDGED} for judged in said)

    def shared(value: Any) -> Any:
        return {name for name in value if name in both} if isinstance(value, list) else value

    changed = [key for key in JUDGED if shared(of_a[key]) != shared(of_b[key])]
    return {"scheme_a": pair[0], "scheme_b": pair[1], "a": of_a, "b": of_b, "changed": changed}

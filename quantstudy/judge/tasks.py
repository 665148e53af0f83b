"""Whether the answer carries over to other tasks: what each activation loses against the best of each.

On each task the study's activations are compared by `paired_against_best`, as in a verdict. One that has a network
without a finite value there, or has not learned, is neither best nor tied; what it loses counts. A task that no
activation learns (the line of `judge.learned`) counts nowhere.

Classes are ranked by held-out accuracy, numbers by PSNR: their regrets stand apart, and together as multiples of the
loss that the study allows (2 points, 1 dB).

What `judge_tasks` returns: `{"scheme", "seeds", "activations", "controls", "tells", "seeds_needed", "allowed":
{"classes", "regression"}, "table": [T], "groups": {"beyond": G, "known": G}, "cause": see `task_cause`, "prediction":
see `foretold`}`.

T = `{"target", "task", "known", "learned": {"line", "not_learned": [names, controls included],
"nobody"}, "best", "tied_with", "rows": {activation: {"state", "mean", "low", "high", "float", "lr", "at_an_end",
"regret": M, "multiple": M}}}`, of the controls too but for state and regret. State: `best` (alone, or tied with others
that are `tied`), `behind`, `not learned`, `missing`; None with fewer seeds than `seeds_needed`, but for the best.

G = `{"tasks", "classes", "regression", "unlearned": [targets], "share_best": {activation: …}, "share_best_or_tied",
"regret": {"classes": {activation: M}, "regression", "multiple"}, "elsewhere": {activation: {"classes": {"tasks",
"mean"}, "regression", "multiple"}}: where it is behind, "worst": {activation: {"target", "task", "regret",
"multiple"}}, "least": {"activation", "stability"}: by the multiples}`; M = `{"mean", "low", "high"}`, intervals (95 %)
by resampling seeds as wholes, None with one seed.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from quantstudy.config.metrics import RANKED
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.config.tasks import CONTROLS, KNOWN
from quantstudy.judge.facts import ends
from quantstudy.judge.foretold import foretold
from quantstudy.judge.learned import learned_in
from quantstudy.judge.one_task import Judged, regrets_of
from quantstudy.judge.rules import Rule, rule_of
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.paired import paired_against_best
from quantstudy.judge.statistics.regret import regret
from quantstudy.judge.statistics.seeds import by_seed, json_number, triples
from quantstudy.judge.task_cause import Measured, judge_cause

BOTH = ("classes", "regression")


def judge_tasks(frame: pd.DataFrame, sweep: Sweep) -> dict[str, Any]:
    """Return what each activation loses on every task, on all of them, and why; see the file's head.

    Args:
        frame: the rows of the sweep (`schemas.SWEPT`) of its focus scheme and of scheme `float`.
        sweep: `config.tasks.tasks_sweep`, of one axis, the target.

    Raises:
        ValueError: a value is recorded twice.
        StudyFailure: no finite score in float is recorded on a task.
    """
    base, rule = sweep.base, rule_of(sweep.base)
    names = tuple(name for name in base.activations if name not in CONTROLS)
    judged = [_judged(frame[frame["target"] == study.target], study, names, rule) for study in sweep.studies]
    tells = len(names) > 1 and base.seeds >= rule.seeds_needed(len(names))
    groups = {
        which: _group([task for task in judged if (task.study.target in KNOWN) == known], names, tells)
        for which, known in (("beyond", False), ("known", True))
    }
    learnt = [task.measured for task in judged if not task.nobody and task.study.target not in KNOWN]
    cause = judge_cause([task.measured for task in judged if not task.nobody], learnt, rule)
    table = [_entry(task, tells) for task in judged]
    return {
        "scheme": base.focus_scheme,
        "seeds": base.seeds,
        "activations": list(names),
        "controls": [name for name in base.activations if name in CONTROLS],
        "tells": tells,
        "seeds_needed": rule.seeds_needed(len(names)),
        "allowed": {task: getattr(base, RANKED[task].allowed) for task in BOTH},
        "groups": groups,
        "cause": cause,
        "prediction": foretold(base.focus_scheme, [task.study.target for task in judged], groups["beyond"], cause),
        "table": table,
    }


def _judged(frame: pd.DataFrame, study: StudyConfig, names: Sequence[str], rule: Rule) -> Judged:
    """Return one task's networks and who is ahead."""
    controls = (name for name in study.activations if name in CONTROLS)
    all_names, ranked, keys = (*names, *controls), study.ranked, ("activation", "scheme")

    def of(metric: str, scheme: str) -> Floats:
        return by_seed(frame[frame["recipe"] == "plain"], metric, keys, study.seeds).of(all_names, scheme)

    line = learned_in(study, frame.assign(scope="network")).line
    quantized, in_float = of(ranked.quantized, study.focus_scheme), of(ranked.float, "float")
    rates = frame.groupby("activation", observed=True)["lr"].first().to_dict()
    measured = Measured(
        target=study.target,
        task=study.task,
        names=all_names,
        quantized=quantized,
        in_float=in_float,
        largest=of("hidden_max_log2", "float"),
        has_learned=_means(in_float) >= line,
        allowed=float(getattr(study, ranked.allowed)),
        rates={str(name): float(rate) for name, rate in rates.items()},
    )
    first = len(names)
    kept = np.where(measured.has_learned[:first, None], quantized[:first], np.nan)
    return Judged(study, measured, tuple(names), line, paired_against_best(kept, rule.p))


def _means(values: Floats) -> Floats:
    """Return the means over the seeds, NaN where a value is missing."""
    return np.array([np.nan if three["mean"] is None else three["mean"] for three in triples(values, *ends("dB"))])


def _state(task: Judged, index: int, tells: bool) -> str | None:
    if not np.isfinite(task.values[index]).all():
        return "missing"
    if not task.measured.has_learned[index]:
        return "not learned"
    if task.best[index]:
        return "best"
    if not tells:
        return None
    return "tied" if task.tied[index] else "behind"


def _entry(task: Judged, tells: bool) -> dict[str, Any]:
    """Return T of the file's head."""
    measured, rates = task.measured, task.measured.rates
    means = triples(measured.quantized, *ends(task.study.ranked.unit))
    best = next((name for name, is_best in zip(task.of, task.best, strict=True) if is_best), None)
    rows: dict[str, Any] = {}
    for index, (name, three) in enumerate(zip(measured.names, means, strict=True)):
        row: dict[str, Any] = {**three, "float": json_number(_means(measured.in_float[index : index + 1])[0])}
        row |= {"lr": rates.get(name), "learned": bool(measured.has_learned[index])}
        if index < len(task.of):
            row = {"state": _state(task, index, tells), **row}
            row |= {"regret": task.regrets[index], "multiple": task.multiples[index]}
        rows[name] = row
    failed = [name for name, has in zip(measured.names, measured.has_learned, strict=True) if not has]
    return {
        "target": task.study.target,
        "task": task.study.task,
        "known": task.study.target in KNOWN,
        "learned": {"line": json_number(task.learned), "not_learned": failed, "nobody": task.nobody},
        "best": best,
        "tied_with": [name for name, is_tied in zip(task.of, task.tied, strict=True) if is_tied] if tells else [],
        "rows": rows,
    }


def _group(judged: Sequence[Judged], names: Sequence[str], tells: bool) -> dict[str, Any]:
    """Return G of the file's head."""
    tasks = [task for task in judged if not task.nobody]
    found: dict[str, Any] = {"tasks": len(tasks)}
    found |= {kind: sum(task.study.task == kind for task in tasks) for kind in BOTH}
    found["unlearned"] = [task.study.target for task in judged if task.nobody]
    if not tasks:
        return found
    best, tied = np.array([task.best for task in tasks]), np.array([task.tied for task in tasks])
    found["share_best"] = _named(names, best.mean(axis=0))
    found["share_best_or_tied"] = _named(names, tied.mean(axis=0)) if tells else dict.fromkeys(names)
    sets = {kind: [task.values for task in tasks if task.study.task == kind] for kind in BOTH}
    sets["multiple"] = [task.values / task.measured.allowed for task in tasks]
    found["regret"] = {
        kind: dict(zip(names, regrets_of(values) if values else [None] * len(names), strict=True))
        for kind, values in sets.items()
    }
    found["elsewhere"] = {name: _elsewhere(tasks, index, tied[:, index], tells) for index, name in enumerate(names)}
    found["worst"] = {name: _worst(tasks, index) for index, name in enumerate(names)}
    over = regret(np.stack(sets["multiple"]))
    found["least"] = {"activation": None if over.least is None else names[over.least], "stability": over.stability}
    return found


def _named(names: Sequence[str], values: Floats) -> dict[str, float | None]:
    return dict(zip(names, map(json_number, values), strict=True))


def _elsewhere(tasks: Sequence[Judged], index: int, tied: NDArray[np.bool_], tells: bool) -> Mapping[str, Any] | None:
    """Return how far one activation is behind, on how many tasks, where it is neither best nor tied."""
    if not tells:
        return None
    behind = [task for task, is_tied in zip(tasks, tied, strict=True) if not is_tied]
    sets = {kind: [task.values for task in behind if task.study.task == kind] for kind in BOTH}
    sets["multiple"] = [task.values / task.measured.allowed for task in behind]
    return {
        kind: {"tasks": len(values), "mean": regrets_of(values)[index]["mean"] if values else None}
        for kind, values in sets.items()
    }


def _worst(tasks: Sequence[Judged], index: int) -> dict[str, Any]:
    """Return the task on which one activation loses most, in multiples of the loss allowed."""
    known = [task for task in tasks if task.multiples[index]["mean"] is not None]
    if not known:
        return {"target": None, "task": None, "regret": None, "multiple": None}
    task = max(known, key=lambda one: one.multiples[index]["mean"] or 0.0)
    lost = {"regret": task.regrets[index]["mean"], "multiple": task.multiples[index]["mean"]}
    return {"target": task.study.target, "task": task.study.task, **lost}

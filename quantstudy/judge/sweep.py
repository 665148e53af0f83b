"""What changes across a sweep: losses along every axis, which activation is best where, and what each loses over all.

Everything is of one task at a time: studies with classes and such with numbers have no common unit. A value of an axis
stands for the mean over the settings of all other axes in which every activation and every value has a cell
(`swept_axes`). Seeds are resampled as wholes: those of a network are the same in all settings.

What `judge_sweep` returns: `{"activations", "seeds", "focus", "test", "cells": {"planned", "found", "undefined": cells
with a value that is not finite}, "tuned": {"cells", "at_an_end"} or None, "tasks": {task: {"activations", "unit",
"allowed", "tells", "seeds_needed", "seeds_to_deploy", "overall": O}}, "axes": [A]}`. Activations are those that have a
cell.

A = `{"axis", "task", "unit", "values", "absent", "ordered", "settings": how many are averaged over, "over", "missing",
"aside", "views": [V]}` (`swept_axes.Axis`), V = `{"view", "schemes": per value, "rows": [R], "best": [B], "changes":
[C], "ends": E}`. Views are the schemes at the first bit width, those added by name, and the recipes; of the axis `bits`
they are the parts `both`, `weights`, `activations` and `dynamic`. B, C and E: `swept_best`.

R = `{"activation", "value", "drop": T, "changed": T, "score": T, "deployable", "learned", "rates"}`; T = `{"mean",
"low", "high"}`: what is lost of the measure that ranks, how much of the output changes (flip rate, or PSNR lost), that
measure itself; in how many of the settings it is deployable and has learned; the lowest and the highest rate.

O = `judge.choices.outcome` over all settings at the focus scheme, and how many there are; None where there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.config.sweep import Sweep
from quantstudy.judge.choices import outcome
from quantstudy.judge.facts import ends
from quantstudy.judge.rules import Rule, rule_of
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.seeds import json_number, triples
from quantstudy.judge.swept_axes import Axis, Place, along, axes_of, placed, planned, task_of
from quantstudy.judge.swept_best import best_at, between_ends, changes
from quantstudy.judge.swept_measured import Measured, View, measured, views_along
from quantstudy.judge.swept_values import Values, mean_along, values_of


def judge_sweep(frame: pd.DataFrame, sweep: Sweep) -> dict[str, Any]:
    """Return what changes across a sweep; see the head of this file.

    Args:
        frame: the cells' tables (`records.schemas.SWEPT`); cells that are not in it are counted as missing.
        sweep: the study and the lists.

    Raises:
        ValueError: a value is recorded twice, or two cells of one activation have the same settings.
    """
    study, axes, rule = sweep.base, axes_of(sweep), rule_of(sweep.base)
    values = values_of(frame, study.seeds)
    found: dict[str, Any] = {
        "activations": _present(values, study.activations),
        "seeds": study.seeds,
        "focus": study.focus_scheme,
        "test": rule.name,
        "cells": {"planned": sweep.cells, "found": len(values.cells), "undefined": _undefined(values)},
        "tuned": _tuned(values, sweep),
        "tasks": {},
        "axes": [],
    }
    for task in tasks_of(sweep):
        names = _present(values, study.activations, task)
        asked = _Asked(values, sweep, task, names)
        plan, cells = planned(sweep, axes, task), placed(values.cells, axes, task)
        whole = along("", axes, plan, cells, names, task)
        found["tasks"][task] = {
            "activations": names,
            "unit": asked.by.unit,
            "allowed": getattr(study, asked.by.allowed),
            "tells": asked.tells,
            "seeds_needed": rule.seeds_needed(len(names)),
            "seeds_to_deploy": rule.networks_needed(study.assurance),
            "overall": asked.overall(whole, axes),
        }
        every = (along(name, axes, plan, cells, names, task) for name in axes)
        shown = [(axis, axis.values) for axis in every if len(axis.values) + len(axis.absent) > 1]
        widths = tuple(sorted(study.bit_widths))
        shown += [(replace(whole, name="bits"), widths)] if len(widths) > 1 else []
        found["axes"] += [asked.axis(axis, shown_values) for axis, shown_values in shown]
    return found


@dataclass(frozen=True, eq=False)
class _Asked:
    """What is judged of the studies of one task."""

    values: Values
    sweep: Sweep
    task: str
    names: Sequence[str]

    @property
    def by(self) -> Ranked:
        return RANKED[self.task]

    @property
    def rule(self) -> Rule:
        return rule_of(self.sweep.base)

    @property
    def tells(self) -> bool:
        return len(self.names) > 1 and self.values.seeds >= self.rule.seeds_needed(len(self.names))

    def overall(self, whole: Axis, axes: Mapping[str, Place]) -> dict[str, Any] | None:
        """Return what each loses against the best of each setting at the focus scheme, None where none is complete."""
        if not whole.settings:
            return None
        (focus, *_) = views_along("", self.sweep)
        scores = measured(self.values, whole, focus, self.sweep, len(self.names)).score[:, 0]
        settings = [dict(zip(axes, place, strict=True)) for place in whole.settings]
        return {"settings": len(settings)} | outcome(scores.swapaxes(0, 1), self.names, settings, axes)

    def axis(self, axis: Axis, shown: Place) -> dict[str, Any]:
        """Return what is found along one axis."""
        views = views_along(axis.name, self.sweep) if axis.settings else []
        rates = _rates(self.values, axis, len(self.names), len(shown))
        return {
            "axis": axis.name,
            "task": self.task,
            "unit": self.by.unit,
            "ordered": axis.ordered,
            "values": list(shown),
            "absent": list(axis.absent),
            "settings": len(axis.settings),
            "over": axis.over,
            "missing": axis.missing,
            "aside": axis.aside,
            "views": [self.view(axis, view, shown, rates) for view in views],
        }

    def view(self, axis: Axis, view: View, shown: Place, rates: Floats) -> dict[str, Any]:
        """Return what is found along an axis under one way to quantize."""
        found = measured(self.values, axis, view, self.sweep, len(self.names))
        score, drop, changed = (mean_along(one, 2) for one in (found.score, found.drop, found.changed))
        learned = np.asarray(found.learned.all(axis=2))
        leading = np.where(learned[..., None], score, np.nan)
        best = [
            best_at(value, leading[:, at], self.names, self.rule, tells=self.tells) for at, value in enumerate(shown)
        ]
        schemes = [scheme for scheme, _ in view.keys]
        return {
            "view": view.name,
            "schemes": schemes if len(schemes) > 1 else schemes * len(shown),
            "rows": self.rows(found, (score, drop, changed), shown, rates),
            "best": best,
            "changes": changes(best, leading, self.names),
            "ends": between_ends(drop, shown, ordered=axis.ordered, bounds=ends(self.by.unit, difference=True)),
        }

    def rows(
        self, found: Measured, means: tuple[Floats, Floats, Floats], shown: Place, rates: Floats
    ) -> list[dict[str, Any]]:
        """Return what is known of every activation at every value."""
        unit = self.by.unit
        bounds = (ends(unit), ends(unit, difference=True), ends(unit))
        score, drop, changed = (
            triples(one.reshape(-1, one.shape[-1]), *between) for one, between in zip(means, bounds, strict=True)
        )
        places = [(name, value) for name in range(len(self.names)) for value in range(len(shown))]
        return [
            {
                "activation": self.names[name],
                "value": shown[value],
                "drop": drop[row],
                "changed": changed[row],
                "score": score[row],
                "deployable": int(found.deployable[name, value].sum()),
                "learned": int(found.learned[name, value].sum()),
                "rates": [json_number(rate) for rate in rates[name, value]],
            }
            for row, (name, value) in enumerate(places)
        ]


def tasks_of(sweep: Sweep) -> list[str]:
    """Return the tasks of a sweep's studies."""
    return list(dict.fromkeys(task_of(sweep, target) for target in sweep.axes.get("target", (sweep.base.target,))))


def _present(values: Values, activations: Sequence[str], task: str | None = None) -> list[str]:
    cells = values.cells if task is None else values.cells[values.cells["task"].astype(str) == task]
    there = set(cells["activation"].astype(str))
    return [name for name in activations if name in there]


def _rates(values: Values, axis: Axis, activations: int, shown: int) -> Floats:
    """Return the lowest and the highest rate that networks of a mean were trained with, `[activations, values, 2]`."""
    found = np.full((activations, len(axis.values), 2), np.nan)
    for (name, value, _), rate in zip(axis.where.tolist(), values.cells["lr"].tolist(), strict=True):
        if name >= 0:
            found[name, value] = np.fmin(found[name, value, 0], rate), np.fmax(found[name, value, 1], rate)
    return found if len(axis.values) == shown else np.repeat(found, shown, axis=1)


def _tuned(values: Values, sweep: Sweep) -> dict[str, int] | None:
    """Return how many cells took the lowest or the highest of the rates, beyond which a better one may lie."""
    if not sweep.tune:
        return None
    ends_of = {min(sweep.tune), max(sweep.tune)}
    return {"cells": len(values.cells), "at_an_end": int(values.cells["lr"].isin(ends_of).sum())}


def _undefined(values: Values) -> int:
    """Return how many cells have a network without a finite score after quantization."""
    scores = {by.quantized for by in RANKED.values()}
    lost = [cells[~np.isfinite(value)] for key, (cells, _, value) in values.columns.items() if key.metric in scores]
    return len(np.unique(np.concatenate(lost))) if lost else 0

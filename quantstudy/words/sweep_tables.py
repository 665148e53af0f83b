"""All numbers of a sweep's figures as tables: one per axis, and what each activation loses over all settings."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quantstudy.words.numbers import plural, real
from quantstudy.words.page import provenance_text, setting_text
from quantstudy.words.regret import amount
from quantstudy.words.sweep_axes import NAMES, TASKS, file_name, heading, value_text
from quantstudy.words.table import Table, csv_text
from quantstudy.words.units import UNITS

if TYPE_CHECKING:
    from quantstudy.config.sweep import Sweep

ENDS = ("mean", "low", "high")
REGRET = ("regret", "regret_low", "regret_high")
MEASURED = ("drop", "changed", "score")
COLUMNS = (
    *("activation", "value", "view", "scheme"),
    *(f"{name}_{end}" for name in MEASURED for end in ENDS),
    *("settings", "deployable", "learned", "lowest_rate", "highest_rate"),
)
"""Columns of an axis' CSV file, the second one called after the axis."""


def sweep_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a sweep.

    Args:
        found: what `judge.sweep.judge_sweep` returned, or the content of sweep.json.
    """
    over = [_overall(found, task) for task, one in found["tasks"].items() if one["overall"]]
    return [*over, *(_axis(entry, found) for entry in found["axes"] if entry["views"])]


def losses(found: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return per task a heading, and the activations with what they lose over all settings, the least first."""
    told = []
    for task, one in found["tasks"].items():
        if overall := one["overall"]:
            scale = UNITS[one["unit"]].scale
            rows = []
            for name in _in_order(one):
                mean, low, high = (overall[key][name] for key in REGRET)
                interval = "-" if low is None else f"{amount(low, scale)} to {amount(high, scale)}"
                rows.append((name, amount(mean, scale), interval))
            told.append((_lost(found, task), rows))
    return told


def _in_order(one: Mapping[str, Any]) -> list[str]:
    regret = one["overall"]["regret"]
    return sorted(one["activations"], key=lambda name: (regret[name] is None, regret[name]))


def _lost(found: Mapping[str, Any], task: str) -> str:
    one, unit = found["tasks"][task], UNITS[found["tasks"][task]["unit"]]
    named = f" with {TASKS[task]}" if len(found["tasks"]) > 1 else ""
    settings = plural(one["overall"]["settings"], "setting")
    return (
        f"Over {settings} at {found['focus']}{named}: {unit.amount} of {unit.noun} lost against the best of each, mean "
        "with its 95 % interval; less is better."
    )


def _overall(found: Mapping[str, Any], task: str) -> Table:
    one = found["tasks"][task]
    numbers = [[name, *(one["overall"][key][name] for key in REGRET)] for name in _in_order(one)]
    ((_, rows),) = losses({**found, "tasks": {task: one}})
    return Table(
        name="all_settings" + (f"-{task}" if len(found["tasks"]) > 1 else ""),
        caption=_lost(found, task),
        head=["Activation", "loss", "95 % interval"],
        rows=rows,
        csv=csv_text(["activation", *REGRET], numbers),
    )


def _axis(entry: Mapping[str, Any], found: Mapping[str, Any]) -> Table:
    unit, axis, views = UNITS[entry["unit"]], entry["axis"], entry["views"]
    by_view = [{(row["activation"], row["value"]): row for row in view["rows"]} for view in views]
    rows = []
    for (name, value), first in by_view[0].items():
        each = [unit.with_interval([real(rows_of[name, value]["drop"][end]) for end in ENDS]) for rows_of in by_view]
        changed = unit.with_interval([real(first["changed"][end]) for end in ENDS])
        counts = [f"{first[key]} of {entry['settings']}" for key in ("learned", "deployable")]
        rates = dict.fromkeys(f"{rate:g}" for rate in first["rates"] if rate is not None)
        rows.append([name, value_text(axis, value), *each, changed, *counts, " to ".join(rates)])
    called = {view["view"]: view["view"] for view in views}
    head = ["Activation", NAMES[axis], *(f"{name}: lost" for name in called.values())]
    head += [f"{views[0]['view']}: {'flips' if entry['unit'] == 'fraction' else 'PSNR lost, measured points'}"]
    return Table(
        name=file_name(entry, found),
        caption=(
            f"{heading(entry, found)}: {unit.amount} of held-out {unit.noun} lost, mean over "
            f"{plural(found['seeds'], 'seed')} and {plural(entry['settings'], 'setting')} with its 95 % interval; in "
            "how many settings the activation has learned and is deployable; its learning rates."
        ),
        head=[*head, "learned", "deployable", "rate"],
        rows=rows,
        csv=csv_text(
            [axis if name == "value" else name for name in COLUMNS],
            [_record(row, view, scheme, entry) for view in views for row, scheme in _with_schemes(view, entry)],
        ),
    )


def _with_schemes(view: Mapping[str, Any], entry: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], str]]:
    schemes = dict(zip(entry["values"], view["schemes"], strict=True))
    return [(row, schemes[row["value"]]) for row in view["rows"]]


def _record(row: Mapping[str, Any], view: Mapping[str, Any], scheme: str, entry: Mapping[str, Any]) -> list[Any]:
    measured = [row[name][end] for name in MEASURED for end in ENDS]
    counts = [entry["settings"], row["deployable"], row["learned"]]
    return [row["activation"], row["value"], view["view"], scheme, *measured, *counts, *row["rates"]]


def settings_of(sweep: "Sweep", where: str, manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return what the page tells of settings and provenance, by what each is called.

    Args:
        sweep: the study and the lists.
        where: the store, as it may be shown.
        manifest: its manifest.json.
    """
    lists = {
        axis: "; ".join(setting_text(",".join(map(str, one)) if isinstance(one, tuple) else one) for one in values)
        for axis, values in sweep.axes.items()
    }
    study = {key: setting_text(value) for key, value in asdict(sweep.base).items() if key not in lists}
    more = {"tune": sweep.tune, "recipes": sweep.recipes}
    named = {f"[sweep] {key}": text for key, text in lists.items()}
    named |= {f"[sweep] {key}": setting_text(values) for key, values in more.items() if values}
    return {"where": where, "cells": manifest.get("state", ""), **named, **study, **provenance_text(manifest)}

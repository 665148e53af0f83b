"""All numbers of the tasks as tables: what each activation loses over all, on every one, the cause, the prediction."""

from collections.abc import Mapping
from typing import Any

from quantstudy.words.foretold import EXPECTED, amount_of
from quantstudy.words.numbers import number, real
from quantstudy.words.table import Table, csv_text
from quantstudy.words.tasks import KINDS, kinds, over_tasks, shown_group
from quantstudy.words.units import UNITS

ENDS = ("mean", "low", "high")
EFFECTS = ("bound", "shape", "shape_without_cap")


def headings() -> tuple[str, ...]:
    """Return what stands above the columns of the table of activations (`rows`)."""
    return (
        "activation",
        "best\n%",
        "or tied\n%",
        "classes,\npoints",
        "95 %\ninterval",
        "numbers,\ndB",
        "95 %\ninterval",
    )


def rows(found: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return the table of activations, the one that loses least first: shares of tasks, what it loses on either kind.

    Args:
        found: as `tasks_lines`.
    """
    group = found["groups"][shown_group(found)]
    if not group["tasks"]:
        return []
    lost = {name: real(group["regret"]["multiple"][name]["mean"]) for name in found["activations"]}
    return [_row(group, name) for name in sorted(lost, key=lambda name: (lost[name] != lost[name], lost[name]))]


def _row(group: Mapping[str, Any], name: str) -> tuple[str, ...]:
    shares = [group[key][name] for key in ("share_best", "share_best_or_tied")]
    cells = ["-" if share is None else f"{100.0 * share:.0f}" for share in shares]
    for kind, unit in kinds():
        three = group["regret"][kind][name]
        known = three is not None and three["mean"] is not None
        cells.append(unit.bare(three["mean"]) if known else "-")
        ends = known and three["low"] is not None
        cells.append(f"{unit.bare(three['low'])} to {unit.bare(three['high'])}" if ends else "-")
    return name, *cells


def tasks_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the tables of the page: over all tasks, every task, what cap and shape gain, the prediction.

    Args:
        found: the content of tasks.json.
    """
    made = [_over_all(found)] if rows(found) else []
    made += [_every(found), _effects(found)]
    return [*made, _foretold(found)] if found["prediction"] is not None else made


def _over_all(found: Mapping[str, Any]) -> Table:
    group = found["groups"][shown_group(found)]
    numbers = [
        [name, *(group[key][name] for key in ("share_best", "share_best_or_tied"))]
        + [(group["regret"][kind][name] or {}).get(end) for kind in (*KINDS, "multiple") for end in ENDS]
        for name in found["activations"]
    ]
    named = [f"regret_{kind}_{end}" for kind in (*KINDS, "multiple") for end in ENDS]
    return Table(
        name="over_all_tasks",
        caption=f"What each activation loses against the best of each, mean {over_tasks(found)} at {found['scheme']}",
        head=[heading.replace("\n", " ") for heading in headings()],
        rows=rows(found),
        csv=csv_text(["activation", "share_best", "share_best_or_tied", *named], numbers),
    )


def _every(found: Mapping[str, Any]) -> Table:
    shown, numbers = [], []
    for entry in found["table"]:
        unit = UNITS[KINDS[entry["task"]]]
        cells = []
        for name in found["activations"]:
            row = entry["rows"][name]
            shown_loss = unit.with_interval([real(row["regret"][end]) for end in ENDS])
            cells.append(f"{shown_loss} ({row['state'] or 'not compared'})")
        shown.append([entry["target"], unit.amount, *cells])
        for name, row in entry["rows"].items():
            lost = row.get("regret") or {}
            scores = [row[key] for key in (*ENDS, "float", "lr", "learned")]
            numbers.append([entry["target"], name, row.get("state"), *scores, *(lost.get(end) for end in ENDS)])
    columns = ["target", "activation", "state", *ENDS, "float", "lr", "learned", *(f"regret_{end}" for end in ENDS)]
    return Table(
        name="tasks",
        caption=f"What each activation loses against the best on every task at {found['scheme']}",
        head=["Task", "unit", *found["activations"]],
        rows=shown,
        csv=csv_text(columns, numbers),
    )


def _effects(found: Mapping[str, Any]) -> Table:
    shown, numbers = [], []
    for entry in found["cause"]["tasks"]:
        unit = UNITS[KINDS[entry["task"]]]
        cells = [unit.with_interval([real((entry[which] or {}).get(end)) for end in ENDS]) for which in EFFECTS]
        ranges = [point["range"] for point in entry["points"] if point["range"] is not None]
        bits = number(sum(ranges) / len(ranges), 2) if ranges else "n/a"
        shown.append([entry["target"], unit.amount, *cells, bits])
        columns = ("range", *ENDS, "multiple", "lost")
        numbers += [
            [entry["target"], point["activation"], *(point[key] for key in columns)] for point in entry["points"]
        ]
    return Table(
        name="cause",
        caption="What the cap gains, and hardgelu's shape with and without it, on every task",
        head=["Task", "unit", "cap", "shape", "shape without cap", "log2(range / cap)"],
        rows=shown,
        csv=csv_text(["target", "activation", "range", *ENDS, "multiple", "lost"], numbers),
    )


def _foretold(found: Mapping[str, Any]) -> Table:
    shown, numbers = [], []
    for key, one in found["prediction"]["numbers"].items():
        expected = f"{amount_of(key, one['expected'])} ({amount_of(key, one['from'])} to {amount_of(key, one['to'])})"
        ends = "" if one["low"] is None else f" [{amount_of(key, one['low'])}, {amount_of(key, one['high'])}]"
        inside = {True: "yes", False: "no", None: "-"}[one["inside"]]
        shown.append([EXPECTED[key][0].format("…"), expected, f"{amount_of(key, one['found'])}{ends}", inside])
        numbers.append([key, *(one[column] for column in ("expected", "from", "to", "found", "low", "high"))])
    return Table(
        name="prediction",
        caption=f"What was foretold on {found['prediction']['date']}, and what came out",
        head=["", "expected (80 % sure)", "found [95 % interval]", "in the range"],
        rows=shown,
        csv=csv_text(["name", "expected", "from", "to", "found", "low", "high"], numbers),
    )

"""What the figure of tasks shows, as arrays and texts: tasks in groups, what is lost on each, gains over ranges."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.judge.statistics.curve import rising
from quantstudy.show.values import three
from quantstudy.words.numbers import real
from quantstudy.words.tasks import KINDS
from quantstudy.words.units import UNITS

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Block:
    """Tasks of one kind.

    Attributes:
        kind: `classes` or `regression`.
        known: whether somebody tuned on them.
        targets: names of the tasks.
        multiples: what each activation loses, in multiples of the loss allowed, [tasks, activations]; NaN where it has
            not learned or lacks a value.
        texts: the same in the task's unit with its interval, [tasks][activations].
        states: see `judge.tasks`, likewise.
        bound: what the cap gains with its interval, in multiples, [tasks, 3].
        shape: what hardgelu's shape gains, likewise.
    """

    kind: str
    known: bool
    targets: Sequence[str]
    multiples: Floats
    texts: Sequence[Sequence[str]]
    states: Sequence[Sequence[str | None]]
    bound: Floats
    shape: Floats


@dataclass(frozen=True, eq=False)
class Cloud:
    """What the cap gains over the range without it, a point for every pair of every task.

    Attributes:
        ranges: log2 of the range over the cap, [points].
        gains: multiples of the loss allowed, [points].
        kinds: of the tasks, [points].
        known: whether somebody tuned on the task, [points].
        activations: whose pair it is, [points].
        curve: the rising curve through the points of tasks that nobody tuned on: places and values.
    """

    ranges: Floats
    gains: Floats
    kinds: Sequence[str]
    known: NDArray[np.bool_]
    activations: Sequence[str]
    curve: tuple[Floats, Floats]


def blocks(found: Mapping[str, Any]) -> list[Block]:
    """Return the tasks that someone has learned, those nobody tuned on first, by kind.

    Args:
        found: the content of tasks.json.
    """
    shown = []
    for known in (False, True):
        for kind in KINDS:
            entries = [
                entry
                for entry in found["table"]
                if (entry["known"], entry["task"]) == (known, kind) and not entry["learned"]["nobody"]
            ]
            if entries:
                shown.append(_block(kind, known, entries, found))
    return shown


def _block(kind: str, known: bool, entries: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> Block:
    names, unit = found["activations"], UNITS[KINDS[kind]]
    causes = {entry["target"]: entry for entry in found["cause"]["tasks"]}
    targets = [entry["target"] for entry in entries]
    rows = [[entry["rows"][name] for name in names] for entry in entries]
    losses = [[three(row["regret"]) for row in line] for line in rows]

    def effects(which: str) -> Floats:
        per = 1.0 / found["allowed"][kind]
        return np.array([three(causes[target][which] or {}, per) for target in targets])

    return Block(
        kind,
        known,
        targets,
        np.array([[_shade(row) for row in line] for line in rows]),
        [[unit.with_interval(loss, places=1) if math.isfinite(loss[0]) else "n/a" for loss in line] for line in losses],
        [[row["state"] for row in line] for line in rows],
        effects("bound"),
        effects("shape"),
    )


def _shade(row: Mapping[str, Any]) -> float:
    return real(row["multiple"]["mean"]) if row["learned"] else math.nan


def cloud(found: Mapping[str, Any]) -> Cloud:
    """Return the points of all tasks that someone has learned, and the curve.

    Args:
        found: the content of tasks.json.
    """
    known = {entry["target"]: entry["known"] for entry in found["table"]}
    points = [
        (point["range"], point["multiple"], entry["task"], known[entry["target"]], point["activation"])
        for entry in found["cause"]["tasks"]
        for point in entry["points"]
        if point["range"] is not None
    ]
    ranges, gains = (np.array([point[place] for point in points], dtype=np.float64) for place in (0, 1))
    tuned = np.array([point[3] for point in points], dtype=bool)
    curve = rising(ranges[~tuned], gains[~tuned]) if (~tuned).any() else (np.zeros(0), np.zeros(0))
    return Cloud(ranges, gains, [point[2] for point in points], tuned, [point[4] for point in points], curve)

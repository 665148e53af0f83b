"""The targets beyond the first six, on which nobody tuned anything. Loads no library, as `catalogue`.

Each chooses the settings that the first target of its kind has, a rule that was written down before one was trained.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from quantstudy.targets.target import Data, Target

ROWS: Mapping[str, Any] = {"hidden": (32, 32), "steps": 600, "batch": 128, "lr": 0.03}
PIECES: Mapping[str, Any] = {"hidden": (32, 32, 32), "steps": 800, "batch": 512, "grid": 96}
LINE: Mapping[str, Any] = {"hidden": (8, 8, 8), "lr": 0.03}
"""Settings that suit the rows of a table, pieces of photographs, a line; over a plane those of a study do."""


def _figure(name: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.figures import figure

    return figure(seeds, name, grid=grid, frequency=frequency)


def _numeral(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.glyph import numeral

    return numeral(seeds, grid=grid, frequency=frequency)


def _line(name: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.curves import line

    return line(seeds, name, grid=grid, frequency=frequency)


def _over_plane(name: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.curves import surface

    return surface(seeds, name, grid=grid, frequency=frequency)


def _piece(name: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.crops import piece

    return piece(seeds, name, grid=grid, frequency=frequency)


def _pictures_digest(name: str) -> str:
    from quantstudy.targets.crops import pictures_digest

    return pictures_digest(name)


def _table(name: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.tables import shipped

    return shipped(seeds, name, grid=grid, frequency=frequency)


def _table_digest(name: str) -> str:
    from quantstudy.targets.tables import shipped_digest

    return shipped_digest(name)


def _of_piece(name: str, task: str) -> Target:
    return Target(name, task, partial(_piece, name), PIECES, partial(_pictures_digest, name))


def _of_table(name: str, task: str) -> Target:
    return Target(name, task, partial(_table, name), ROWS, partial(_table_digest, name), "rows")


BEYOND: tuple[Target, ...] = (
    *(
        Target(name, "classes", partial(_figure, name))
        for name in ("checkers", "stripes", "rings", "quadrants", "waves", "cubic", "flower")
    ),
    Target("numeral", "classes", _numeral),
    _of_piece("dusk", "classes"),
    *(_of_table(name, "classes") for name in ("iris", "wine", "cancer")),
    *(Target(name, "regression", partial(_line, name), LINE, over="line") for name in ("chirp", "steps")),
    *(Target(name, "regression", partial(_over_plane, name)) for name in ("ripples", "saddle", "hills")),
    *(_of_piece(name, "regression") for name in ("grey", "surface", "scene")),
    *(_of_table(name, "regression") for name in ("diabetes", "linnerud")),
)
"""The targets, in the order of `config.tasks.BEYOND`."""

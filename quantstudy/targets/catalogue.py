"""The targets: one entry each, with names that users type. Loads no library: what makes data imports what it needs.

Names: the canonical ones are the keys of `TARGETS`; a path that ends like an image (`photo.png`, `photo.png:0.5` with a
threshold of grey) or like a table (`points.csv`) is the user's own file; `module:name` is a function of x and y.
"""

import math
import os
import re
from collections.abc import Sequence
from functools import partial
from pathlib import PurePath

from quantstudy.activations.catalogue import SPELLED
from quantstudy.errors import BadInput, choices
from quantstudy.targets.beyond import BEYOND, LINE, PIECES, ROWS
from quantstudy.targets.target import Data, Target

TASKS = ("classes", "regression")

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".ppm", ".pgm")
TABLES = (".csv", ".tsv", ".parquet", ".npz")
"""How the names of the user's files end."""

WITH_THRESHOLD = re.compile(r"(.+\.\w+):([^:/]*)")
OTHERS = f"a file ({', '.join((*IMAGES[:2], *TABLES))} …), or module:function"


def _islands(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.islands import islands

    return islands(seeds, grid=grid, frequency=frequency)


def _spirals(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.spirals import spirals

    return spirals(seeds, grid=grid, frequency=frequency)


def _glyph(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.glyph import glyph

    return glyph(seeds, grid=grid, frequency=frequency)


def _digits(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.digits import digits

    return digits(seeds, grid=grid, frequency=frequency)


def _digits_digest() -> str:
    from quantstudy.targets.digits import digits_digest

    return digits_digest()


def _texture(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.texture import texture

    return texture(seeds, grid=grid, frequency=frequency)


def _texture_digest() -> str:
    from quantstudy.targets.texture import texture_digest

    return texture_digest()


def _sine(seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.sine import sine

    return sine(seeds, grid=grid, frequency=frequency)


def _image(text: str, threshold: float | None, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.image import image

    return image(text, threshold, task, seeds, grid=grid, frequency=frequency)


def _image_digest(text: str) -> str:
    from quantstudy.targets.image import image_digest

    return image_digest(text)


def _table(text: str, label: str | None, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.table import table

    return table(text, label, task, seeds, grid=grid, frequency=frequency)


def _file_digest(text: str) -> str:
    from quantstudy.targets.files import file_digest

    return file_digest(text)


def _function(where: str, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    from quantstudy.targets.function import function

    return function(where, task, seeds, grid=grid, frequency=frequency)


def _function_digest(where: str) -> str:
    from quantstudy.targets.function import function_digest

    return function_digest(where)


FIRST: tuple[Target, ...] = (
    Target("islands", "classes", _islands, {"learned": 0.9}),
    Target("spirals", "classes", _spirals),
    Target("glyph", "classes", _glyph),
    Target("digits", "classes", _digits, ROWS, _digits_digest, "rows"),
    Target("texture", "regression", _texture, PIECES, _texture_digest),
    Target("sine", "regression", _sine, LINE, over="line"),
)
"""The targets that the command line names; the others stand in docs/using.md, and where a name is unknown."""

TARGETS: dict[str, Target] = {one.name: one for one in (*FIRST, *BEYOND)}
"""Every target of this package by its canonical name."""


def parse_target(text: str, *, task: str | None = None, label: str | None = None) -> Target:
    """Return the target that `text` names; a user's file or function is looked at when its data are made.

    Args:
        text: a name of TARGETS, a path of an image or of a table, or `module:function`.
        task: `classes` or `regression`; None: that of the entry, `classes` for what is the user's own.
        label: the column of a table that is predicted; None: `label`.

    Raises:
        BadInput: an unknown name, a threshold that is none, a task that the entry has not, a label without a table.

    >>> parse_target("Spirals").name, parse_target("/photo.png:0.50").name, parse_target("mine:disc").task
    ('spirals', '/photo.png:0.5', 'classes')
    """
    if task is not None and task not in TASKS:
        raise BadInput("task", task, choices(str(task), TASKS))
    if not isinstance(text, str):
        raise BadInput("target", text, f"{choices('', TARGETS)}, or {OTHERS}")
    text = text.strip()
    found = TARGETS.get(text.lower())
    if found is not None and task not in (None, found.task):
        raise BadInput("task", task, f"{found.name} is of the task {found.task}")
    if found is not None and label is None:
        return found
    suffix = PurePath(text).suffix.lower()
    if label is not None and (found is not None or suffix not in TABLES):
        raise BadInput("label", label, f"only tables ({', '.join(TABLES)}) have columns, and the target is {text}")
    return _of_users(text, suffix, task or "classes", label)


def _of_users(text: str, suffix: str, task: str, label: str | None) -> Target:
    if suffix in TABLES:
        text = _placed(text)
        make = partial(_table, text, label, task)
        return Target(text, task, make, made_of=partial(_file_digest, text), over="rows")
    path, threshold = _threshold(text, task)
    if threshold is not None or suffix in IMAGES:
        path = _placed(path)
        name = path if threshold is None else f"{path}:{threshold:.9g}"
        make = partial(_image, path, threshold, task)
        return Target(name, task, make, made_of=partial(_image_digest, path))
    if SPELLED.fullmatch(text):
        make_values = partial(_function, text, task)
        return Target(text, task, make_values, made_of=partial(_function_digest, text))
    raise BadInput("target", text, f"{choices(text, TARGETS)}, or {OTHERS}")


def _placed(text: str) -> str:
    """Return the whole path of a user's file: a run's own study file names it wherever it is read."""
    return os.path.abspath(os.path.expanduser(text))


def _threshold(text: str, task: str) -> tuple[str, float | None]:
    """Return the path of an image and its threshold, None where none is given."""
    parts = WITH_THRESHOLD.fullmatch(text)
    if parts is None or PurePath(parts[1]).suffix.lower() not in (*IMAGES, ".npz"):
        return text, None
    if task == "regression":
        raise BadInput("target", text, "a threshold makes two classes, and regression learns the colours")
    try:
        threshold = float(f"{float(parts[2]):.9g}")
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= 1:
        raise BadInput("target", text, "the threshold after : must be a number from 0 to 1")
    return parts[1], threshold

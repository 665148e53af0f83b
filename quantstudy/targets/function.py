"""The user's own function of x and y, over the plane."""

import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.activations.imported import current_folder, found_at
from quantstudy.errors import BadInput
from quantstudy.targets.columns import LARGEST
from quantstudy.targets.files import Unusable
from quantstudy.targets.lattice import heldout_plane, plane
from quantstudy.targets.rows import spread
from quantstudy.targets.target import Data, Examples

Values = NDArray[Any]


def function(where: str, task: str, seeds: Sequence[int], *, grid: int, frequency: float) -> Data:
    """Return a function's values over the plane, the same for every seed: at the pixels, held out at their corners.

    It is called with x and y, [grid, grid] float64 each, and returns one value for every point, in the same shape. What
    it prints is dropped. It is called twice: what it gives must not change.

    Args:
        where: `module:name` of a module that can be imported, or lies in the current folder.
        task: `classes`: it returns bool, or numbers, of which those above 0 are one class; `regression`: numbers, which
            are standardized over the pixels, as those of tables are (`rows.data_of`).
        seeds: numbers of the seeds.
        grid: pixels along one side.
        frequency: not needed.

    Raises:
        BadInput: there is no such function, it fails, or returns what is neither; or there is nothing to be learnt.
    """
    try:
        given = _called(where)
        measured, heldout = plane(grid), heldout_plane(grid)
        values = [_values(given, points.reshape(2, grid, grid)) for points in (measured, heldout)]
        labels = _classes(values) if task == "classes" else _numbers(values)
    except Unusable as error:
        raise BadInput("target", where, str(error)) from None
    measured_labels, heldout_labels = (np.repeat(one[None], len(seeds), axis=0) for one in labels)
    return Data(
        Examples(measured[None], measured_labels),
        Examples(heldout[None], heldout_labels),
        outputs=1,
        plane=(grid, grid),
        classes=("outside", "inside") if task == "classes" else (),
    )


def function_digest(where: str) -> str:
    """Return a digest of what a function is made of, 16 hex digits (`activations.captured`). Loads torch.

    Raises:
        BadInput: there is no such function.
    """
    try:
        given = _called(where)
    except Unusable as error:
        raise BadInput("target", where, str(error)) from None
    from quantstudy.activations.captured import digest_of, made_of

    return digest_of(made_of(given, where.partition(".")[0].partition(":")[0]))


def _called(where: str) -> Callable[..., Any]:
    try:
        with warnings.catch_warnings(action="ignore"), current_folder():
            found = found_at(where)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:  # whatever importing a module of the user's may raise
        raise Unusable(f"module:function must be importable ({_reason(error)})") from None
    if not callable(found):
        raise Unusable(f"a function of x and y is needed, not {type(found).__name__}")
    given: Callable[..., Any] = found
    return given


def _values(given: Callable[..., Any], points: NDArray[np.float32]) -> Values:
    """Return what a function gives at some points, [grid, grid]."""
    first, again = (_once(given, points) for _ in range(2))
    if first.shape != points.shape[1:]:
        raise Unusable(f"arrays of shape {list(points.shape[1:])} go in, and {list(first.shape)} comes out")
    if first.dtype.kind not in "biuf":
        raise Unusable(f"bool or numbers are needed, and it returns {first.dtype}")
    if first.dtype.kind == "f" and not (np.abs(first) <= LARGEST).all():
        raise Unusable(f"its values are not all finite, {LARGEST:g} at most")
    if not np.array_equal(first, again):
        raise Unusable("it gives other values when it is called again")
    return first


def _once(given: Callable[..., Any], points: NDArray[np.float32]) -> Values:
    x, y = points.astype(np.float64)
    try:
        with (
            warnings.catch_warnings(action="ignore"),
            np.errstate(all="ignore"),
            redirect_stdout(io.StringIO()),
            current_folder(),
        ):
            return np.array(given(x, y))
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        raise Unusable(f"a function of x and y, arrays [grid, grid], is needed; it failed ({_reason(error)})") from None


def _classes(values: list[Values]) -> list[Values]:
    """Return which points lie inside, [points] bool each."""
    inside = [(one if one.dtype.kind == "b" else one > 0).reshape(-1) for one in values]
    if inside[0].all() or not inside[0].any():
        nowhere = "false, or 0 and less" if inside[0].all() else "true, or more than 0"
        raise Unusable(f"at no pixel it is {nowhere}; two classes are needed")
    return inside


def _numbers(values: list[Values]) -> list[Values]:
    """Return standardized values, [1, points] float32 each."""
    numbers = [one.astype(np.float64).reshape(-1, 1) for one in values]
    low, high = numbers[0].min(), numbers[0].max()
    if low == high:
        raise Unusable(f"it is {low:g} at every pixel: there is nothing to learn")
    everywhere = np.arange(len(numbers[0]), dtype=np.int32)[None]
    shift, scale = spread(numbers[0], everywhere)
    return [((one - shift) / scale).T.astype(np.float32) for one in numbers]


def _reason(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:160]

"""Arrays from Python as a target: kept in a file that is named by what it holds."""

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quantstudy.errors import BadInput, StudyFailure


def target_of(inputs: ArrayLike, labels: ArrayLike) -> str:
    """Keep a data set and return what a study calls it: `StudyConfig(target=target_of(inputs, labels))`.

    The file lies in `$XDG_CACHE_HOME/quantstudy/targets`, by default below `~/.cache`; the same arrays have the same
    file. What they hold is checked when the study is run.

    Args:
        inputs: numbers [rows, inputs].
        labels: classes [rows], bool, whole numbers or text; for regression numbers [rows] or [rows, outputs].

    Returns:
        The path of the file.

    Raises:
        BadInput: another shape, or arrays of Python objects.
        StudyFailure: the file can't be written.
    """
    given = {"inputs": np.asarray(inputs), "labels": _plain(np.asarray(labels))}
    rows = len(given["inputs"]) if given["inputs"].ndim else 0
    if given["inputs"].ndim != 2 or given["inputs"].dtype.kind not in "biuf":
        raise BadInput("inputs", _described(given["inputs"]), "numbers [rows, inputs] are needed")
    if given["labels"].ndim not in (1, 2) or len(given["labels"]) != rows or given["labels"].dtype.kind not in "biufU":
        raise BadInput("labels", _described(given["labels"]), f"classes or numbers [rows] are needed, {rows} rows")
    held = io.BytesIO()
    np.savez(held, inputs=given["inputs"], labels=given["labels"])
    try:
        folder = _folder()
        path = folder / f"{hashlib.sha256(held.getvalue()).hexdigest()[:16]}.npz"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}.part")
            beside.write_bytes(held.getvalue())
            beside.replace(path)
    except (OSError, RuntimeError) as error:  # a user without home
        reason = getattr(error, "strerror", None) or error
        raise StudyFailure(f"the arrays can't be kept in a file ({reason}); XDG_CACHE_HOME says where") from None
    return str(path)


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "quantstudy" / "targets"


def _plain(labels: NDArray[Any]) -> NDArray[Any]:
    """Return text as text: pandas keeps it as Python objects."""
    if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel().tolist()):
        return labels.astype(np.str_)
    return labels


def _described(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"

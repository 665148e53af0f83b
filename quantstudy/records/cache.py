"""Trained stacks, kept between runs under a name made of everything that their numbers depend on."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from quantstudy_kernels.arithmetic import REVISION
from safetensors import SafetensorError
from safetensors.numpy import load, save

from quantstudy.records.files import write_atomically
from quantstudy.records.provenance import version

Arrays = dict[str, NDArray[np.float32]]


def cache_folder() -> Path:
    """Return `$XDG_CACHE_HOME/quantstudy`, by default `~/.cache/quantstudy`.

    Raises:
        OSError: there is no home.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quantstudy"
    except RuntimeError:  # a user that the system knows nothing of, as containers have them
        raise OSError("this user has no home: set XDG_CACHE_HOME") from None


def stack_key(settings: Mapping[str, Any]) -> str:
    """Return the content address of a trained stack: 64 hex digits of its settings and of what computes it.

    That is the arithmetic, under which the same stack is the same bytes on every machine, so that a folder which two of
    them share serves both. What is not portable has the machine among its settings (`portability.origin`).
    """
    everything = {
        **settings,
        "arithmetic": REVISION,
        **{name: version(name) for name in ("torch", "numpy", "noise", "numba", "llvmlite")},
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


Notify = Callable[[str], None]


def load_stack(key: str, notify: Notify) -> Arrays | None:
    """Return the arrays stored under a key, or None where there are none or they are damaged (which is told)."""
    try:
        path = _path(key)
        data = path.read_bytes()
    except OSError:
        return None
    try:
        arrays: Arrays | None = load(data[64:])
    except (SafetensorError, ValueError):
        arrays = None
    if arrays is None or hashlib.sha256(data[64:]).hexdigest().encode() != data[:64]:
        notify(f"cache entry {path} is damaged: training again")
        return None
    return arrays


def store_stack(key: str, arrays: Arrays, notify: Notify) -> None:
    """Store arrays under a key. A cache that can't be written (full, read-only) is told and no failure."""
    data = save(arrays)
    try:
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_path(key), hashlib.sha256(data).hexdigest().encode() + data)
    except OSError as error:
        notify(f"the trained networks are not cached: {error}")


def _path(key: str) -> Path:
    return cache_folder() / "stacks" / f"{key}.bin"

"""Trained stacks, cached between runs under a key made of everything that their numbers depend on."""

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
        OSError: the user has no home directory.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quantstudy"
    except RuntimeError:  # a user without an entry in the system's database, as in some containers
        raise OSError("this user has no home: set XDG_CACHE_HOME") from None


def stack_key(settings: Mapping[str, Any]) -> str:
    """Return the cache key of a trained stack: a SHA-256 of its settings, the arithmetic's revision and the versions.

    A portable stack is the same bytes on every machine, so several machines can share a cache folder. For a stack that
    is not portable the caller adds the machine to the settings (`portability.origin`).
    """
    everything = {
        **settings,
        "arithmetic": REVISION,
        **{name: version(name) for name in ("torch", "numpy", "noise", "numba", "llvmlite")},
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


Notify = Callable[[str], None]


def load_stack(key: str, notify: Notify) -> Arrays | None:
    """Return the arrays stored under a key, None if there are none; also None, with a notice, if they are damaged."""
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
    """Store arrays under a key. If the cache can't be written (full, read-only), notify the user and go on."""
    data = save(arrays)
    try:
        _path(key).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(_path(key), hashlib.sha256(data).hexdigest().encode() + data)
    except OSError as error:
        notify(f"the trained networks are not cached: {error}")


def _path(key: str) -> Path:
    return cache_folder() / "stacks" / f"{key}.bin"

"""How every CPU kernel is compiled: by Numba, without the GIL, machine code kept on disk between processes.

The machine code lies in `$XDG_CACHE_HOME/quantstudy/compiled/DIGEST` (by default `~/.cache/…`; Numba's own
`NUMBA_CACHE_DIR` goes first). The digest is of the sources in this folder and the one above: Numba itself notices a
change of the file that a function stands in, but not of one that it calls or takes constants from. Where the folder
can't be written, functions are compiled for this process alone and `cache_problem()` says so; a damaged entry is
compiled again.

No `fastmath`: the compiler rounds every operation as it is written, in the order in which it is written, so that every
processor gives the same bits. What is to be fused or summed in lanes says so (`vectors`, `lanes`).
"""

import functools
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

_problems: list[str] = []


def compiled(*, inline: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function for its argument types at its first call.

    Give every function one signature (contiguous float32, say): two processes may then store the same entry at once.

    Args:
        inline: put the function's body where it is called (small helpers), with no entry of its own on disk.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if inline:
            return numba.njit(function, nogil=True, error_model="numpy", inline="always")
        return _with_cache(numba.njit(function, nogil=True, error_model="numpy"))

    return decorate


def cache_problem() -> str | None:
    """Return in one line why machine code is not kept on disk in this process, None if it is."""
    return _problems[0] if _problems else None


def cache_folder() -> Path:
    """Return where machine code is kept: a folder of its own for every state of these sources.

    Raises:
        OSError: there is no home.
    """
    given = os.environ.get("NUMBA_CACHE_DIR")
    if given:
        return Path(given)
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for source in sorted([*here.glob("*.py"), *here.parent.glob("*.py")]):  # constants of both are compiled in
        digest.update(source.read_bytes())
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a user that the system knows nothing of, as containers have them
        raise OSError("this user has no home: set XDG_CACHE_HOME") from None
    return home / "quantstudy" / "compiled" / digest.hexdigest()[:16]


@functools.cache
def _usable_folder() -> Path | None:
    """Return `cache_folder()` if it can be written, looked at once; refused only later, Numba would take another."""
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        _note(error)
        return None
    return folder


def _with_cache(dispatcher: Any) -> Any:
    folder = _usable_folder()
    if folder is None:
        return dispatcher
    before, numba.config.CACHE_DIR = numba.config.CACHE_DIR, str(folder)
    try:
        dispatcher.enable_caching()
    finally:
        numba.config.CACHE_DIR = before
    dispatcher._cache = _Forgiving(dispatcher._cache)
    return dispatcher


def _note(error: Exception) -> None:
    _problems.append(f"compiled kernels are not kept on disk, each process compiles them again: {error}")


class _Forgiving:
    """Numba's cache of one function, for which a full, read-only or damaged disk is no failure."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, context: Any) -> Any:
        try:
            return self._cache.load_overload(signature, context)
        except Exception:  # whatever unpickling foreign bytes may raise
            return None

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            self._cache.save_overload(signature, data)
        except OSError as error:
            _note(error)

"""Six rules: no test sees a cache of yours, Triton runs in its interpreter where no CUDA device is, Ctrl-C works,
coverage watches the first cases only, no case of hypothesis fails for being slow, and garbage is collected rarely.

Triton must be told before its first import.
"""

import atexit
import gc
import glob
import itertools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from quantstudy_kernels.cpu.jit import cache_folder

# How long a case takes says how busy the machine is, not whether the code is right.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")

# Device nodes, not torch: a test run of rooms without torch should not pay for its import. WSL has /dev/dxg.
if not glob.glob("/dev/nvidia[0-9]*") and not os.path.exists("/dev/dxg"):
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Every test has a cache of its own. Machine code is compiled once for all of them and for the processes they start:
# Numba's lies where the product keeps it, named by the kernels' sources, so that whatever ran before has compiled it.
if not {"NUMBA_CACHE_DIR", "TRITON_CACHE_DIR"} <= set(os.environ):
    temporary = tempfile.mkdtemp(prefix="compiled-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    os.environ.setdefault("TRITON_CACHE_DIR", temporary)
    try:
        cache_folder().mkdir(parents=True, exist_ok=True)
        writable = os.access(cache_folder(), os.W_OK)
    except OSError:
        writable = False
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()) if writable else temporary)

# A shell lets what it starts in the background ignore interrupts, and so do all processes that are started from there.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


UNWATCHED = (
    *("kernels/test_triton_training.py", "kernels/test_triton_quantization.py", "show/test_report.py"),
    *("study/test_again.py", "study/test_multiverse.py", "study/test_until_decided.py"),
)
"""Tests in whose calls coverage sees nothing that it doesn't see in others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let coverage watch the first case of a test only: tracing takes as long as the tests and finds nothing more."""
    seen: set[str] = set()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if test in seen or test.partition("::")[0].endswith(UNWATCHED):
            item.add_marker("no_cover")
        seen.add(test)


def pytest_collection_finish() -> None:
    """Let the garbage collector leave what was imported alone: it would go through all of torch again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_yours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures that are shared by several tests out of the real cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("shared-cache")))
        yield


@pytest.fixture(scope="session")
def own_caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names of folders; `mktemp` would look through those of all earlier tests."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_cache(own_caches: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test, and every process that it starts, an empty cache of trained networks."""
    folder = next(own_caches)
    folder.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread."""
    import torch  # only for the rooms that ask for it

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run a piece of Python in a process of its own and return what it printed; anything on stderr is a failure."""

    def run(code: str, **environment: str) -> str:
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    return run


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function: arguments → exit code of the command line."""
    from quantstudy.cli import app  # only for the rooms that ask for it

    def run(*arguments: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["quantstudy", *arguments])
        with pytest.raises(SystemExit) as left:
            app.main()
        return left.value.code

    return run


@pytest.fixture(scope="session")
def inexact() -> tuple[str, ...]:
    """What a run says about torch's product of int8 matrices: nothing, or one line where it saturates (no VNNI)."""
    import torch  # only for the rooms that ask for it

    from quantstudy.quantize.int8_products import INEXACT

    sevens = torch.full((32, 64), 127, dtype=torch.int8)
    return (INEXACT,) if (torch._int_mm(sevens, sevens.T) != 64 * 127 * 127).any() else ()


@pytest.fixture(scope="session")
def torchao_schemes(inexact: tuple[str, ...]) -> set[str]:
    """Of the schemes at 4 and 8 bits those that run in torchao on this machine."""
    return {"w4", "w4a8dyn", "w8"} | (set() if inexact else {"w8a8", "w8a8dyn"})


@pytest.fixture(scope="session")
def int8_products(inexact: tuple[str, ...]) -> None:
    """Skip where the product of int8 matrices is wrong."""
    if inexact:
        pytest.skip("torch's product of int8 matrices saturates here")

"""One rule: where there is no CUDA device, Triton runs in its interpreter. It must be told before its first import."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Device nodes, not torch: a test run of rooms without torch should not pay for its import. WSL has /dev/dxg.
if not glob.glob("/dev/nvidia[0-9]*") and not os.path.exists("/dev/dxg"):
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(scope="session", autouse=True)
def no_cache_of_yours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep fixtures that are shared by several tests out of the real cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("shared-cache")))
        yield


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test, and every process that it starts, an empty cache of trained networks."""
    folder = tmp_path_factory.mktemp("cache")
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

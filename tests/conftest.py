"""One rule: where there is no CUDA device, Triton runs in its interpreter. It must be told before its first import."""

import glob
import os
from pathlib import Path

import pytest

# Device nodes, not torch: a test run of rooms without torch should not pay for its import. WSL has /dev/dxg.
if not glob.glob("/dev/nvidia[0-9]*") and not os.path.exists("/dev/dxg"):
    os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test, and every process that it starts, an empty cache of trained networks."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder

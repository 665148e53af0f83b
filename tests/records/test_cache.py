import errno
from pathlib import Path

import numpy as np
import pytest

from quantstudy.records import cache
from quantstudy.records.cache import cache_folder, load_stack, stack_key, store_stack

ARRAYS = {
    "layers.0.weight": np.arange(12, dtype=np.float32).reshape(2, 3, 2),
    "layers.0.bias": np.array([[0.1, -0.0, np.float32(1e-40)]] * 2, dtype=np.float32),
}
SETTINGS = {"steps": 3, "hidden": (8, 8), "activation": "relu", "lr": 0.1}


def silent(line: str) -> None:
    raise AssertionError(f"told: {line}")


def test_where_it_is(own_cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == own_cache / "quantstudy"
    monkeypatch.setenv("HOME", str(tmp_path))
    for unset in ("", None):
        monkeypatch.setenv("XDG_CACHE_HOME", unset) if unset is not None else monkeypatch.delenv("XDG_CACHE_HOME")
        assert cache_folder() == tmp_path / ".cache" / "quantstudy"


def test_what_is_stored_comes_back_bit_for_bit() -> None:
    assert load_stack("k", silent) is None
    store_stack("k", ARRAYS, silent)
    loaded = load_stack("k", silent)
    assert loaded is not None
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert loaded[name].tobytes() == array.tobytes()
        assert loaded[name].shape == array.shape
        assert loaded[name].dtype == np.float32
    assert load_stack("other", silent) is None


def test_keys_depend_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    key = stack_key(SETTINGS)
    assert key == stack_key(dict(reversed(SETTINGS.items())))
    assert len(key) == 64
    others = {stack_key(SETTINGS | {name: "other"}) for name in SETTINGS} | {stack_key(SETTINGS | {"new": 1})}
    with monkeypatch.context() as patched:
        patched.setattr(cache, "REVISION", cache.REVISION + 1)
        others.add(stack_key(SETTINGS))
    real = cache.version
    for package in ("torch", "numpy", "noise"):
        with monkeypatch.context() as patched:
            patched.setattr(cache, "version", lambda name, changed=package: real(name) + ".1" * (name == changed))
            others.add(stack_key(SETTINGS))
    assert len(others | {key}) == len(SETTINGS) + 1 + 1 + 3 + 1


def entry(own_cache: Path) -> Path:
    store_stack("k", ARRAYS, silent)
    (path,) = (own_cache / "quantstudy").rglob("k*")
    return path


@pytest.mark.parametrize("kept", [0, 1, 63, 64, 65, 100, -1])
def test_a_truncated_entry_is_told_and_not_used(own_cache: Path, kept: int) -> None:
    path = entry(own_cache)
    path.write_bytes(path.read_bytes()[:kept])
    told: list[str] = []
    assert load_stack("k", told.append) is None
    assert told == [f"cache entry {path} is damaged: training again"]
    store_stack("k", ARRAYS, silent)
    assert load_stack("k", silent) is not None


@pytest.mark.parametrize("position", [0, 63, 64, 70, 120, -1])
def test_a_flipped_bit_is_told_and_not_used(own_cache: Path, position: int) -> None:
    path = entry(own_cache)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    told: list[str] = []
    assert load_stack("k", told.append) is None
    assert len(told) == 1


def test_a_cache_that_cannot_be_written_is_told(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    told: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(cache, "write_atomically", full)
        store_stack("k", ARRAYS, told.append)
    (own_cache / "quantstudy").rename(own_cache / "away")
    (own_cache / "quantstudy").write_text("a file where the folder should be")
    store_stack("k", ARRAYS, told.append)
    assert len(told) == 2
    assert "No space left" in told[0]
    assert all(line.startswith("the trained networks are not cached: ") for line in told)
    assert load_stack("k", silent) is None

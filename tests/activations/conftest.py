import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Return a function: the files of a user's folder by module, `mine` among them, imported afresh from now on."""
    from quantstudy.activations.functions import look_again

    numbers, known = itertools.count(), set(sys.modules)

    def forget() -> None:
        for name in {"mine", "helpers", "shapes"} & set(sys.modules) - known:
            del sys.modules[name]
        look_again()

    def write(**texts: str | bytes) -> None:
        forget()
        folder = tmp_path / str(next(numbers))  # each its own: two files of one size and second look the same
        folder.mkdir()
        for name, text in texts.items():
            (folder / f"{name}.py").write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.chdir(folder)

    yield write
    forget()

import subprocess
import sys
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def python() -> Callable[..., str]:
    """Run a piece of Python in a process of its own and return what it printed; anything on stderr is a failure."""

    def run(code: str, **environment: str) -> str:
        import os

        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    return run


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""

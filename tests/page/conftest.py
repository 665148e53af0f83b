import shutil

import pytest


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""


@pytest.fixture(scope="session")
def node() -> None:
    """Skip where JavaScript cannot be run."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed: the page's scripts cannot be run here")

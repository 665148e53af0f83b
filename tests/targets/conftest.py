import pytest


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""

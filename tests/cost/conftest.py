"""A measurement that takes no time, for the tests of what is done with it."""

from collections.abc import Callable
from typing import Any

import pytest

from quantstudy.cost import table, timing
from quantstudy.cost.instructions import COUNTS


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes measuring quick: instructions are made up, times are taken once."""

    def patch(triton: bool = True) -> None:
        def count(kernels: list[str]) -> dict[str, dict[str, float]] | None:
            return {name: dict.fromkeys(COUNTS, 7.5) for name in kernels} if triton else None

        monkeypatch.setattr(table, "count_instructions", count)
        monkeypatch.setattr(timing, "ROUNDS", 2)
        monkeypatch.setattr(timing, "SAMPLE", 1e-6)

    return patch


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function: arguments → exit code of the command line."""
    import sys

    from quantstudy import cli

    def run(*arguments: str) -> Any:
        monkeypatch.setattr(sys, "argv", ["quantstudy", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code

    return run

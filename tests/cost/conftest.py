"""A measurement that takes no time, for the tests of what is done with it."""

from collections.abc import Callable

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

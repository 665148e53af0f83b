"""Random studies by the whole command: it never breaks, and what it says is so. `make fuzz` tries them for longer."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.checks import check
from tests.fuzz.corpus import CASES
from tests.fuzz.studies import case_of, from_toml

STUDIES = range(2)
"""Seeds of the studies that every run of the tests tries."""

MORE = range(2, 8)
"""Seeds of those that the slow tests try as well."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    above = tmp_path_factory.mktemp("fuzz")
    return (above / str(number) for number in itertools.count())


@pytest.fixture(scope="module", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz-cache")


@pytest.fixture(autouse=True)
def cache(own_cache: Path, shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One cache for all studies: what one has left there must not matter to another."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_once_went_wrong(name: str, folders: Iterator[Path]) -> None:
    check(from_toml(CASES[name]), next(folders))


@pytest.mark.parametrize("studies", [STUDIES, pytest.param(MORE, marks=pytest.mark.slow)])
def test_random_studies(studies: range, folders: Iterator[Path]) -> None:
    """None breaks, and of thousands of networks hardly any has many pixels in doubt."""
    compared = tight = 0
    for number in studies:
        found = check(case_of(number), next(folders))
        compared, tight = compared + len(found.unsure), tight + found.tight
    assert tight >= 0.9 * compared > 100, f"of {compared} rates {tight} are sure"


@pytest.mark.slow
def test_a_command_of_its_own(folders: Iterator[Path]) -> None:
    """All figures, and everything deployable and tied in all placements."""
    case = from_toml("""
        activations = ["relu", "zoo:closure"]
        learned = 0.0
        allowed_drop = 1.0
        quick = false
        fuzz.alone = true
    """)
    check(case, next(folders))

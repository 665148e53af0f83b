"""Random studies by the whole command: it never breaks, and what it says is so (`make fuzz` runs it longer)."""

import collections
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.checks import check
from tests.fuzz.corpus import CASES
from tests.fuzz.studies import Case, cases, from_toml

SEED = 15
"""Of the studies that every run of the tests tries."""

EXAMPLES = 12


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    above = tmp_path_factory.mktemp("fuzz")
    return (above / str(number) for number in itertools.count())


@pytest.mark.parametrize("name", CASES)
def test_what_once_went_wrong(name: str, folders: Iterator[Path]) -> None:
    check(from_toml(CASES[name]), next(folders))


def test_random_studies(folders: Iterator[Path]) -> None:
    """Each of them alone can fail; together they compare thousands of pixels, of which hardly any is in doubt."""
    done = collections.Counter()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases())
    def each(case: Case) -> None:
        found = check(case, next(folders))
        done.update(studies=1, compared=len(found.unsure), tight=found.tight)

    each()
    assert done["tight"] > 0.95 * done["compared"] > 100, done


def test_a_command_of_its_own(folders: Iterator[Path]) -> None:
    study = {"activations": ["relu", "zoo:closure"], "seeds": 2, "steps": 20, "grid": 9, "hidden": [4], "batch": 64}
    check(Case(study, alone=True), next(folders))

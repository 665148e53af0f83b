"""Every example in the words of the figures, and in what they are made of, says what comes out."""

import doctest
import importlib
import pkgutil

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.words import figures
from quantstudy.words.figures import cause, maps

FIGURES = [f"figures.{module.name}" for module in pkgutil.iter_modules(figures.__path__)]


@pytest.mark.parametrize("module", ["numbers", "units", "things", "placement", "page", "headline", *FIGURES])
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"quantstudy.words.{module}")).failed == 0


def test_the_small_print_of_the_cause_names_the_test_that_decides() -> None:
    assert "a permutation test agrees" in cause.caption(16, "permutation")
    assert "permutation" not in cause.caption(16, "anytime")
    assert "looking after every batch of seeds agrees" in cause.caption(16, "anytime")
    assert cause.caption(1, "anytime") == cause.caption(1, "permutation")


def test_a_picture_need_not_be_square():
    assert "y upwards, both from −1 to 1." in maps.caption(0, StudyConfig())
    assert "y upwards, the longer side from −1 to 1." in maps.caption(0, StudyConfig(target="photo.png"))

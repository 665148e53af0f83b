"""Every example in the words of the figures, and in what they are made of, says what comes out."""

import doctest
import importlib
import pkgutil

import pytest

from quantstudy.words import figures

FIGURES = [f"figures.{module.name}" for module in pkgutil.iter_modules(figures.__path__)]


@pytest.mark.parametrize("module", ["numbers", "headline", *FIGURES])
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"quantstudy.words.{module}")).failed == 0

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("subject.activations", 5),
        ("subject.islands", 2),
        ("subject.randomness", 1),
        ("subject.training", 1),
        ("quantize.scheme", 5),
        ("tables", 1),
    ],
)
def test_examples_in_docstrings(name, least):
    result = doctest.testmod(importlib.import_module(f"quantstudy.{name}"))
    assert result.failed == 0
    assert result.attempted >= least

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("activations.catalogue", 5),
        ("targets.islands", 2),
        ("targets.randomness", 1),
        ("networks.training", 1),
        ("quantize.scheme", 5),
        ("records.schemas", 1),
    ],
)
def test_examples_in_docstrings(name, least):
    result = doctest.testmod(importlib.import_module(f"quantstudy.{name}"))
    assert result.failed == 0
    assert result.attempted >= least

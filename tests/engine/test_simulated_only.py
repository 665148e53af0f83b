"""Where torchao takes part, and the line that says why it does not."""

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.simulated_only import runs_in_torchao, simulated_only
from quantstudy.quantize.scheme import parse_scheme


def test_added_schemes_that_torchao_has_not_are_named():
    config = StudyConfig(schemes=("w4a8", "wf8", "wf8af8", "w8af8", "w4", "w8a8dyn"))
    assert list(simulated_only(config)) == [
        "schemes w4a8,w8af8: torchao has no such configurations, only the simulated path runs"
    ]
    assert list(simulated_only(StudyConfig(schemes=("wf8", "wf8af8")))) == []
    assert list(simulated_only(StudyConfig())) == []


@pytest.mark.parametrize(
    ("settings", "real"),
    [
        ({}, ["w8", "w4", "w8a8", "wf8", "wf8af8"]),
        ({"weight_observer": "no_clipping"}, ["w4", "wf8", "wf8af8"]),
        ({"weight_observer": "restricted", "quick": True}, []),
        ({"placement": "pre"}, []),
        ({"input_bits": 8}, []),
        ({"hidden": (8, 1)}, []),
    ],
)
def test_what_runs_in_torchao(settings, real):
    names = ("w8", "w4", "w8a8", "w4a8", "wf8", "wf8af8", "af8", "w8af8", "wf8e5m2", "wf8a8dyn")
    config = StudyConfig(**settings)
    assert [name for name in names if runs_in_torchao(config, parse_scheme(name))] == real

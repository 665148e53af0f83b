"""From where on an activation has learned: the number given, or halfway from a constant answer to the best."""

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.errors import StudyFailure
from quantstudy.judge.deployable import limits_of
from quantstudy.judge.learned import Learned, learned_in
from quantstudy.judge.verdict import judge
from tests.judge.conftest import build as accuracies
from tests.judge.numbers import PSNR, build

NAN = float("nan")
FULL = {"relu": [30.0, 32.0, 31.0], "silu": [20.0, 19.0, 21.0]}
TRIVIAL = [8.0, 10.0, 12.0]


def study(**settings):
    return StudyConfig(
        **{"activations": ("relu", "silu"), "seeds": 3, "task": "regression", "target": "sine"} | settings
    )


def test_a_number_is_the_line():
    assert learned_in(StudyConfig(seeds=2), accuracies({"relu": [1.0, 1.0]}, {})) == Learned(0.9, None)
    assert limits_of(StudyConfig()).learned_from is None


def test_halfway_from_the_constant_answer_to_the_best_activation():
    found = learned_in(study(learned="halfway"), build(FULL, FULL, trivial=TRIVIAL))
    assert found == Learned(20.5, {"trivial": 10.0, "best": 31.0})
    limits = limits_of(study(learned="halfway", allowed_psnr_drop=0.7), found)
    assert (limits.learned, limits.allowed_drop, limits.ranked) == (20.5, 0.7, PSNR)


def test_seeds_without_a_value_are_left_out():
    full = FULL | {"relu": [30.0, NAN, np.inf], "silu": [NAN] * 3}
    found = learned_in(study(learned="halfway"), build(full, full, trivial=[8.0, 10.0, NAN]))
    assert found == Learned(19.5, {"trivial": 9.0, "best": 30.0})


@pytest.mark.parametrize(
    ("full", "trivial", "metric"),
    [(FULL, [], PSNR.trivial), ({"relu": [NAN] * 3, "silu": [NAN] * 3}, TRIVIAL, PSNR.float)],
)
def test_without_the_records_there_is_no_line(full, trivial, metric):
    with pytest.raises(StudyFailure, match=f"no finite {metric}, which learned = halfway needs"):
        learned_in(study(learned="halfway"), build(full, full, trivial=trivial))


def test_the_verdict_says_where_the_line_comes_from():
    frame = build(FULL, FULL, trivial=TRIVIAL)
    limits = limits_of(study(learned="halfway"), learned_in(study(learned="halfway"), frame))
    found = judge(frame, activations=["relu", "silu"], schemes=["w4"], focus="w4", limits=limits)
    assert (found["learned"], found["learned_from"]) == (20.5, {"trivial": 10.0, "best": 31.0})
    assert found["not_learned"] == {"silu": 20.0}

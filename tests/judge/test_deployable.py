"""What may be deployed: which networks pass, what bounds their share, what else is asked."""

import numpy as np
import pytest
import scipy.stats

from quantstudy.judge.deployable import passing, settled, shipping, suffices, suffices_in_halves
from quantstudy.judge.rules import ANYTIME, PERMUTATION
from quantstudy.judge.statistics.halves import halves
from quantstudy.words.verdict import with_reasons
from tests.judge.conftest import build
from tests.judge.limits import asked
from tests.judge.verdicts import NAN, NAMES, entry, judged_of, noise, run


@pytest.mark.parametrize(
    ("allowed", "deployable"), [(0.02, ["silu"]), (np.float64(0.02), ["silu"]), (0.0199999, []), (0.1, ["silu"])]
)
def test_a_drop_exactly_as_large_as_allowed_is_deployable(allowed, deployable):
    assert 1.0 - 0.98 > 0.02  # in float64: rounding must not decide
    judged = run({"silu": np.full(8, 0.98)}, {"silu": np.ones(8)}, allowed_drop=allowed)
    assert judged["ranking"][0]["drop_bound"] == 0.02
    assert judged["ranking"][0]["pass_share"] == bool(deployable)
    assert judged["deployable"] == deployable
    assert judged["winner"] == (deployable[0] if deployable else None)


def test_drops_are_paired_by_seed():
    full = 0.9 + noise(16, std=0.05)
    judged = run({"silu": full - 0.01}, {"silu": full})
    one = judged["ranking"][0]
    assert (one["drop"], one["drop_low"], one["drop_high"]) == (0.01, 0.01, 0.01)
    assert one["high"] - one["low"] > 0.02


def test_the_networks_that_pass_decide_not_the_mean():
    (one,) = run({"silu": np.tile([0.955, 0.995], 8)})["ranking"]
    assert one["drop"] < 0.02
    assert one["pass_share"] == 0.5
    assert not one["deployable"]
    (one,) = run({"silu": np.array([*[0.98] * 15, 0.5])})["ranking"]
    assert one["drop"] > 0.02
    assert one["pass_share"] == 15 / 16
    assert one["deployable"]


def test_what_has_not_learned_is_never_deployable():
    full = {"relu": np.full(16, 0.51), "silu": np.full(16, 0.9), "gelu": np.full(16, 0.899999)}
    frame = build(full, {"w4": full})
    found = judged_of(frame, list(full), learned=0.9)
    judged = found["schemes"]["w4"]
    assert judged["deployable"] == ["silu"]
    assert found["not_learned"] == {"relu": 0.51, "gelu": 0.899999}
    assert {one["activation"]: one["learned"] for one in judged["ranking"]} == {"relu": 0, "silu": 1, "gelu": 0}
    assert entry(judged, "relu")["accuracy_float"] == 0.51
    alone = with_reasons(judged_of(frame, ["relu"], learned=0.9))["schemes"]["w4"]
    assert (alone["best"], alone["winner"], alone["deployable"]) == ("relu", None, [])
    assert alone["reason"].startswith("None is deployable at w4: the best, relu (not learned), loses 0.0 points")
    assert judged_of(frame, ["relu"], learned=0.5)["not_learned"] == {}


def test_where_the_backends_differ_nothing_is_deployable():
    values = {"relu": 0.98 + noise(16, seed=1), "silu": 0.99 + noise(16, seed=2)}
    frame = build(values, {"w4": values, "a4": values})
    apart = {"w4": {"silu": {"share": 0.2761, "at": "w4"}}, "a4": {}}
    found = with_reasons(judged_of(frame, values, ["w4", "a4"], apart, allowed_drop=0.05))["schemes"]
    assert (found["w4"]["deployable"], found["w4"]["winner"]) == (["relu"], None)
    assert found["a4"]["deployable"] == ["silu", "relu"]
    assert "torchao decides 27.61 % of the pixels of silu otherwise than the simulated path" in found["w4"]["reason"]
    assert (found["w4"]["backends_differ"], found["a4"]["backends_differ"]) == (apart["w4"], {})

"""The cost of what is tied: order of the criteria, ways, gaps in the table."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.judge.tie import BYTES, CALLS, CRITERIA, UNBOUNDED, tie_break
from quantstudy.judge.verdict import judge
from quantstudy.words.verdict import with_reasons
from tests.judge.limits import asked


def entry(calls=0, kept=4.0, bounded=False, **ways):
    return {"mufu_forward": calls, "added_bytes": {"plain": kept, "fused": 0.0, **ways}, "bounded": bounded}


def compare(**entries):
    return tie_break(list(entries), {"activations": entries})


def test_the_criteria_and_their_order():
    assert tuple(CRITERIA) == (CALLS, BYTES, UNBOUNDED)
    assert (CALLS, BYTES, UNBOUNDED) == ("special-function calls", "bytes kept for backward", "boundedness")


def test_calls_come_before_bytes_and_bytes_before_boundedness():
    assert compare(silu=entry(2, 0.0, True), relu=entry(0, 4.0))["cheapest"] == ["relu"]
    assert compare(hardgelu=entry(0, 4.0, True), relu=entry(0, 0.0))["cheapest"] == ["relu"]
    found = compare(hardswish=entry(), hardgelu=entry(bounded=True))
    assert found == {"cheapest": ["hardgelu"], "by": {CALLS: 0, BYTES: 4.0, UNBOUNDED: 0}, "unmeasured": []}


def test_equal_ones_keep_the_order_that_they_were_given_in():
    found = compare(prelu=entry(), silu=entry(1), leaky_relu=entry())
    assert found == {"cheapest": ["prelu", "leaky_relu"], "by": {CALLS: 0, BYTES: 4.0, UNBOUNDED: 1}, "unmeasured": []}


def test_the_best_way_that_is_not_fused_counts():
    article = entry(kept=14.0, from_input=4.0, from_output=None)
    assert compare(hardgelu=article, hardswish=entry(kept=5.0))["cheapest"] == ["hardgelu"]
    assert compare(hardgelu=article, leaky_relu=entry(from_output=0.0))["by"][BYTES] == 0.0
    assert compare(hardgelu=article, relu=entry(kept=4.0))["cheapest"] == ["hardgelu", "relu"]


def test_a_criterion_that_was_not_measured_of_all_is_left_out():
    found = compare(silu=entry(None, 4.0), relu=entry(0, 4.0, True))
    assert found == {"cheapest": ["relu"], "by": {BYTES: 4.0, UNBOUNDED: 0}, "unmeasured": []}


def test_activations_that_the_table_does_not_know():
    found = tie_break(["relu", "silu"], {"activations": {"relu": entry()}})
    assert found == {"cheapest": [], "by": {}, "unmeasured": ["silu"]}
    disjoint = {"relu": {"mufu_forward": 0}, "silu": {"bounded": False}}
    assert tie_break(["relu", "silu"], {"activations": disjoint})["unmeasured"] == ["relu", "silu"]


@pytest.mark.parametrize("names", [[], ["relu"], ["unknown"]])
def test_fewer_than_two_are_no_tie(names):
    assert tie_break(names, {"activations": {"relu": entry()}}) == {"cheapest": [], "by": {}, "unmeasured": []}


def test_values_of_another_kind_are_no_measurements():
    odd = {"mufu_forward": "none", "added_bytes": [1], "bounded": None}
    assert compare(relu=odd, silu=entry())["unmeasured"] == ["relu"]


costs = st.builds(entry, st.sampled_from([0, 0.5, 1, 2]), st.sampled_from([0.0, 4.0, 14.0]), st.booleans())


@given(st.dictionaries(st.sampled_from("abcdef"), costs, min_size=2))
def test_nobody_costs_less_than_the_cheapest(entries):
    found = compare(**entries)
    key = {n: (e["mufu_forward"], e["added_bytes"]["plain"], not e["bounded"]) for n, e in entries.items()}
    slow = [name for name in entries if all(key[name] <= key[other] for other in entries)]
    assert found["cheapest"] == slow
    assert tuple(found["by"].values()) == key[slow[0]]


@pytest.fixture
def judged(metrics):
    """Return the entry of w4: silu, gelu and relu are tied and lose 0, 3 and 5 points; leaky_relu is behind."""

    def build(cost, allowed_drop):
        same = 0.9 + np.tile([-0.001, 0.001], 8)
        quantized = {"silu": same, "gelu": same, "relu": same, "leaky_relu": same - 0.1}
        full = {"silu": same, "gelu": same + 0.03, "relu": same + 0.05, "leaky_relu": same - 0.1}
        names = list(quantized)
        frame = metrics(full, {"w4": quantized})
        limits = asked(allowed_drop)
        found = judge(frame, activations=names, schemes=["w4"], focus="w4", limits=limits, cost=cost)
        json.dumps(found, allow_nan=False)
        return with_reasons(found)["schemes"]["w4"]

    return build


COST = {"activations": {"silu": entry(2), "gelu": entry(1), "relu": entry(0), "leaky_relu": entry(0)}}


def test_only_what_is_tied_and_deployable_is_compared(judged):
    found = judged(COST, 0.04)
    assert found["tied_with"] == ["silu", "gelu", "relu"]
    assert found["deployable"] == ["silu", "gelu", "leaky_relu"]
    assert found["tie_break"]["cheapest"] == ["gelu"]
    assert "gelu comes first of the deployable ones: 1 special-function call per element" in found["reason"]
    found = judged(COST, 0.1)
    assert found["tie_break"]["cheapest"] == ["relu"]
    assert "relu comes first: 0 special-function calls per element" in found["reason"]


@pytest.mark.parametrize("allowed_drop", [-0.1, 0.02])
def test_a_tie_of_which_at_most_one_is_deployable_needs_no_cost(judged, allowed_drop):
    found = judged({"activations": {}}, allowed_drop)
    assert len(set(found["tied_with"]) & set(found["deployable"])) == (allowed_drop > 0)
    assert found["tie_break"] == {"cheapest": [], "by": {}, "unmeasured": []}
    assert "silu, gelu and relu are tied: no winner" in found["reason"]
    assert "cost" not in found["reason"]


def test_cost_changes_nothing_else(judged):
    without, found = judged(None, 0.1), judged(COST, 0.1)
    assert found["winner"] is None
    assert "tie_break" not in without
    said = ("tie_break", "reason")
    assert {k: v for k, v in found.items() if k not in said} == {k: v for k, v in without.items() if k not in said}

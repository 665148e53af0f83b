"""One rule for all claims: it comes out each of its five ways, and the correction counts all that is tested."""

import math

import numpy as np
import pytest

from quantstudy.judge.claims import (
    BESIDE,
    IN_PART,
    NO_EFFECT,
    REVERSED,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Part,
    judge_claims,
)
from quantstudy.judge.statistics.bootstrap import holm, paired_p
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.statistics.jackknife import jackknife


def claim(*parts: Part, name: str = "claim") -> Claim:
    return Claim(name, "says", "measured", parts, next((part.name for part in parts if part.decides), None))


LEAD = Part("lead", "it leads", smallest=0.02)


def spread(mean: float, seeds: int = 32, by: float = 0.01) -> np.ndarray:
    around = np.random.default_rng(3).normal(size=seeds)
    return mean + by * (around - around.mean()) / around.std()


def adjusted(values: np.ndarray, *bounds: float) -> float:
    """The twin of the p-value: the largest of those at `bounds` after Holm over both bounds of LEAD."""
    both = dict(zip((-0.02, 0.02), holm(np.array([paired_p(values - bound) for bound in (-0.02, 0.02)])), strict=True))
    return max(both[bound] for bound in bounds)


@pytest.mark.parametrize(
    ("mean", "verdict", "bounds"),
    [
        (0.05, SUPPORTED, [0.02]),
        (0.02, UNDECIDED, [0.02]),
        (0.023, UNDECIDED, [0.02]),
        (0.0, NO_EFFECT, [-0.02, 0.02]),
        (0.013, NO_EFFECT, [-0.02, 0.02]),
        (-0.018, UNDECIDED, [-0.02]),
        (-0.4, REVERSED, [-0.02]),
    ],
)
def test_each_way(mean, verdict, bounds):
    (judged,) = judge_claims([(claim(LEAD), {"lead": spread(mean)})])
    assert judged.verdict == verdict
    outcome = judged.outcome("lead")
    assert (outcome.mean, outcome.low, outcome.high) == interval(spread(mean))
    assert outcome.p == adjusted(spread(mean), *bounds)
    assert outcome.seeds == 32


def test_what_is_too_small_but_may_be_reversed_is_undecided():
    """The interval lies below the smallest effect, and reaches below its negative: neither word is true of it."""
    values = spread(-0.02, by=0.04)
    _, low, high = interval(values)
    assert low < -0.02 < high < 0.02
    assert judge_claims([(claim(LEAD), {"lead": values})])[0].verdict == UNDECIDED


def test_an_interval_alone_is_not_enough():
    """Five seeds: the interval lies above, but no permutation test of five can say so."""
    values = spread(0.05, seeds=5, by=0.001)
    assert interval(values)[1] > 0.02
    assert judge_claims([(claim(LEAD), {"lead": values})])[0].verdict == UNDECIDED


def test_where_the_bound_is_zero_there_is_one_test():
    none = Part("none", "it is more", smallest=0.0)
    (judged,) = judge_claims([(claim(none), {"none": spread(0.01)})])
    assert judged.outcomes[0].p == paired_p(spread(0.01))
    assert judge_claims([(claim(none), {"none": spread(-0.01)})])[0].verdict == REVERSED


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan], [0.5, math.inf, 0.5]])
def test_what_cannot_be_judged_is_undecided(values):
    (judged,) = judge_claims([(claim(LEAD), {"lead": np.array(values)})])
    assert judged.verdict == UNDECIDED


def test_a_part_that_was_not_measured_is_undecided():
    (judged,) = judge_claims([(claim(LEAD), {})])
    assert judged.verdict == UNDECIDED
    assert judged.outcomes[0].seeds == 0


@pytest.mark.parametrize(
    ("main", "other", "verdict"),
    [
        (0.05, 0.05, SUPPORTED),
        (0.05, -0.05, IN_PART),
        (0.05, 0.0, IN_PART),
        (0.05, None, IN_PART),
        (-0.05, 0.05, IN_PART),
        (0.02, 0.05, IN_PART),
        (None, 0.05, IN_PART),
        (0.0, -0.05, NO_EFFECT),
        (-0.05, 0.0, REVERSED),
        (0.02, 0.0, UNDECIDED),
        (None, -0.05, UNDECIDED),
    ],
)
def test_the_word_is_that_of_all_of_some_or_of_the_main_part(main, other, verdict):
    two = claim(LEAD, Part("other", "and more", smallest=0.02))
    values = {name: spread(mean) for name, mean in (("lead", main), ("other", other)) if mean is not None}
    assert judge_claims([(two, values)])[0].verdict == verdict


def test_a_part_beside_carries_nothing():
    beside = claim(LEAD, Part("other", "and more", smallest=0.0, decides=False))
    assert judge_claims([(beside, {"lead": spread(0.05), "other": spread(-0.05)})])[0].verdict == SUPPORTED
    assert judge_claims([(beside, {"lead": spread(0.0), "other": spread(0.05)})])[0].verdict == NO_EFFECT


def test_where_nothing_is_claimed_nothing_is_decided():
    nothing = claim(Part("other", "and more", smallest=0.0, decides=False))
    (judged,) = judge_claims([(nothing, {"other": spread(0.05)})])
    assert judged.verdict == BESIDE
    assert judged.outcomes[0].verdict == SUPPORTED


@pytest.mark.parametrize("main", ["nothing", "other", None])
def test_the_main_part_must_be_one_that_decides(main):
    other = Part("other", "and more", smallest=0.0, decides=False)
    with pytest.raises(ValueError, match="deciding parts: lead"):
        Claim("claim", "says", "measured", (LEAD, other), main)


def test_a_part_beside_is_judged_by_its_interval_and_not_corrected_for():
    beside = Part("other", "and more", smallest=0.0, decides=False)
    (judged,) = judge_claims([(claim(LEAD, beside), {"lead": spread(0.026), "other": spread(0.1)})])
    assert math.isnan(judged.outcome("other").p)
    assert judged.outcome("other").verdict == SUPPORTED
    assert judged.outcome("lead").p == adjusted(spread(0.026), 0.02)


def test_holm_counts_the_deciding_parts_of_all_claims():
    means = [0.0245, 0.05, 0.03, 0.026, 0.0]
    found = [(claim(LEAD, name=f"claim{place}"), {"lead": spread(mean)}) for place, mean in enumerate(means)]
    together = [judged.outcomes[0].p for judged in judge_claims(found)]
    raw = [[paired_p(spread(mean) - bound) for bound in (-0.02, 0.02)] for mean in means]
    expected = holm(np.array(raw).ravel()).reshape(5, 2)
    assert together == [*expected[:4, 1], expected[4].max()]
    alone = judge_claims(found[:1])[0]
    many = judge_claims([found[0]] * 40)[0]
    assert alone.verdict == SUPPORTED
    assert many.verdict == UNDECIDED  # the same data, but one of forty
    assert many.outcomes[0].held_back
    assert not alone.outcomes[0].held_back
    assert not judge_claims([(claim(LEAD), {"lead": spread(0.02)})])[0].outcomes[0].held_back
    assert not judge_claims([(claim(LEAD), {})])[0].outcomes[0].held_back


def test_an_exact_part_is_compared_without_error():
    count = Part("count", "it takes none", smallest=0.0, exact=True)
    verdicts = [judge_claims([(claim(count), {"count": np.array([v])})])[0].verdict for v in (1.0, 0.0, -1.0)]
    assert verdicts == [SUPPORTED, NO_EFFECT, REVERSED]
    share = Part("share", "it saves some", smallest=0.25, exact=True)
    verdicts = [judge_claims([(claim(share), {"share": np.array([v])})])[0].verdict for v in (0.3, 0.25, -0.25, -0.3)]
    assert verdicts == [SUPPORTED, NO_EFFECT, NO_EFFECT, REVERSED]
    with pytest.raises(ValueError, match="one value"):
        judge_claims([(claim(count), {"count": np.array([1.0, 1.0])})])


def test_an_exact_part_has_one_value():
    count = Part("count", "it takes none", smallest=0.0, exact=True)
    (judged,) = judge_claims([(claim(count), {"count": np.array([3.0])})])
    (outcome,) = judged.outcomes
    assert (outcome.mean, outcome.low, outcome.high, outcome.seeds) == (3.0, 3.0, 3.0, 1)


@pytest.mark.parametrize("mean", [-0.02, 0.02])
def test_exactly_at_the_bound_is_undecided_also_beside(mean):
    beside = Part("other", "and more", smallest=0.02, decides=False)
    (judged,) = judge_claims([(claim(LEAD, beside), {"lead": spread(0.05), "other": np.full(32, mean)})])
    assert judged.outcome("other").verdict == UNDECIDED


def test_exact_parts_do_not_weaken_the_others():
    count = Part("count", "it takes none", smallest=0.0, exact=True)
    few = [(claim(LEAD), {"lead": spread(0.05)})]
    many = [*few, *((claim(count, name=f"c{k}"), {"count": np.array([1.0])}) for k in range(50))]
    assert judge_claims(many)[0].outcomes[0].p == judge_claims(few)[0].outcomes[0].p


@pytest.mark.parametrize(
    ("lead", "low", "high", "p", "verdict"),
    [
        (2.0, 1.0, 3.0, 0.001, SUPPORTED),
        (2.0, 1.0, 3.0, 0.06, UNDECIDED),  # the interval alone is not enough
        (1.0, 0.0, 2.0, 0.001, UNDECIDED),
        (0.0, 0.0, 0.0, 1.0, UNDECIDED),
        (-1.0, -2.0, -1.0, 0.001, REVERSED),
    ],
)
def test_a_resampled_part_brings_its_interval_and_p_value(lead, low, high, p, verdict):
    count = Part("count", "it has more", smallest=0.0, resampled=True)
    found = [(claim(count), {"count": np.array([lead, low, high, p, 16.0])}), (claim(LEAD), {"lead": spread(0.0245)})]
    judged, other = judge_claims(found)
    (outcome,) = judged.outcomes
    assert judged.verdict == verdict
    assert (outcome.mean, outcome.low, outcome.high, outcome.seeds) == (lead, low, high, 16)
    raw = [p, *(paired_p(spread(0.0245) - bound) for bound in (-0.02, 0.02))]
    assert [outcome.p, other.outcomes[0].p] == holm(np.array(raw))[[0, 2]].tolist()


def test_equal_values_decide_with_enough_seeds():
    verdicts = [judge_claims([(claim(LEAD), {"lead": np.full(n, 0.05)})])[0].verdict for n in (2, 5, 32)]
    assert verdicts == [UNDECIDED, UNDECIDED, SUPPORTED]


def test_a_part_by_name():
    with pytest.raises(KeyError):
        claim(LEAD).part("nothing")
    assert claim(LEAD).part("lead") is LEAD


def test_jackknife_of_a_variance_is_unbiased():
    values = np.random.default_rng(0).normal(size=12)
    pseudo = jackknife(np.var, values)  # np.var divides by n
    assert pseudo.mean() == pytest.approx(np.var(values, ddof=1), rel=1e-12)


def test_jackknife_leaves_out_the_same_seed_everywhere():
    one, other = np.arange(12.0).reshape(2, 6) ** 2, np.arange(6.0)
    found = jackknife(lambda a, b: float(a.mean() - b.mean()), one, other)
    assert found == pytest.approx(one.mean(axis=0) - other)


@pytest.mark.parametrize("mean", [0.0, 0.02])
def test_false_verdicts_are_rare_where_the_effect_is_exactly_the_smallest(mean):
    random = np.random.default_rng(7)
    part = Part("lead", "it leads", smallest=mean)
    wrong = sum(
        judge_claims([(claim(part), {"lead": random.normal(mean, 0.05, size=16)})])[0].verdict != UNDECIDED
        for _ in range(200)
    )
    assert wrong <= 20  # of 200, 10 expected; more than 20 happens once in a thousand

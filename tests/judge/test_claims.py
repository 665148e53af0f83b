"""One rule for all claims: it comes out each of its three ways, and the correction counts all that is tested."""

import math

import numpy as np
import pytest

from quantstudy.judge.claims import CONTRADICTED, SUPPORTED, UNDECIDED, Claim, Part, jackknife, judge_claims
from quantstudy.judge.statistics.bootstrap import holm, paired_p
from quantstudy.judge.statistics.intervals import interval


def claim(*parts: Part, name: str = "claim") -> Claim:
    return Claim(name, "says", "measured", parts)


LEAD = Part("lead", "it leads", smallest=0.02)


def spread(mean: float, seeds: int = 32, by: float = 0.01) -> np.ndarray:
    around = np.random.default_rng(3).normal(size=seeds)
    return mean + by * (around - around.mean()) / around.std()


@pytest.mark.parametrize(
    ("mean", "verdict"),
    [(0.05, SUPPORTED), (0.02, UNDECIDED), (0.023, UNDECIDED), (0.0, CONTRADICTED), (-0.4, CONTRADICTED)],
)
def test_each_way(mean, verdict):
    (judged,) = judge_claims([(claim(LEAD), {"lead": spread(mean)})])
    assert judged.verdict == verdict
    outcome = judged.outcome("lead")
    assert (outcome.mean, outcome.low, outcome.high) == interval(spread(mean))
    assert outcome.p == paired_p(spread(mean) - 0.02)
    assert outcome.seeds == 32


@pytest.mark.parametrize("values", [[], [0.5], [0.5, math.nan], [0.5, math.inf, 0.5]])
def test_what_cannot_be_judged_is_undecided(values):
    (judged,) = judge_claims([(claim(LEAD), {"lead": np.array(values)})])
    assert judged.verdict == UNDECIDED


def test_a_part_that_was_not_measured_is_undecided():
    (judged,) = judge_claims([(claim(LEAD), {})])
    assert judged.verdict == UNDECIDED
    assert judged.outcomes[0].seeds == 0


def test_all_deciding_parts_must_be_supported_and_one_contradicted_is_enough():
    two = claim(LEAD, Part("other", "and more", smallest=0.0))
    beside = claim(LEAD, Part("other", "and more", smallest=0.0, decides=False))
    high, low, near = spread(0.05), spread(-0.05), spread(0.02)
    assert judge_claims([(two, {"lead": high, "other": high})])[0].verdict == SUPPORTED
    assert judge_claims([(two, {"lead": high, "other": low})])[0].verdict == CONTRADICTED
    assert judge_claims([(two, {"lead": near, "other": low})])[0].verdict == CONTRADICTED
    assert judge_claims([(two, {"lead": near, "other": high})])[0].verdict == UNDECIDED
    assert judge_claims([(two, {"lead": high})])[0].verdict == UNDECIDED
    assert judge_claims([(beside, {"lead": high, "other": low})])[0].verdict == SUPPORTED


def test_a_part_beside_is_judged_by_its_interval_and_not_corrected_for():
    beside = Part("other", "and more", smallest=0.0, decides=False)
    (judged,) = judge_claims([(claim(LEAD, beside), {"lead": spread(0.026), "other": spread(0.1)})])
    assert math.isnan(judged.outcome("other").p)
    assert judged.outcome("other").verdict == SUPPORTED
    assert judged.outcome("lead").p == paired_p(spread(0.026) - 0.02)


def test_holm_counts_the_deciding_parts_of_all_claims():
    means = [0.0245, 0.05, 0.03, 0.026, 0.0]
    found = [(claim(LEAD, name=f"claim{place}"), {"lead": spread(mean)}) for place, mean in enumerate(means)]
    together = [judged.outcomes[0].p for judged in judge_claims(found)]
    expected = holm(np.array([paired_p(spread(mean) - 0.02) for mean in means]))
    assert together == expected.tolist()
    alone = judge_claims(found[:1])[0]
    many = judge_claims([found[0]] * 40)[0]
    assert alone.verdict == SUPPORTED
    assert many.verdict == UNDECIDED  # the same data, but one of forty


def test_an_exact_part_is_compared_without_error():
    count = Part("count", "it takes none", smallest=0.0, exact=True)
    verdicts = [judge_claims([(claim(count), {"count": np.array([v])})])[0].verdict for v in (1.0, 0.0, -1.0)]
    assert verdicts == [SUPPORTED, UNDECIDED, CONTRADICTED]
    with pytest.raises(ValueError, match="one value"):
        judge_claims([(claim(count), {"count": np.array([1.0, 1.0])})])


def test_exact_parts_do_not_weaken_the_others():
    count = Part("count", "it takes none", smallest=0.0, exact=True)
    few = [(claim(LEAD), {"lead": spread(0.05)})]
    many = [*few, *((claim(count, name=f"c{k}"), {"count": np.array([1.0])}) for k in range(50))]
    assert judge_claims(many)[0].outcomes[0].p == judge_claims(few)[0].outcomes[0].p


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

"""Tables of activations and seeds: pairing, twins, missing values, few seeds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantstudy.judge.statistics.bootstrap import paired_p, resample_indices
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.statistics.paired import (
    mean_interval,
    paired_against,
    paired_against_best,
    probability_of_best,
    ranking_order,
)

NAN = float("nan")
shares = st.floats(0, 1).map(lambda x: round(x, 4))
tables = arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(2, 9)), elements=shares)
few = settings(max_examples=25, deadline=None)


def normal(*shape, seed=0, mean=0.9, std=0.02):
    return np.random.default_rng(seed).normal(mean, std, shape)


def test_every_row_has_its_own_interval_and_counts():
    values = normal(3, 16)
    values[1, [2, 5]] = NAN, np.inf
    values[2, 1:] = NAN
    found = mean_interval(values)
    for row in range(3):
        kept = values[row][np.isfinite(values[row])]
        expected = interval(kept)
        assert (found.mean[row], found.low[row], found.high[row]) == pytest.approx(expected, nan_ok=True)
    assert found.seeds.tolist() == [16, 14, 1]
    assert found.missing.tolist() == [0, 2, 15]
    assert np.isnan(found.low).tolist() == np.isnan(found.high).tolist() == [False, False, True]


@few
@given(tables)
def test_intervals_hold_their_mean(values):
    found = mean_interval(values)
    told = np.isfinite(found.low)
    assert (told | (np.ptp(values, axis=1) < 1e-9)).all()  # few equal values have no interval
    assert (found.low <= found.mean + 1e-12)[told].all()
    assert (found.mean <= found.high + 1e-12)[told].all()


@few
@given(tables, shares)
def test_a_constant_shifts_an_interval(values, constant):
    before, after = mean_interval(values), mean_interval(values + constant)
    for name in ("mean", "low", "high"):
        assert getattr(after, name) == pytest.approx(getattr(before, name) + constant, abs=1e-8, nan_ok=True)


def test_a_constant_on_one_activation_shifts_its_difference_only():
    values = normal(3, 16)
    before = paired_against(values, 0, test=paired_p)
    after = paired_against(values + np.array([[0.0], [0.0], [0.25]]), 0, test=paired_p)
    assert after.difference - before.difference == pytest.approx([0, 0, -0.25])
    assert after.low - before.low == pytest.approx([0, 0, -0.25])
    assert after.high - before.high == pytest.approx([0, 0, -0.25])


@few
@given(tables, st.randoms(use_true_random=False))
def test_permuting_the_seeds_of_all_changes_only_the_resampling(values, random):
    order = list(range(values.shape[1]))
    random.shuffle(order)
    one, other = paired_against_best(values, test=paired_p), paired_against_best(values[:, order], test=paired_p)
    assert one.reference == other.reference
    assert one.difference.tolist() == other.difference.tolist()
    assert one.p.tolist() == other.p.tolist()
    assert one.p_holm.tolist() == other.p_holm.tolist()
    width = np.ptp(values, axis=1).max() + np.ptp(values[one.reference])
    assert one.low == pytest.approx(other.low, abs=0.25 * width + 1e-12, nan_ok=True)


def test_permuting_the_seeds_of_one_activation_breaks_the_pairing():
    mask = normal(16, std=0.05)
    values = np.stack([mask, mask - 0.01 + normal(16, seed=1, mean=0, std=0.001)])
    assert paired_against_best(values, test=paired_p).tied.tolist() == [True, False]
    values[1] = np.roll(values[1], 3)
    assert paired_against_best(values, test=paired_p).tied.tolist() == [True, True]


def test_comparison_is_of_the_paired_differences():
    values = normal(4, 16, std=0.03)
    found = paired_against(values, 2, test=paired_p)
    assert found.reference == 2
    for other in range(4):
        difference = values[2] - values[other]
        expected = interval(difference)
        assert (found.difference[other], found.low[other], found.high[other]) == pytest.approx(expected)
        assert found.p[other] == paired_p(difference)
    assert (found.difference[2], found.low[2], found.high[2]) == (0, 0, 0)
    assert found.seeds.tolist() == [16] * 4
    assert found.missing.tolist() == [0] * 4


def test_holm_is_over_the_others_only():
    values = normal(3, 16, std=0.03)
    p = paired_against(values, 0, test=paired_p).p[1:]
    small, large = sorted(p)
    expected = {small: min(1, 2 * small), large: min(1, max(2 * small, large))}
    found = paired_against(values, 0, test=paired_p)
    assert found.p_holm.tolist() == pytest.approx([1, *(expected[one] for one in p)])
    assert found.p[0] == 1


def test_the_best_is_the_highest_mean_and_the_first_of_equals():
    assert paired_against_best([[0.1, 0.2, 0.3], [0.8, 0.9, 0.7], [0.9, 0.7, 0.8]], test=paired_p).reference == 1
    assert paired_against_best([[NAN, NAN], [0.1, 0.2]], test=paired_p).reference == 1


def test_clearly_better_is_told_apart_in_both_directions():
    values = normal(3, 16, std=0.01) + np.array([[0.0], [0.05], [0.1]])
    assert paired_against_best(values, test=paired_p).tied.tolist() == [False, False, True]
    middle = paired_against(values, 1, test=paired_p)
    assert middle.tied.tolist() == [False, True, False]
    assert middle.difference[0] > 0 > middle.difference[2]
    assert middle.low[0] > 0 > middle.high[2]


def test_tied_where_p_just_fails_or_the_interval_has_zero():
    # six equal differences: p = 1/32, ≤ 0.05 alone but not among three
    base = np.full(6, 0.8)
    assert paired_against_best([base + 0.1, base], test=paired_p).tied.tolist() == [True, False]
    three = paired_against_best([base + 0.1, base, base], test=paired_p)
    assert three.p_holm.tolist() == [1, 2 / 32, 2 / 32]
    assert three.tied.all()
    assert paired_against_best([base[:5] + 0.1, base[:5]], test=paired_p).tied.all()  # 1/16


def test_zero_within_the_interval_ties_although_p_is_small():
    values = [[0.9, 0.5, 0.9, 0.7], [0.8, 0.6, 0.8, 0.7], [0.1, 0.1, 0.1, 0.1]]
    found = paired_against_best(values, test=lambda _: 0.001)
    assert found.low[1] < 0 < found.high[1]
    assert found.tied.tolist() == [True, True, False]


def test_zero_at_the_end_of_the_interval_ties(monkeypatch):
    ends = {0.5: (0.5, 0.0, 1.0), -0.5: (-0.5, -1.0, 0.0), 0.0: (0.0, 0.0, 0.0)}
    monkeypatch.setattr("quantstudy.judge.statistics.paired.interval", lambda row: ends[row.mean()])
    touching = paired_against([[0.5, 0.5], [0.0, 0.0], [1.0, 1.0]], 0, test=lambda _: 0.001)
    assert (touching.low[1], touching.high[2]) == (0, 0)
    assert touching.tied.tolist() == [True, True, True]


def test_p_exactly_at_the_limit_tells_apart():
    values = [[0.9, 0.8] * 3, [0.2, 0.1] * 3]
    assert paired_against(values, 0, test=lambda _: 0.05).tied.tolist() == [True, False]
    assert paired_against(values, 0, test=lambda _: 0.0501).tied.tolist() == [True, True]


def test_another_test_is_given_the_finite_differences_in_their_order():
    given_rows = []

    def test(row):
        given_rows.append(row.tolist())
        return 0.01 * len(given_rows)

    values = [[0.5, 0.75, NAN, 1.0], [0.25, 0.25, 0.25, 0.25], [0.5, NAN, 0.5, 0.5]]
    found = paired_against(values, 0, test=test)
    assert given_rows == [[0.0, 0.0, 0.0], [0.25, 0.5, 0.75], [0.0, 0.5]]
    assert found.p.tolist() == [0.01, 0.02, 0.03]
    assert found.p_holm.tolist() == [1, 0.04, 0.04]


def test_twins_tie_exactly():
    values = normal(3, 16)
    values = np.concatenate([values, values[1:2]])
    found = paired_against(values, 1, test=paired_p)
    assert (found.difference[3], found.low[3], found.high[3], found.p[3], found.p_holm[3]) == (0, 0, 0, 1, 1)
    assert found.tied[3]
    chances = probability_of_best(values).probability
    assert chances[1] == chances[3] > 0
    intervals = mean_interval(values)
    assert (intervals.low[1], intervals.high[1]) == (intervals.low[3], intervals.high[3])


def test_all_equal_share_the_chances():
    assert probability_of_best(np.full((4, 16), 0.5)).probability.tolist() == [0.25] * 4
    found = paired_against_best(np.full((4, 16), 0.5), test=paired_p)
    assert found.tied.all()
    assert found.p.tolist() == [1] * 4


def test_chances_are_the_plain_loop_s():
    values = normal(3, 4, std=0.05).round(2)
    wins = [0.0] * 3
    for picks in resample_indices(4).tolist():
        sums = [sum(round(100 * row[i]) for i in picks) for row in values]  # whole numbers: ties are ties
        best = [i for i in range(3) if sums[i] == max(sums)]
        for i in best:
            wins[i] += 1 / len(best)
    assert probability_of_best(values).probability == pytest.approx(np.array(wins) / 10_000)


@few
@given(tables)
def test_chances_sum_to_one_whatever_is_added_to_all(values):
    found = probability_of_best(values)
    assert found.probability.sum() == pytest.approx(1)
    assert (found.seeds, found.missing) == (values.shape[1], 0)


def test_missing_values_are_dropped_by_pairs_and_counted():
    values = normal(3, 8)
    values[0, 1] = values[1, 2] = values[1, 3] = NAN
    found = paired_against(values, 0, test=paired_p)
    assert found.seeds.tolist() == [7, 5, 7]
    assert found.missing.tolist() == [1, 3, 1]
    kept = [0, 4, 5, 6, 7]
    assert found.difference[1] == pytest.approx((values[0, kept] - values[1, kept]).mean())
    assert found.p[1] == paired_p(values[0, kept] - values[1, kept])
    chances = probability_of_best(values)
    assert (chances.seeds, chances.missing) == (5, 3)
    assert chances.probability.tolist() == probability_of_best(values[:, kept]).probability.tolist()


def test_the_unmeasured_take_no_part():
    values = np.concatenate([normal(2, 8), np.full((1, 8), NAN)])
    chances = probability_of_best(values)
    assert chances.probability[:2].sum() == pytest.approx(1)
    assert np.isnan(chances.probability[2])
    assert chances.seeds == 8
    found = paired_against_best(values, test=paired_p)
    assert np.isnan(found.difference[2])
    assert found.p[2] == 1
    assert found.tied[2]
    assert np.isnan(mean_interval(values).mean[2])


def test_nothing_measured_at_all():
    values = np.full((2, 3), NAN)
    assert np.isnan(probability_of_best(values).probability).all()
    assert probability_of_best(values).seeds == 0
    assert paired_against_best(values, test=paired_p).tied.all()
    assert mean_interval(np.empty((2, 0))).seeds.tolist() == [0, 0]
    assert np.isnan(probability_of_best(np.empty((2, 0))).probability).all()


def test_whoever_beats_the_best_on_common_seeds_is_tied():
    best, other = np.full(8, 0.5), np.full(8, 0.6)
    best[7], other[7] = 5.0, NAN  # the highest mean comes from a seed that the other lacks
    found = paired_against_best([best, other], test=paired_p)
    assert found.reference == 0
    assert found.high[1] < 0
    assert found.tied.tolist() == [True, True]
    assert paired_against([best, other], 0, test=paired_p).tied.tolist() == [True, False]


def test_one_seed_tells_nothing():
    found = paired_against_best([[0.9], [0.1]], test=paired_p)
    assert found.difference == pytest.approx([0, 0.8])
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert found.p.tolist() == found.p_holm.tolist() == [1, 1]
    assert found.tied.all()
    assert np.isnan(probability_of_best([[0.9], [0.1]]).probability).all()


def test_two_seeds_are_never_told_apart():
    found = paired_against_best([[0.9, 0.91], [0.1, 0.2]], test=paired_p)
    assert found.p[1] == 0.5
    assert found.tied.all()
    assert 0 < found.low[1] < 0.71
    assert probability_of_best([[0.9, 0.91], [0.1, 0.2]]).probability.tolist() == [1, 0]


def test_one_activation():
    found = paired_against_best(normal(1, 16), test=paired_p)
    assert (found.reference, found.difference.tolist(), found.tied.tolist()) == (0, [0.0], [True])
    assert found.p_holm.tolist() == [1]
    assert probability_of_best(normal(1, 16)).probability.tolist() == [1]


FUNCTIONS = [mean_interval, probability_of_best, lambda values: paired_against_best(values, paired_p)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=["mean", "chances", "against"])
def test_other_shapes_are_refused(function):
    with pytest.raises(ValueError, match=r"^an array \[activations, seeds\] is needed, not one of shape \(3,\)$"):
        function([0.1, 0.2, 0.3])


def test_no_activation_is_refused():
    with pytest.raises(ValueError, match=r"^at least one activation is needed$"):
        paired_against_best(np.empty((0, 4)), test=paired_p)
    assert mean_interval(np.empty((0, 4))).mean.shape == (0,)
    assert probability_of_best(np.empty((0, 4))).probability.shape == (0,)


def test_ranking_is_stable_up_to_rounding():
    means = np.array([0.3, 0.3 + 4e-13, 0.9, NAN, 0.3 - 1e-11, 0.1 + 0.2])
    assert ranking_order(means[:, None]).tolist() == [2, 0, 1, 5, 4, 3]


def test_who_lacks_a_value_comes_after_all_that_have_theirs():
    values = np.array([[0.99, NAN, 0.99], [0.5, 0.5, 0.5], [NAN, NAN, NAN], [0.6, 0.6, 0.6], [1.0, np.inf, 0.9]])
    assert ranking_order(values).tolist() == [3, 1, 0, 4, 2]
    found = paired_against_best(values, test=paired_p)
    assert found.reference == 3
    assert found.tied[0]  # ahead at the seeds that both have, so no winner either


def test_the_same_values_give_the_same_bits():
    values = normal(3, 16)
    one, other = (
        paired_against_best(values, test=paired_p),
        paired_against_best(np.asfortranarray(values), test=paired_p),
    )
    assert one.low.tobytes() == other.low.tobytes()
    assert one.p.tobytes() == other.p.tobytes()

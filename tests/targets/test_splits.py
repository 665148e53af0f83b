import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantstudy.targets.splits import fifth, three_tenths


@pytest.mark.parametrize(("points", "held"), [(5, 1), (16, 3), (49, 9), (100, 20)])
def test_a_fifth_is_held_out_and_all_others_are_trained_on(points, held):
    trained, heldout = fifth([0, 3, 9], points)
    assert heldout.shape == (3, held)
    assert trained.shape == (3, points - held)
    assert trained.dtype == heldout.dtype == np.int32
    for one, other in zip(trained, heldout, strict=True):
        assert sorted([*one, *other]) == list(range(points))
        assert list(other) == sorted(other)


def test_every_seed_holds_out_others_and_always_the_same():
    trained, heldout = fifth(range(8), 100)
    assert len({tuple(row) for row in heldout.tolist()}) == 8
    assert np.array_equal(fifth([5], 100)[1][0], heldout[5])
    assert np.array_equal(fifth([5], 100)[0][0], trained[5])


def test_every_point_is_held_out_as_often():
    _, heldout = fifth(range(400), 20)
    counts = np.bincount(heldout.ravel(), minlength=20)
    assert counts.min() > 50  # 80 on average
    assert counts.max() < 115


@given(st.lists(st.integers(0, 3), min_size=4, max_size=60), st.integers(0, 50))
def test_three_tenths_of_every_group_are_held_out(groups, seed):
    groups = np.array([0, 0, *groups], np.int32)
    trained, heldout = three_tenths([seed, seed + 1], groups)
    for row in (0, 1):
        assert sorted([*trained[row], *heldout[row]]) == list(range(len(groups)))
        for group in set(groups.tolist()):
            size = int((groups == group).sum())
            assert (groups[heldout[row]] == group).sum() == max(1, int(0.3 * size + 0.5))


def test_rows_of_a_group_are_drawn_evenly():
    groups = np.array([0] * 10 + [1] * 10, np.int32)
    _, heldout = three_tenths(range(300), groups)
    counts = np.bincount(heldout.ravel(), minlength=20)
    assert heldout.shape == (300, 6)
    assert counts.min() > 60  # 90 on average
    assert counts.max() < 125

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.measure import label

from quantstudy.drift import topology as t

TINY = settings(max_examples=60, deadline=None, derandomize=True)


def flood(mask):
    """Islands as sets of pixels, by walking from pixel to pixel."""
    left = {(int(r), int(c)) for r, c in np.argwhere(mask)}
    islands = []
    while left:
        todo = [left.pop()]
        island = set(todo)
        while todo:
            r, c = todo.pop()
            for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if near in left:
                    left.remove(near)
                    island.add(near)
                    todo.append(near)
        islands.append(island)
    return islands


def slow_changes(x, y):
    one, two = ([i for i in flood(m) if len(i) >= 4] for m in (x, y))
    of_one = [sum(len(a & b) * 10 >= min(len(a), len(b)) for b in two) for a in one]
    of_two = [sum(len(a & b) * 10 >= min(len(a), len(b)) for a in one) for b in two]
    return (of_one.count(0), of_two.count(0), sum(n >= 2 for n in of_two), sum(n >= 2 for n in of_one))


def check(x, y):
    fast = t.island_changes(x, y)
    components = t.count_components(x)
    for at in np.ndindex(x.shape[:-2]):
        assert tuple(int(v[at]) for v in fast) == slow_changes(x[at], y[at])
        assert components[at] == len(flood(x[at])) == label(x[at], connectivity=1).max()
    for value in (*fast, components):
        assert value.shape == x.shape[:-2]
        assert value.dtype == np.int64


@st.composite
def masks(draw):
    n = draw(st.sampled_from([1, 2, 3, 5, 7]))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    return tuple(draw(hnp.arrays(np.bool_, (*lead, n, n))) for _ in range(2))


@TINY
@given(masks())
def test_against_flood_fill(case):
    check(*case)


@pytest.mark.parametrize("n", [1, 2, 5, 33])
@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_against_flood_fill_on_noise(n, smooth):
    rng = np.random.default_rng(n)
    x = ndimage.gaussian_filter(rng.standard_normal((4, n, n)), (0, smooth, smooth)) > 0
    y = ndimage.gaussian_filter(rng.standard_normal((4, n, n)), (0, smooth, smooth)) > 0
    check(x, y)
    check(x, x ^ (rng.random(x.shape) < 0.1))


def paint(*boxes, n=24):
    mask = np.zeros((n, n), bool)
    for rows, columns in boxes:
        mask[rows, columns] = True
    return mask


def changes(x, y):
    return tuple(int(v) for v in t.island_changes(x, y))


def test_lost_born_merged_split():
    left, right = (slice(0, 4), slice(0, 4)), (slice(0, 4), slice(8, 12))
    bridge = (slice(0, 1), slice(0, 12))
    two, none = paint(left, right), paint()
    joined = paint(left, right, bridge)
    assert changes(two, none) == (2, 0, 0, 0)
    assert changes(none, two) == (0, 2, 0, 0)
    assert changes(two, joined) == (0, 0, 1, 0)
    assert changes(joined, two) == (0, 0, 0, 1)
    assert changes(two, two) == (0, 0, 0, 0)
    assert changes(none, none) == (0, 0, 0, 0)
    assert changes(paint(left), paint(right)) == (1, 1, 0, 0)
    assert changes(~none, ~none) == (0, 0, 0, 0)


def test_islands_under_four_pixels_are_ignored():
    three, four = paint((slice(0, 1), slice(0, 3))), paint((slice(0, 1), slice(0, 4)))
    none = paint()
    assert changes(three, none) == (0, 0, 0, 0)
    assert changes(none, three) == (0, 0, 0, 0)
    assert changes(four, none) == (1, 0, 0, 0)
    assert changes(none, four) == (0, 1, 0, 0)
    assert changes(four, three) == (1, 0, 0, 0)  # a crumb is no partner
    assert changes(three, four) == (0, 1, 0, 0)


def test_a_tenth_of_the_smaller_island_is_enough():
    twenty = (slice(0, 2), slice(0, 10))
    other = paint((slice(1, 2), slice(8, 24)), (slice(2, 3), slice(10, 24)))  # 30 pixels, 2 shared
    assert changes(paint(twenty), other) == (0, 0, 0, 0)
    assert changes(other, paint(twenty)) == (0, 0, 0, 0)
    twenty_one = paint(twenty, (slice(2, 3), slice(0, 1)))
    assert changes(twenty_one, other) == (1, 1, 0, 0)  # 2 of 21 is less than a tenth
    assert changes(other, twenty_one) == (1, 1, 0, 0)


def test_diagonal_neighbours_are_not_connected():
    assert t.count_components(np.eye(5, dtype=bool)) == 5
    assert t.count_components(np.zeros((5, 5), bool)) == 0
    np.testing.assert_array_equal(t.count_components(np.ones((3, 2, 2), bool)), [1, 1, 1])


def test_measures_from_logits():
    x = np.where(paint((slice(0, 3), slice(0, 3))), 1.0, 0.0)  # exactly 0 is sea
    y = np.where(paint((slice(9, 12), slice(9, 12)), (slice(20, 23), slice(0, 3))), 1e-9, -1.0)
    measures = t.island_measures(x, y)
    assert {name: int(v) for name, v in measures.items()} == {
        "islands_lost": 1,
        "islands_born": 2,
        "islands_merged": 0,
        "islands_split": 0,
    }


def test_errors_name_the_field():
    with pytest.raises(ValueError, match=r"^y has shape \(3, 3\), but x has \(2, 2\)"):
        t.island_changes(np.zeros((2, 2), bool), np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match=r"^y has shape \(3, 3\), but x has \(2, 2\)"):
        t.island_measures(np.zeros((2, 2)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"^mask has shape \(3,\)"):
        t.count_components(np.zeros(3, bool))

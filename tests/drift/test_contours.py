import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from quantstudy.drift import contours as c
from quantstudy.drift.creases import crease_displacement, crease_measures, creases

TINY = settings(max_examples=40, deadline=None, derandomize=True)


def slow_distances(points, line):
    """Every point against every segment: no search at all."""
    best = np.full(len(points), np.inf)
    for start, end in [*enumerate(line.before), *enumerate(line.after)]:
        a, b = line.vertices[start], line.vertices[end]
        length = float((b - a) @ (b - a))
        t = np.clip((points - a) @ (b - a) / length, 0.0, 1.0) if length else np.zeros(len(points))
        best = np.minimum(best, np.hypot(*(points - a - t[:, None] * (b - a)).T))
    return best


def slow_displacement(one, two):
    if not len(one) or not len(two):
        return np.nan, np.nan
    pooled = np.concatenate([slow_distances(one.vertices, two), slow_distances(two.vertices, one)])
    return pooled.mean(), np.percentile(pooled, 95)


def column(at, n=16):
    """A map whose zero contour is the vertical line x = at; island to the right."""
    return np.tile(np.arange(float(n)) - at, (n, 1))


def disc(radius, n=33, centre=(16.0, 16.0)):
    y, x = np.indices((n, n), np.float64)
    return radius - np.hypot(x - centre[0], y - centre[1])


def test_an_open_line():
    line = c.contour(column(3.25, 5))
    order = np.argsort(line.vertices[:, 1])
    np.testing.assert_array_equal(line.vertices[order], [[3.25, y] for y in range(5)])
    ends = [i for i in range(5) if line.before[i] == i or line.after[i] == i]
    assert sorted(line.vertices[ends, 1]) == [0.0, 4.0]
    assert sum(line.before[i] == i for i in range(5)) == 1
    assert sum(line.after[i] == i for i in range(5)) == 1
    inner = [i for i in range(5) if i not in ends]
    assert all(line.after[line.before[i]] == i and line.before[line.after[i]] == i for i in inner)


def test_closed_lines_hold_each_vertex_once_and_go_round():
    both = np.maximum(disc(5.3, centre=(8.0, 8.0)), disc(4.2, centre=(24.0, 24.0)))
    line = c.contour(both)
    assert len(np.unique(line.vertices, axis=0)) == len(line)
    np.testing.assert_array_equal(line.before[line.after], np.arange(len(line)))
    np.testing.assert_array_equal(line.after[line.before], np.arange(len(line)))
    rounds = 0
    left = set(range(len(line)))
    while left:
        rounds += 1
        at = start = left.pop()
        while (at := int(line.after[at])) != start:
            left.remove(at)
    assert rounds == 2
    length = np.hypot(*(line.vertices[line.after] - line.vertices).T)
    assert length.min() > 0
    assert length.max() <= np.sqrt(2) + 1e-12
    assert length.sum() == pytest.approx(2 * np.pi * (5.3 + 4.2), rel=0.01)


def test_open_and_closed_lines_together():
    line = c.contour(np.maximum(disc(5.3), -column(2.5, 33)))
    assert sum(line.before == np.arange(len(line))) == 1
    assert sum(line.after == np.arange(len(line))) == 1
    check_links(line)


def check_links(line):
    """Neighbours are mutual, and no segment is longer than the diagonal of a pixel."""
    for i in range(len(line)):
        for there, back in ((line.after, line.before), (line.before, line.after)):
            assert there[i] == i or back[there[i]] == i
            assert np.hypot(*(line.vertices[there[i]] - line.vertices[i])) <= np.sqrt(2) + 1e-12


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_no_contour(level):
    for values in (np.full((4, 4), level), column(-99, 4), column(99, 4), np.array([[level + 5]]), np.zeros((1, 4))):
        line = c.contour(values, level)
        assert len(line) == 0
        assert line.vertices.shape == (0, 2)
    assert len(c.contour(column(1.5, 4) + level, level)) == 4


def test_values_at_the_level_count_as_below_it():
    plateau = np.maximum(column(5.0), 0.0)  # 0 up to column 5, then rising
    np.testing.assert_array_equal(np.unique(c.contour(plateau).vertices[:, 0]), [5.0])
    assert len(c.contour(-plateau)) == 0  # never above 0
    edge = np.minimum(column(5.0), 0.0)  # negative up to column 5, then 0
    assert len(c.contour(edge)) == 0
    assert len(c.contour(np.where(np.eye(4) > 0, 1.0, 0.0))) > 0  # the smallest value is the level


def test_a_level_is_a_shift():
    x = np.random.default_rng(0).integers(-4, 5, (9, 9)).astype(np.float32)
    np.testing.assert_array_equal(c.contour(x + 2, 2.0).vertices, c.contour(x, 0.0).vertices)


def test_maps_of_any_shape_and_order():
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 6))
    lines = c.contours(x, 0.25)
    assert len(lines) == 6
    for line, at in zip(lines, np.ndindex(2, 3), strict=True):
        np.testing.assert_array_equal(line.vertices, c.contour(x[at], 0.25).vertices)
    wide = np.tile(np.arange(7.0) - 2.5, (3, 1))
    np.testing.assert_array_equal(np.unique(c.contour(wide).vertices[:, 0]), [2.5])


@pytest.mark.parametrize("n", [2, 5, 33])
@pytest.mark.parametrize("smooth", [0.0, 1.5])
def test_distances_against_all_segments(n, smooth):
    for seed in range(6 if n < 33 else 2):
        rng = np.random.default_rng([n, seed])
        x, y = (ndimage.gaussian_filter(rng.standard_normal((n, n)), smooth) for _ in range(2))
        y = y if seed % 2 else np.round(y * 4) / 4
        one, two = c.contour(x), c.contour(y)
        check_links(one)
        expected = slow_displacement(one, two)
        np.testing.assert_allclose(c.displacement(one, two), expected, rtol=1e-9, atol=1e-12)
        measures = c.boundary_measures(x, y)
        got = (measures["boundary_displacement_mean"], measures["boundary_displacement_p95"])
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def crowded():
    """Two crossing lines far from a cluster: the nearest vertices are not those of the nearest segment."""
    many = np.stack([np.full(40, 10.0), np.linspace(0.0, 0.3, 40)], axis=1)
    vertices = np.concatenate([many, [[9.95, -0.6], [9.95, 0.7]]])
    before, after = np.arange(-1, 41), np.arange(1, 43)
    before[0], before[40], after[39], after[41] = 0, 40, 39, 41
    return c.Contour(vertices, before, after)


def test_the_search_widens_until_the_distance_is_exact():
    line = crowded()
    points = np.array([[9.0, 0.15], [9.0, 0.0], [20.0, 3.0], [10.0, 0.1], [9.97, 0.2]])
    np.testing.assert_allclose(c.distances(points, line), slow_distances(points, line), rtol=1e-12)
    assert c.distances(points, line)[0] == pytest.approx(0.95)


def test_distances_of_far_points_and_short_lines():
    line = c.contour(np.array([[-1.0, 1.0], [-1.0, 1.0]]))
    assert len(line) == 2
    points = np.array([[0.5, 0.5], [0.5, 2.0], [-3.0, -4.0], [2.5, 0.25]])
    np.testing.assert_allclose(c.distances(points, line), [0.0, 1.0, np.hypot(3.5, 4), 2.0], rtol=1e-14)
    assert c.distances(np.empty((0, 2)), line).shape == (0,)
    point = c.Contour(np.array([[1.0, 1.0]]), np.array([0]), np.array([0]))
    np.testing.assert_array_equal(c.distances(np.array([[4.0, 5.0]]), point), [5.0])


@TINY
@given(st.floats(1.0, 9.0), st.floats(0.01, 5.0))
def test_a_shifted_line_moves_by_its_shift(at, shift):
    moved = c.displacement(c.contour(column(at)), c.contour(column(at + shift)))
    np.testing.assert_allclose(moved, (shift, shift), rtol=1e-9)


def test_a_growing_disc_moves_by_the_difference_of_the_radii():
    mean, p95 = c.displacement(c.contour(disc(8.0)), c.contour(disc(10.5)))
    assert mean == pytest.approx(2.5, abs=0.05)
    assert 2.45 < p95 < 2.65


@TINY
@given(st.integers(0, 10**6))
def test_displacement_is_symmetric_and_zero_for_equal_maps(seed):
    x, y = np.random.default_rng(seed).integers(-2, 3, (2, 7, 7)).astype(np.float32)
    one, two = c.contour(x), c.contour(y)
    np.testing.assert_allclose(c.displacement(one, two), c.displacement(two, one), rtol=1e-9)
    if len(one):
        np.testing.assert_allclose(c.displacement(one, c.contour(x)), 0.0, atol=1e-7)
        assert c.displacement(one, two).mean >= 0 or not len(two)


def test_both_directions_are_pooled():
    line, far = c.contour(column(5.0)), c.contour(np.maximum(column(5.0), column(12.0) * -1.0 - 9.0))
    one_way = c.distances(line.vertices, far)
    other_way = c.distances(far.vertices, line)
    np.testing.assert_array_equal(c.pooled_distances(line, far), np.concatenate([one_way, other_way]))
    assert other_way.max() != one_way.max()


@pytest.mark.parametrize("n", [1, 2, 3, 20, 21, 41, 100])
def test_summaries_are_the_mean_and_numpys_95th_percentile(n):
    pooled = np.random.default_rng(n).random(n)
    summary = c.summarize(pooled)
    assert summary.mean == pytest.approx(pooled.mean())
    assert summary.p95 == pytest.approx(np.percentile(pooled, 95))
    assert isinstance(summary.p95, float)


def test_undefined_is_nan_and_never_zero():
    assert np.isnan(c.summarize(np.empty(0))).all()
    line, none = c.contour(column(5.0)), c.contour(-np.ones((16, 16)))
    for pair in ((line, none), (none, line), (none, none)):
        assert np.isnan(c.displacement(*pair)).all()
    x = np.stack([column(5.0), column(5.0), -np.ones((16, 16))])
    y = np.stack([column(5.5), np.ones((16, 16)), -np.ones((16, 16))])
    for name, value in c.boundary_measures(x, y).items():
        assert name.startswith("boundary_displacement_")
        np.testing.assert_allclose(value, [0.5, np.nan, np.nan])
    assert np.isnan(c.boundary_measures(np.ones((1, 1)), -np.ones((1, 1)))["boundary_displacement_mean"])


def test_boundary_measures_keep_the_leading_axes():
    shifts = np.arange(6.0).reshape(2, 3) / 4
    y = column(5.0) - shifts[..., None, None]
    measures = c.boundary_measures(np.broadcast_to(column(5.0), y.shape), y)
    np.testing.assert_allclose(measures["boundary_displacement_mean"], shifts, atol=1e-12)
    np.testing.assert_allclose(measures["boundary_displacement_p95"], shifts, atol=1e-12)


def test_errors_name_the_field():
    with pytest.raises(ValueError, match=r"^values has shape \(2, 3, 3\); a contour needs one map"):
        c.contour(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match=r"^values has shape \(3,\)"):
        c.contours(np.zeros(3))
    with pytest.raises(ValueError, match=r"^line has 0 vertices"):
        c.distances(np.zeros((1, 2)), c.contour(np.zeros((3, 3))))
    with pytest.raises(ValueError, match=r"^y has shape \(3, 3\), but x has \(2, 3, 3\)"):
        c.boundary_measures(np.zeros((2, 3, 3)), np.zeros((3, 3)))


def test_creases_are_pooled_over_the_bends():
    x, y = column(5.0), np.where(column(5.0) > 1.0, column(5.0) - 0.5, column(5.0))
    moved = creases(x, (-2.0, 3.0)), creases(y, (-2.0, 3.0))
    measures = crease_measures(*moved)
    assert measures["crease_displacement_mean"] == pytest.approx(0.25)  # one crease stays, the other moves by 0.5
    assert measures["crease_displacement_p95"] == pytest.approx(0.5)
    assert measures["crease_displacement_mean"].shape == ()
    only = crease_measures(creases(x, (3.0,)), creases(y, (3.0,)))
    assert only["crease_displacement_mean"] == pytest.approx(0.5)


def test_creases_keep_maps_and_bends_in_order():
    maps = np.stack([column(k) for k in (3.0, 4.0, 5.0, 6.0)]).reshape(2, 2, 16, 16)
    found = creases(maps, (0.0, 1.5))
    assert found.shape == (2, 2)
    where = [[np.unique(line.vertices[:, 0].round(9)).tolist() for line in lines] for lines in found.lines]
    assert where == [[[3.0], [4.5]], [[4.0], [5.5]], [[5.0], [6.5]], [[6.0], [7.5]]]
    shifted = creases(maps - np.array([[0.0, 0.25], [0.5, 1.0]])[..., None, None], (0.0, 1.5))
    measures = crease_measures(found, shifted)
    np.testing.assert_allclose(measures["crease_displacement_mean"], [[0.0, 0.25], [0.5, 1.0]], atol=1e-12)


def test_lost_born_and_missing_creases():
    x = column(5.0)  # -5 ... 10
    lines = {bend: c.contour(x, bend) for bend in (0.0, 2.0, 99.0)}
    none = lines[99.0]
    assert crease_displacement((lines[0.0], none), (lines[0.0], none)) == (0.0, 0.0)  # a bend neither reaches
    for pair in (((lines[0.0], none), (lines[0.0], lines[2.0])), ((lines[0.0], lines[2.0]), (none, lines[2.0]))):
        assert np.isnan(crease_displacement(*pair)).all()
    assert np.isnan(crease_displacement((none,), (none,))).all()


def test_smooth_activations_have_no_creases():
    smooth = creases(np.zeros((2, 3, 4, 4)), ())
    assert smooth.lines == ((),) * 6
    for value in crease_measures(smooth, smooth).values():
        assert value.shape == (2, 3)
        assert np.isnan(value).all()


def test_crease_errors():
    one, two = creases(np.zeros((2, 4, 4)), (0.0,)), creases(np.zeros((3, 4, 4)), (0.0,))
    with pytest.raises(ValueError, match=r"^y has shape \(3,\), but x has \(2,\); they must be the same"):
        crease_measures(one, two)
    with pytest.raises(ValueError, match=r"^y has bends \(1.0,\), but x has \(0.0,\); they must be the same"):
        crease_measures(one, creases(np.zeros((2, 4, 4)), (1.0,)))
    with pytest.raises(ValueError, match=r"^values has shape \(4,\)"):
        creases(np.zeros(4), (0.0,))

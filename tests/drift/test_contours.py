"""Contours and displacements against contourpy's lines and every point against every segment: no search, no grid."""

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from quantstudy.drift import contours as c

TINY = settings(max_examples=60, deadline=None, derandomize=True)


def slow_lines(values, level=0.0):
    """Vertices ``[V, 2]`` and segments ``[S, 2, 2]`` of one map; a closed line holds its first vertex once."""
    none = np.empty((0, 2)), np.empty((0, 2, 2))
    if min(values.shape) < 2 or not np.isfinite(values).all() or not values.min() <= level < values.max():
        return none
    lines = contour_generator(z=values.astype(np.float64), name="serial", line_type=LineType.Separate).lines(level)
    closed = [len(line) > 1 and (line[0] == line[-1]).all() for line in lines]
    vertices = [line[:-1] if ends else line for line, ends in zip(lines, closed, strict=True)]
    segments = [np.stack([line[:-1], line[1:]], axis=1) for line in lines]
    return np.concatenate(vertices), np.concatenate(segments)


def slow_distances(points, segments):
    best = np.full(len(points), np.inf)
    for a, b in segments:
        length = float((b - a) @ (b - a))
        t = np.clip((points - a) @ (b - a) / length, 0.0, 1.0) if length else np.zeros(len(points))
        best = np.minimum(best, np.hypot(*(points - a - t[:, None] * (b - a)).T))
    return best


def slow_displacement(x, y, levels=(0.0,)):
    """Mean and 95th percentile for one pair of maps."""
    pooled = []
    for level in levels:
        (one, one_segments), (two, two_segments) = slow_lines(x, level), slow_lines(y, level)
        if bool(len(one)) != bool(len(two)):
            return np.nan, np.nan
        if len(one):
            pooled += [slow_distances(one, two_segments), slow_distances(two, one_segments)]
    if not pooled:
        return np.nan, np.nan
    pooled = np.concatenate(pooled)
    return pooled.mean(), np.percentile(pooled, 95)


def displacement(x, y, levels=(0.0,)):
    return tuple(float(value) for value in c.displacement(c.contours(x, levels), c.contours(y, levels)))


def vertices(values, level=0.0):
    return c.contours(values, (level,)).lines.points


def column(at, n=16):
    """A map whose zero contour is the vertical line x = at; island to the right."""
    return np.tile(np.arange(float(n)) - at, (n, 1))


def disc(radius, n=33, centre=(16.0, 16.0)):
    y, x = np.indices((n, n), np.float64)
    return radius - np.hypot(x - centre[0], y - centre[1])


def in_order(rows):
    rows = np.asarray(rows)
    rows = rows.reshape(len(rows), int(np.prod(rows.shape[1:]))).round(9) + 0.0
    return rows[np.lexsort(rows.T)]


def assert_same_lines(values, level=0.0):
    lines = c.contours(values, (level,)).lines
    expected, segments = slow_lines(values, level)
    np.testing.assert_allclose(in_order(lines.points), in_order(expected), atol=2e-9)
    ours = lines.points[lines.ends[:, :2]]
    both = [np.stack([in_order(pair) for pair in part]) if len(part) else part for part in (ours, segments)]
    np.testing.assert_allclose(in_order(both[0]), in_order(both[1]), atol=2e-9)


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (7, 3), (8, 8), (33, 33)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_lines_are_contourpys(shape, dtype):
    for seed in range(12):
        rng = np.random.default_rng([*shape, seed])
        assert_same_lines(rng.standard_normal(shape).astype(dtype), 0.1)
        assert_same_lines(ndimage.gaussian_filter(rng.standard_normal(shape), 1.5).astype(dtype))


@TINY
@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(2, 9), st.sampled_from([-1.0, 0.0, 1.0, 0.5]))
def test_the_lines_are_contourpys_with_plateaus_and_saddles(seed, height, width, level):
    assert_same_lines(np.random.default_rng(seed).integers(-2, 3, (height, width)).astype(np.float32), level)


def test_an_open_line_and_closed_ones():
    assert in_order(vertices(column(3.25, 5))).tolist() == [[3.25, float(y)] for y in range(5)]
    both = np.maximum(disc(5.3, centre=(8.0, 8.0)), disc(4.2, centre=(24.0, 24.0)))
    lines = c.contours(both).lines
    assert len(np.unique(lines.points, axis=0)) == len(lines.points) == len(lines.ends)  # each vertex once
    length = np.hypot(*(lines.points[lines.ends[:, 0]] - lines.points[lines.ends[:, 1]]).T)
    assert 0 < length.min() <= length.max() <= np.sqrt(2) + 1e-12
    assert length.sum() == pytest.approx(2 * np.pi * (5.3 + 4.2), rel=0.01)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_no_contour(level):
    flat, beyond, pixel = np.full((4, 4), level), column(99, 4), np.array([[level + 5]])
    for values in (flat, column(-99, 4), beyond, pixel, np.zeros((1, 4)), np.full((3, 3), np.nan)):
        assert vertices(values, level).shape == (0, 2)
    assert len(vertices(column(1.5, 4) + level, level)) == 4
    for hole in (np.nan, np.inf, -np.inf):
        holed = column(1.5, 4)
        holed[2, 2] = hole
        assert vertices(holed).shape == (0, 2)


def test_values_at_the_level_count_as_below_it():
    plateau = np.maximum(column(5.0), 0.0)  # 0 up to column 5, then rising
    np.testing.assert_array_equal(np.unique(vertices(plateau)[:, 0]), [5.0])
    assert len(vertices(-plateau)) == 0  # never above 0
    assert len(vertices(np.minimum(column(5.0), 0.0))) == 0  # negative up to column 5, then 0
    assert len(vertices(np.where(np.eye(4) > 0, 1.0, 0.0))) > 0  # the smallest value is the level


@pytest.mark.parametrize("n", [2, 5, 33])
@pytest.mark.parametrize("smooth", [0.0, 1.5])
@pytest.mark.parametrize("levels", [(0.0,), (-0.4, 0.1, 0.5)])
def test_displacements_against_all_segments(n, smooth, levels):
    for seed in range(8 if n < 33 else 2):
        rng = np.random.default_rng([n, seed])
        x, y = (ndimage.gaussian_filter(rng.standard_normal((n, n)), smooth) for _ in range(2))
        y = y if seed % 2 else np.round(y * 4) / 4
        expected = slow_displacement(x, y, levels)
        np.testing.assert_allclose(displacement(x, y, levels), expected, rtol=1e-9, atol=1e-12)
        both = [np.stack([part, part[::-1]])[:, None] for part in (x, y)]
        batch = c.displacement(*(c.contours(part, levels) for part in both))
        assert batch[0].shape == (2, 1)
        second = slow_displacement(x[::-1], y[::-1], levels)
        np.testing.assert_allclose([value[1, 0] for value in batch], second, rtol=1e-9, atol=1e-12)


@TINY
@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(2, 8))
def test_displacements_of_maps_with_plateaus(seed, height, width):
    x, y = np.random.default_rng(seed).integers(-2, 3, (2, height, width)).astype(np.float32)
    np.testing.assert_allclose(displacement(x, y), slow_displacement(x, y), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(displacement(x, y), displacement(y, x), rtol=1e-9, atol=1e-9)
    if len(vertices(x)):
        np.testing.assert_allclose(displacement(x, x), 0.0, atol=1e-7)


@TINY
@given(st.floats(1.0, 9.0), st.floats(0.01, 5.0))
def test_a_shifted_line_moves_by_its_shift(at, shift):
    np.testing.assert_allclose(displacement(column(at), column(at + shift)), (shift, shift), rtol=1e-9)


def test_a_growing_disc_moves_by_the_difference_of_the_radii():
    mean, p95 = displacement(disc(8.0), disc(10.5))
    assert mean == pytest.approx(2.5, abs=0.05)
    assert 2.45 < p95 < 2.65


def test_lines_far_apart():
    near, far = disc(1.2, 128, (3.0, 3.0)), disc(2.4, 128, (120.0, 100.0))
    np.testing.assert_allclose(displacement(near, far), slow_displacement(near, far), rtol=1e-9)


def test_undefined_is_nan_and_never_zero():
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


def creases(x, y, bends):
    return c.crease_measures(c.contours(x, bends), c.contours(y, bends))


def test_creases_are_pooled_over_the_bends():
    x, y = column(5.0), np.where(column(5.0) > 1.0, column(5.0) - 0.5, column(5.0))
    measures = creases(x, y, (-2.0, 3.0))
    assert measures["crease_displacement_mean"] == pytest.approx(0.25)  # one crease stays, the other moves by 0.5
    assert measures["crease_displacement_p95"] == pytest.approx(0.5)
    assert measures["crease_displacement_mean"].shape == ()
    assert creases(x, y, (3.0,))["crease_displacement_mean"] == pytest.approx(0.5)


def test_creases_keep_maps_in_order():
    maps = np.stack([column(k) for k in (3.0, 4.0, 5.0, 6.0)]).reshape(2, 2, 16, 16)
    shift = np.array([[0.0, 0.25], [0.5, 1.0]])
    measures = creases(maps, maps - shift[..., None, None], (0.0, 1.5))
    np.testing.assert_allclose(measures["crease_displacement_mean"], shift, atol=1e-12)


def test_lost_born_and_missing_creases():
    x, beyond = column(5.0), column(5.0) / 4  # -5 … 10 and a quarter of it
    assert displacement(x, x, (0.0, 99.0)) == (0.0, 0.0)  # a bend neither reaches
    for one, two in ((x, beyond), (beyond, x)):
        assert np.isnan(displacement(one, two, (0.0, 4.0))).all()
    assert np.isnan(displacement(x, x, (99.0,))).all()


def test_smooth_activations_have_no_creases():
    for value in creases(np.zeros((2, 3, 4, 4)), np.zeros((2, 3, 4, 4)), ()).values():
        assert value.shape == (2, 3)
        assert np.isnan(value).all()


def test_errors_name_the_field():
    with pytest.raises(ValueError, match=r"^values has shape \(3,\)"):
        c.contours(np.zeros(3))
    with pytest.raises(ValueError, match=r"^y has shape \(3, 3\), but x has \(2, 3, 3\)"):
        c.boundary_measures(np.zeros((2, 3, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"^y has shape \(3, 4, 4\), but x has \(2, 4, 4\); they must be the same"):
        creases(np.zeros((2, 4, 4)), np.zeros((3, 4, 4)), (0.0,))
    one, two = c.contours(np.zeros((2, 4, 4)), (0.0,)), c.contours(np.zeros((2, 4, 4)), (1.0,))
    with pytest.raises(ValueError, match=r"^y has levels \(1.0,\), but x has \(0.0,\); they must be the same"):
        c.crease_measures(one, two)

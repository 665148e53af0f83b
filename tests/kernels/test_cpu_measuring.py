"""The kernels of measuring, each against a slow version: scipy's labels, contourpy's lines, numpy's sums and counts."""

import numpy as np
import pytest
from contourpy import LineType, contour_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from quantstudy_kernels.cpu import folds
from quantstudy_kernels.cpu.codes import count_codes
from quantstudy_kernels.cpu.contours import level_lines
from quantstudy_kernels.cpu.distances import displacements
from quantstudy_kernels.cpu.islands import compare_regions, count_regions
from scipy import ndimage

TINY = settings(max_examples=50, deadline=None, derandomize=True)
SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)
FEW = st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0])  # plateaus, saddles, values at the levels


@TINY
@given(hnp.arrays(np.float64, SHAPES, elements=FEW))
def test_regions_are_scipys(maps):
    levels = np.array([-0.5, 0.0, 0.3])
    expected = [[ndimage.label(one > level)[1] for level in levels] for one in maps]
    np.testing.assert_array_equal(count_regions(maps, levels), expected)


@TINY
@given(SHAPES.flatmap(lambda shape: hnp.arrays(np.bool_, (2, *shape))))
def test_shared_pixels_are_those_of_scipys_labels(masks):
    found = compare_regions(*masks)
    sizes, maps, shared = [[], []], [[], []], {}
    for m, both in enumerate(zip(*masks, strict=True)):
        before = [len(one) for one in sizes]
        labels = [ndimage.label(mask)[0] for mask in both]
        for side, label in enumerate(labels):
            sizes[side] += np.bincount(label.ravel())[1:].tolist()
            maps[side] += [m] * label.max()
        for i, j in zip(*(label.ravel() for label in labels), strict=True):
            if i and j:
                pair = (before[0] + i - 1, before[1] + j - 1)
                shared[pair] = shared.get(pair, 0) + 1
    assert [one.tolist() for one in found.sizes] == sizes
    assert [one.tolist() for one in found.maps] == maps
    assert dict(zip(map(tuple, found.pairs.tolist()), found.shared.tolist(), strict=True)) == shared


VALUES = st.floats(-20, 20, width=32) | st.sampled_from([0.5, 1.5, -0.5, 2.5])  # ties of a step of 1


@TINY
@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 5000)), elements=VALUES, fill=VALUES),
    st.sampled_from([(-8, 7), (-128, 127), (0, 1)]),
    st.sampled_from([0.1, 1.0]),
)
def test_codes_are_counted(values, ends, step):
    scale, zero = np.full(len(values), step, np.float32), np.arange(len(values), dtype=np.float32)
    counts, clamped, finite = count_codes(values, scale, zero, *ends)
    free = np.rint(values * (np.float32(1) / scale)[:, None]) + zero[:, None]
    codes = np.clip(free, *ends)
    assert finite.all()
    np.testing.assert_array_equal(clamped, (free != codes).sum(axis=1))
    for row, network in zip(counts, codes, strict=True):
        np.testing.assert_array_equal(row, [(network == code).sum() for code in range(ends[0], ends[1] + 1)])


@pytest.mark.parametrize("stray", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("at", [0, 4095, 4096, 5000])
def test_values_that_are_not_finite_are_told_and_do_not_touch_the_others(stray, at):
    values = np.zeros((2, 5001), np.float32)
    values[0, at] = stray
    counts, _, finite = count_codes(values, np.ones(2, np.float32), np.zeros(2, np.float32), -8, 7)
    assert finite.tolist() == [False, True]
    assert counts[1].tolist() == [0] * 8 + [5001] + [0] * 7


def slow_counts(values, low, high):
    counts = np.zeros(folds.BINS + 2, np.int64)
    if low < high < np.inf and np.isfinite(values).all():
        width = (high - low) / folds.BINS
        inside = values[(values >= low) & (values <= high)]
        counts[0], counts[-1] = (values < low).sum(), (values > high).sum()
        for value in inside:
            counts[1 + min(int((value - low) / width), folds.BINS - 1)] += 1
    return counts


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 7, 64, 1001])
def test_sums_of_folds(dtype, n):
    rng = np.random.default_rng(n)
    x, y = rng.integers(-40, 41, (2, 5, n)).astype(dtype) / 8  # on no edge of a bin but where all are
    y[1], x[2], y[3, 0] = x[1], 0.5, np.inf
    lo, hi = np.array([-1.0, -99.0, -1.0, -1.0, np.nan]), np.array([1.0, 99.0, 1.0, 1.0, 1.0])
    of_x = folds.histogram(x)
    found = folds.fold_sums(x, y, of_x, lo, hi)
    u, v = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(invalid="ignore"):
        outside = np.where((u < lo[:, None]) | (u > hi[:, None]), (u - v) ** 2, 0).sum(axis=1)
        expected = [u**2, (u - v) ** 2, u * v, v**2, np.abs(u - v)]
    for name, per_pixel in zip(("signal", "noise", "product", "quantized", "absolute"), expected, strict=True):
        np.testing.assert_allclose(getattr(found, name), per_pixel.sum(axis=1), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(found.clipped, np.where(np.isnan(lo + hi), np.nan, outside), rtol=1e-12)
    np.testing.assert_array_equal([of_x.low, of_x.high], [u.min(axis=1), u.max(axis=1)])
    np.testing.assert_array_equal([found.low, found.high], [v.min(axis=1), v.max(axis=1)])
    for k in range(5):
        low, high = u[k].min(), u[k].max()
        np.testing.assert_array_equal(of_x.counts[k], slow_counts(u[k], low, high))
        np.testing.assert_array_equal(found.counts[k], slow_counts(v[k], low, high))


def test_a_fold_that_holds_nan_has_no_range_and_no_histogram():
    x = np.array([[0.0, np.nan, 1.0], [0.0, 0.5, 1.0]], np.float32)
    of_x = folds.histogram(x)
    assert np.isnan(of_x.low).tolist() == np.isnan(of_x.high).tolist() == [True, False]
    assert of_x.counts.sum(axis=1).tolist() == [0, 3]


LEVELS = (-0.5, 0.0, 0.3)


def slow_lines(one, level):
    """Vertices and segments of one map at one level; a closed line holds its first vertex once."""
    if min(one.shape) < 2 or not one.min() <= level < one.max():
        return np.empty((0, 2)), np.empty((0, 2, 2))
    lines = contour_generator(z=one, name="serial", line_type=LineType.Separate).lines(level)
    vertices = [line[:-1] if len(line) > 1 and (line[0] == line[-1]).all() else line for line in lines]
    return np.concatenate(vertices), np.concatenate([np.stack([line[:-1], line[1:]], axis=1) for line in lines])


def either_way(segments):
    """Segments [segments, 2, 2] and their reverse, so that it doesn't matter where they begin."""
    return np.concatenate([segments, segments[:, ::-1]])


def ordered(points):
    return sorted(str((point.round(9) + 0.0).tolist()) for point in points)


@TINY
@given(hnp.arrays(np.float64, SHAPES, elements=FEW), st.sampled_from([np.float32, np.float64]))
def test_lines_are_contourpys(maps, dtype):
    found = level_lines(maps.astype(dtype), LEVELS)
    for q in range(len(maps) * len(LEVELS)):
        (v0, s0), (v1, s1) = found.starts[q : q + 2]
        vertices, segments = slow_lines(maps[q // len(LEVELS)], LEVELS[q % len(LEVELS)])
        assert ordered(found.points[v0:v1]) == ordered(vertices)
        assert ordered(either_way(found.points[found.ends[s0:s1, :2]])) == ordered(either_way(segments))
        assert ((found.ends[s0:s1, :2] >= v0) & (found.ends[s0:s1, :2] < v1)).all()


@pytest.mark.parametrize("n", [2, 9, 40])
@pytest.mark.parametrize("levels", [(0.0,), LEVELS])
def test_displacements_are_distances_to_every_segment(n, levels):
    rng = np.random.default_rng(n)
    x = ndimage.gaussian_filter(rng.standard_normal((6, n, n)), (0, 1, 1))
    y = x + 0.1 * ndimage.gaussian_filter(rng.standard_normal((6, n, n)), (0, 1, 1))
    y[0], x[1] = -9.0, y[1]  # lost; unmoved
    found = displacements(level_lines(x, levels), level_lines(y, levels), len(levels), n, n)
    for row, one, two in zip(found, x, y, strict=True):
        pooled, lost = [], False
        for level in levels:
            lines = slow_lines(one, level), slow_lines(two, level)
            lost |= bool(len(lines[0][0])) != bool(len(lines[1][0]))
            for (points, _), (_, segments) in (lines, lines[::-1]):
                pooled += [nearest(point, segments) for point in points if len(segments)]
        expected = (np.mean(pooled), np.percentile(pooled, 95)) if pooled and not lost else (np.nan, np.nan)
        np.testing.assert_allclose(row, expected, atol=1e-9)
    assert np.isnan(found[0]).all()
    assert np.nan_to_num(found[1]).tolist() == [0, 0]


def nearest(point, segments):
    """Distance of one point from the nearest of segments [segments, 2, 2]."""
    start, step = segments[:, 0], segments[:, 1] - segments[:, 0]
    square = (step**2).sum(axis=1)
    along = ((point - start) * step).sum(axis=1) / np.where(square > 0, square, 1.0)
    return np.hypot(*(point - start - np.clip(along, 0, 1)[:, None] * step).T).min()

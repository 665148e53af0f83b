import numpy as np
import pytest

from quantstudy.drift.arrays import blocks, per_map, planes, ratio


def test_ratio_is_nan_only_where_the_denominator_is_zero():
    out = ratio([1, 0, 0, -3], [2, 0, 5, np.inf])
    np.testing.assert_array_equal(out, [0.5, np.nan, 0.0, -0.0])
    assert out.dtype == np.float64
    assert np.isnan(ratio(1.0, 0.0))
    assert np.isnan(ratio(1.0, np.nan))
    np.testing.assert_array_equal(ratio(np.ones((2, 1)), np.array([1.0, 4.0])), [[1.0, 0.25]] * 2)


def test_planes_flattens_row_major():
    (flat,) = planes(x=np.arange(12).reshape(2, 2, 3))
    np.testing.assert_array_equal(flat, np.arange(12).reshape(2, 6))
    assert [p.shape for p in planes(x=np.zeros((1, 1)), y=np.zeros((1, 1)))] == [(1,), (1,)]
    assert planes(x=np.zeros((0, 2, 2)))[0].shape == (0, 4)


@pytest.mark.parametrize("shape", [(), (4,), (2, 0, 0), (0, 3), (3, 0)])
def test_planes_refuses_what_is_no_map(shape):
    with pytest.raises(ValueError, match=r"^weird has shape \(.*\); a map needs \[\.\.\., N, N\]"):
        planes(weird=np.zeros(shape))


def test_planes_names_both_fields_of_a_mismatch():
    with pytest.raises(ValueError, match=r"^z has shape \(2, 3\), but x has \(2, 2\); they must be the same"):
        planes(x=np.zeros((2, 2)), y=np.zeros((2, 2)), z=np.zeros((2, 3)))


def test_per_map():
    assert np.isnan(per_map("step", None, (2,))).all()
    assert per_map("step", None, (2,)).shape == (2,)
    np.testing.assert_array_equal(per_map("step", 2, (2, 2)), np.full((2, 2), 2.0))
    with pytest.raises(ValueError, match=r"^step has shape \(3,\); it must broadcast to the maps' \(2,\)"):
        per_map("step", np.zeros(3), (2,))


@pytest.mark.parametrize(("maps", "pixels"), [(0, 4), (1, 1), (9, 1 << 14), (16, 1 << 14), (17, 1 << 14), (2, 1 << 20)])
def test_blocks_cover_everything_once(maps, pixels):
    cut = blocks(maps, pixels)
    assert len(cut) >= 1
    covered = [i for block in cut for i in range(maps)[block]]
    assert covered == list(range(maps))
    size = max(1, (1 << 16) // pixels)
    assert len(cut) == max(1, -(-maps // size))

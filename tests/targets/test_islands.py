import hashlib

import numpy as np
import pytest
from noise import pnoise2, pnoise3

from quantstudy.targets import islands
from quantstudy.targets.islands import (
    field,
    island_mask,
    island_masks,
    islands_beyond,
    moving_field,
    moving_masks,
    pixel_centres,
    plane,
)
from quantstudy.targets.randomness import stream


def test_pixel_centres_by_hand():
    assert pixel_centres(1).tolist() == [0.0]
    assert pixel_centres(2).tolist() == [-0.5, 0.5]
    assert pixel_centres(5).tolist() == pytest.approx([-0.8, -0.4, 0.0, 0.4, 0.8])
    assert pixel_centres(4).dtype == np.float32


@pytest.mark.parametrize("grid", [4, 7, 128])
def test_pixel_centres_are_half_a_pixel_from_both_edges(grid):
    centres = pixel_centres(grid)
    assert centres[0] == pytest.approx(-1 + 1 / grid, abs=1e-7)
    np.testing.assert_allclose(np.diff(centres), 2 / grid, atol=2e-7)
    np.testing.assert_allclose(centres, -centres[::-1], atol=1e-7)


def test_the_plane_is_row_major_y_then_x_and_its_first_row_is_the_lowest_y():
    made = plane(3)
    low, high = np.float32(-2 / 3), np.float32(2 / 3)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[0], [low, 0, high] * 3, atol=1e-7)  # x along columns
    np.testing.assert_allclose(made[1], [low] * 3 + [0] * 3 + [high] * 3, atol=1e-7)  # y along rows


def slow_field(seed: int, grid: int, frequency: float) -> np.ndarray:
    """The definition, pixel by pixel: `frequency` noise cells along a side, at the seed's offset."""
    offset = stream(seed, "mask").uniform(0, 256, size=2)
    out = np.empty((grid, grid))
    for row in range(grid):
        for column in range(grid):
            x, y = ((2 * index + 1) / grid - 1 for index in (column, row))
            u, v = (x + 1) / 2 * frequency, (y + 1) / 2 * frequency
            out[row, column] = pnoise2(offset[0] + u, offset[1] + v)
    return out


@pytest.mark.parametrize(("seed", "grid", "frequency"), [(0, 9, 3.0), (1, 8, 1.0), (12345, 6, 5.5)])
def test_the_field_is_that_of_the_obvious_loops(seed, grid, frequency):
    fast = field(seed, grid, frequency)
    assert fast.shape == (grid, grid)
    np.testing.assert_allclose(fast, slow_field(seed, grid, frequency), atol=2e-5)  # noise computes in float32
    assert not np.allclose(fast, fast.T, atol=1e-3)


def test_a_flat_row_of_the_noise_lattice_is_where_the_frequency_puts_it():
    """Perlin noise is 0 at the corners of its cells: with an offset of whole cells, at multiples of 1/frequency."""
    assert pnoise2(3.0, 5.0) == 0.0
    coarse, fine = field(4, 16, 2.0), field(4, 32, 4.0)
    # twice the cells on twice the pixels: the first quarter of the plane shows the same noise
    np.testing.assert_allclose(fine[:16, :16], coarse, atol=2e-5)


@pytest.mark.parametrize("seed", range(20))
def test_offsets_are_within_one_period_and_one_per_seed(seed):
    x, y = stream(seed, "mask").uniform(0.0, 256.0, size=2)
    assert 0 <= x < 256
    assert 0 <= y < 256
    assert x != y
    # the field starts half a pixel from the offset
    first = pnoise2(x + 3 / 2 / 7, y + 3 / 2 / 7)
    assert field(seed, 7, 3.0)[0, 0] == pytest.approx(first, abs=2e-5)


@pytest.mark.parametrize("grid", [8, 16, 9, 15])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_half_of_the_plane_is_island(seed, grid):
    mask = island_mask(seed, grid, 3.0)
    assert mask.dtype == np.bool_
    assert mask.shape == (grid, grid)
    assert mask.sum() == grid * grid // 2  # of an odd number of pixels the median itself is sea


def test_islands_are_where_the_field_is_high():
    values, mask = field(5, 12, 3.0), island_mask(5, 12, 3.0)
    assert values[mask].min() > values[~mask].max()


def test_masks_of_several_seeds_are_those_of_each_and_differ():
    masks = island_masks(range(12), 10, 3.0)
    assert masks.shape == (12, 10, 10)
    assert masks.dtype == np.bool_
    for seed in (0, 5, 11):
        assert np.array_equal(masks[seed], island_mask(seed, 10, 3.0))
    assert np.array_equal(island_masks([7, 3], 10, 3.0), masks[[7, 3]])
    agreement = [(masks[a] == masks[b]).mean() for a in range(12) for b in range(a)]
    assert max(agreement) < 0.9
    assert 0.4 < np.mean(agreement) < 0.6


def test_frequency_changes_the_mask():
    assert not np.array_equal(island_mask(0, 16, 3.0), island_mask(0, 16, 6.0))
    runs = [np.abs(np.diff(island_masks(range(8), 32, f).astype(int), axis=-1)).sum() for f in (1.0, 3.0, 6.0)]
    assert runs[0] < runs[1] < runs[2]  # more cells, more coast


def test_two_processes_draw_the_same_masks(python):
    code = (
        "import hashlib\nfrom quantstudy.targets.islands import island_masks\n"
        "print(hashlib.sha256(island_masks(range(4), 24, 3.0).tobytes()).hexdigest())"
    )
    here = hashlib.sha256(island_masks(range(4), 24, 3.0).tobytes()).hexdigest()
    assert {python(code, PYTHONHASHSEED="1").strip(), python(code, PYTHONHASHSEED="2").strip()} == {here}


def test_base_is_never_passed(monkeypatch):
    def strict(x, y):
        return pnoise2(x, y)

    expected = field(0, 6, 3.0)
    monkeypatch.setattr(islands, "pnoise2", strict)
    assert np.array_equal(field(0, 6, 3.0), expected)


@pytest.mark.parametrize(("seed", "grid", "margin"), [(0, 16, 8), (3, 7, 2), (5, 128, 64)])
def test_beyond_the_plane_the_same_field_goes_on(seed, grid, margin):
    wide, inner = field(seed, grid, 3.0, margin), slice(margin, margin + grid)
    assert wide.shape == (grid + 2 * margin,) * 2
    assert np.array_equal(wide[inner, inner], field(seed, grid, 3.0))
    centres = pixel_centres(grid, margin)
    assert np.array_equal(centres[inner], pixel_centres(grid))
    np.testing.assert_allclose(np.diff(centres), 2 / grid, atol=3e-7)
    inside = np.abs(plane(grid, margin)).max(axis=0) < 1.0
    assert np.array_equal(plane(grid, margin)[:, inside], plane(grid))


def test_beyond_the_plane_the_water_stands_as_high_as_within():
    level = np.median(field(2, 12, 3.0))
    beyond = islands_beyond(2, 12, 3.0, 6)
    assert np.array_equal(beyond, field(2, 12, 3.0, 6) > level)
    assert np.array_equal(beyond[6:18, 6:18], island_mask(2, 12, 3.0))
    assert beyond.dtype == np.bool_
    assert beyond.mean() != 0.5


@pytest.mark.parametrize("border", [0.0, 256.0, 1024.0])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_noise_goes_on_across_zero_and_across_its_period(border, axis):
    """Offsets are anywhere in [0, 256): a field that began again there would have a coast along a straight line."""
    offsets = np.linspace(-1.5, 1.5, 601)
    place = [0.37, 0.41, 0.43]
    for noise, dimensions in ((pnoise2, 2), (pnoise3, 3)):
        if axis < dimensions:
            found = [noise(*(border + o if k == axis else place[k] for k in range(dimensions))) for o in offsets]
            around = np.abs(np.diff(found))
            assert around.max() < 0.03  # a step is 0.005 cells
            assert np.ptp(found) > 0.1
            again = [noise(*(256.0 + o if k == axis else place[k] for k in range(dimensions))) for o in offsets]
            np.testing.assert_allclose(found, again, atol=2e-4)  # noise computes in float32


def slow_moving_field(seed: int, grid: int, frequency: float, time: float) -> np.ndarray:
    offset = stream(seed, "moving").uniform(0, 256, size=3)
    out = np.empty((grid, grid))
    for row in range(grid):
        for column in range(grid):
            u, v = (((2 * index + 1) / grid) / 2 * frequency for index in (column, row))
            out[row, column] = pnoise3(offset[0] + u, offset[1] + v, offset[2] + time)
    return out


@pytest.mark.parametrize(("seed", "grid", "frequency", "time"), [(0, 9, 3.0, 0.0), (7, 6, 2.0, 0.96)])
def test_the_moving_field_is_that_of_the_obvious_loops(seed, grid, frequency, time):
    np.testing.assert_allclose(
        moving_field(seed, grid, frequency, time), slow_moving_field(seed, grid, frequency, time), atol=5e-5
    )


def test_islands_move_by_a_little_in_a_little_time_and_are_others_after_two_cells():
    start = moving_masks(range(8), 32, 3.0, 0.0, 0.5)
    shares = [(moving_masks(range(8), 32, 3.0, time, 0.5) != start).mean() for time in (0.0, 0.02, 0.08, 2.0)]
    assert shares[0] == 0.0
    assert 0.0 < shares[1] < shares[2] < 0.15
    assert shares[3] > 0.35
    assert not np.array_equal(start[0], start[1])
    assert not np.array_equal(start, island_masks(range(8), 32, 3.0))


@pytest.mark.parametrize("level", [0.35, 0.5, 0.65])
def test_the_level_is_the_share_of_the_sea(level):
    masks = moving_masks([3, 4], 20, 3.0, 0.3, level)
    assert masks.shape == (2, 20, 20)
    np.testing.assert_allclose(masks.mean(axis=(1, 2)), 1 - level, atol=1 / 400)
    assert not (masks & ~moving_masks([3, 4], 20, 3.0, 0.3, level - 0.1)).any()  # lower water uncovers, only

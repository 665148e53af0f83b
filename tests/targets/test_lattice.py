import numpy as np
import pytest

from quantstudy.targets import islands, lattice
from quantstudy.targets.lattice import plane, rectangle, two_classes


def test_the_islands_have_the_same_points():
    for name in ("plane", "heldout_plane", "pixel_centres", "heldout_centres"):
        assert getattr(islands, name) is getattr(lattice, name)


@pytest.mark.parametrize("side", [1, 2, 3, 7, 64, 127])
def test_a_square_rectangle_is_the_plane(side):
    assert rectangle(side, side).tobytes() == plane(side).tobytes()


def test_a_rectangle_by_hand():
    x, y = rectangle(2, 4)
    assert x.tolist() == [-0.75, -0.25, 0.25, 0.75] * 2
    assert y.tolist() == [-0.25] * 4 + [0.25] * 4  # lowest y first, pixels as high as wide
    assert np.array_equal(rectangle(4, 2)[1], np.repeat(np.float32([-0.75, -0.25, 0.25, 0.75]), 2))
    assert rectangle(3, 5).dtype == np.float32


def test_a_figure_is_asked_at_pixels_and_at_their_corners():
    asked = []

    def inside(seed, x, y):
        asked.append((seed, x.dtype, len(x)))
        return x > y + seed

    data = two_classes(inside, [0, 1], 4, ("out", "in"))
    assert set(asked) == {(seed, np.dtype(np.float64), 16) for seed in (0, 1)}
    x, y = plane(4)
    assert np.array_equal(data.measured.labels, [x > y, x > y + 1])
    x, y = lattice.heldout_plane(4)
    assert np.array_equal(data.heldout.labels, [x > y, x > y + 1])
    assert (data.plane, data.classes, data.outputs, data.trained) == ((4, 4), ("out", "in"), 1, None)

"""Digits and textures: what scikit-learn and scikit-image ship, against their own ways to it."""

import math
import re

import numpy as np
import pytest

from quantstudy.errors import BadInput
from quantstudy.targets import texture
from quantstudy.targets.catalogue import TARGETS
from quantstudy.targets.lattice import plane
from quantstudy.targets.splits import fifth, three_tenths


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    data = TARGETS["digits"].make([0, 1], grid=4, frequency=1.0)
    trained, heldout = three_tenths([0, 1], labels.astype(np.int32))
    assert data.measured.inputs.shape == (1, 64, 1797)
    assert data.training.inputs.shape == (2, 64, 1258)
    assert data.heldout.inputs.shape == (2, 64, 539)
    for seed in (0, 1):
        assert np.array_equal(data.training.inputs[seed], images[trained[seed]].T.astype(np.float32) / 16)
        assert np.array_equal(data.heldout.inputs[seed], images[heldout[seed]].T.astype(np.float32) / 16)
        assert np.array_equal(data.heldout.labels[seed], labels[heldout[seed]])
    assert data.classes == tuple("0123456789")
    assert (data.outputs, data.inputs[0], data.inputs[9]) == (10, "pixel 0,0", "pixel 1,1")
    assert (data.scale == 16).all()
    counts = np.bincount(data.heldout.labels[0])
    assert abs(counts / np.bincount(labels) - 0.3).max() < 0.01


def test_photographs_are_those_of_scikit_image():
    from PIL import Image
    from skimage import data as shipped

    for name, picture in zip(texture.PHOTOGRAPHS, texture.photographs(), strict=True):
        assert np.array_equal(picture, getattr(shipped, name)())
        assert min(picture.shape[:2]) >= texture.LARGEST
    assert min(min(picture.shape[:2]) for picture in texture.photographs()) == texture.LARGEST
    assert Image.MAX_IMAGE_PIXELS is not None


@pytest.mark.parametrize("seed", range(4))
def test_a_texture_is_a_piece_of_a_photograph_upside_down_in_memory(seed):
    grid = 32
    data = TARGETS["texture"].make([seed], grid=grid, frequency=1.0)
    colours = np.rint((data.measured.labels[0] + 1) * 127.5).astype(np.uint8)
    picture = colours.T.reshape(grid, grid, 3)[::-1]
    windows = [
        np.lib.stride_tricks.sliding_window_view(photograph, (grid, grid, 3))[:, :, 0]
        for photograph in texture.photographs()
    ]
    assert any((window == picture).all(axis=(2, 3, 4)).any() for window in windows)


def test_pieces_are_drawn_from_all_photographs_and_none_is_plain():
    pieces = [texture.crop(seed, 8) for seed in range(60)]
    assert min(int(piece.max()) - int(piece.min()) for piece in pieces) >= texture.PLAIN
    assert len({piece.tobytes() for piece in pieces}) == 60


def test_pieces_reach_every_border():
    whole = texture.crop(0, texture.LARGEST)
    assert whole.shape == (300, 300, 3)
    tops = [texture.crop(seed, 299) for seed in range(40)]
    assert all(piece.shape == (299, 299, 3) for piece in tops)


def test_a_fifth_of_the_pixels_is_held_out():
    data = TARGETS["texture"].make([2, 5], grid=16, frequency=1.0)
    trained, heldout = fifth([2, 5], 256)
    assert np.array_equal(data.trained, trained)
    for seed in (0, 1):
        assert np.array_equal(data.heldout.labels[seed], data.measured.labels[seed][:, heldout[seed]])
        assert np.array_equal(data.heldout.inputs[seed], data.measured.inputs[0][:, heldout[seed]])
    assert data.measured.labels.min() >= -1
    assert data.measured.labels.max() <= 1


def test_features_are_the_waves_that_their_names_say():
    x, y = plane(9).astype(np.float64)
    found = texture.features(plane(9))
    names = texture.wave_names()
    assert found.shape == (32, 81)
    for name, row in zip(names, found, strict=True):
        wave, often, along = re.fullmatch(r"(sin|cos)\(([\d.]+) pi (.+)\)", name).groups()
        at = {"x": x, "y": y, "(x+y)": x + y, "(x-y)": x - y}[along]
        slow = [getattr(math, wave)(math.pi * float(often) * value) for value in at]
        np.testing.assert_allclose(row, slow, atol=1e-7)


def test_a_grid_larger_than_the_photographs_is_refused():
    with pytest.raises(BadInput, match=r"^grid: 301 is not allowed; at most 300 with texture"):
        TARGETS["texture"].make([0], grid=301, frequency=1.0)


def test_photographs_that_were_left_out_are_not_looked_for_elsewhere(monkeypatch, tmp_path):
    class Spec:
        origin = str(tmp_path / "__init__.py")

    texture.photographs.cache_clear()
    monkeypatch.setattr(texture, "find_spec", lambda name: Spec)
    with pytest.raises(BadInput, match=r"^target: 'texture' is not allowed; astronaut.png is not where"):
        texture.photographs()

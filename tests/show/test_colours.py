"""A palette has colours of the picture alone, areas keep theirs, and the files are small."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.show.canvas.colours import MOST, UNSEEN, indexed
from quantstudy.show.canvas.page import png
from quantstudy.show.figures.catalogue import FIGURES


def opaque(rgb: np.ndarray) -> np.ndarray:
    return np.dstack([rgb, np.full(rgb.shape[:2], 255, dtype=np.uint8)])


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 600), st.integers(1, 255))
def test_every_pixel_has_the_nearest_colour_of_the_palette(seed: int, colours: int, reach: int) -> None:
    random = np.random.default_rng(seed)
    few = random.integers(0, reach + 1, (colours, 3), dtype=np.uint8)
    picture = few[np.minimum(random.geometric(0.02, (30, 40)), colours) - 1]
    index, palette = indexed(opaque(picture))
    assert len(palette) <= MOST
    assert {tuple(colour) for colour in palette} <= {tuple(colour) for colour in picture.reshape(-1, 3)}
    away = ((picture[:, :, None, :].astype(int) - palette.astype(int)) ** 2).sum(axis=-1)
    at = np.take_along_axis(away, index[:, :, None].astype(int), axis=-1)[:, :, 0]
    assert np.array_equal(at, away.min(axis=-1))
    if len(palette) < MOST:
        _, where, number = np.unique(picture.reshape(-1, 3), axis=0, return_inverse=True, return_counts=True)
        assert (at.ravel() * np.sqrt(number[where.ravel()])).max() <= UNSEEN


def test_areas_keep_their_colour_beside_many_others() -> None:
    random = np.random.default_rng(5)
    picture = random.integers(0, 256, (400, 400, 3), dtype=np.uint8)
    areas = ((244, 109, 67), (8, 48, 107), (244, 109, 75), (250, 250, 250))
    for place, colour in enumerate(areas):
        picture[100 * place : 100 * place + 80] = colour
    index, palette = indexed(opaque(picture))
    for place, colour in enumerate(areas):
        assert (palette[index[100 * place : 100 * place + 80]] == colour).all()


@pytest.mark.slow
def test_the_figures_of_a_default_study_are_small_enough_for_a_page(make_run: Callable[..., Any]) -> None:
    run = make_run(seeds=4, grid=128, quick=False)
    assert len(run.config.activations) == 7
    sizes = {name: len(base64.b64encode(png(draw(run)))) for name, draw in FIGURES.items()}
    assert sum(sizes.values()) < 2_300_000, sizes

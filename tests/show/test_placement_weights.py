"""Settings whose weight scales clip nothing have a block of their own in the placement figure."""

import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from quantstudy.config.study import StudyConfig
from quantstudy.show.canvas.style import LEVELS as CODES
from quantstudy.show.figures.placement.draw import placement
from tests.show.test_placement import LEVELS, boxes, judged, said_of, setting, texts


def unclipped(*key: Any) -> list[float]:
    return [0.9, 0.5, 0.95] if key[4] == "no_clipping" else [0.9, 0.5, 0.8]


@pytest.mark.parametrize("own", ["symmetric", "no_clipping"])
def test_weight_scales_that_clip_nothing_are_rows_of_their_own(own: str) -> None:
    config = StudyConfig(activations=("relu", "silu", "gelu"), seeds=8, weight_observer=own)
    more = [("post", False, "minmax", granularity, "no_clipping") for granularity in LEVELS[3]]
    keys = [*((*key, "symmetric") for key in itertools.product(*LEVELS)), *more]
    made = [setting(config, key, np.array(unclipped(*key))) for key in keys]
    verdict = {"placement": {"w4a4": judged(config, made)}, "not_learned": {}}
    run = SimpleNamespace(config=config, verdict=lambda: verdict)
    said = (
        "Over 57 ways to quantize at w4a4 relu loses least, 0.3 points (95 % CI 0.3 to 0.3) against the best of each; "
        "taking weight scales that clip nothing gelu loses less, 0.0 points against 5.0"
    )
    assert said_of(run) == said
    figure = placement(run)
    assert "with weight scales that clip nothing:" in texts(figure)
    assert {"weight scales", "symm.", "unclipped"} <= set(texts(figure))
    (frame,) = (box for box in boxes(figure) if to_hex(box.get_edgecolor()) == to_hex(CODES) and box.get_width() > 0.5)
    (line,) = (text for text in figure.texts if text.get_text() == "with weight scales that clip nothing:")
    numbers = [text for text in figure.texts if text.get_text().replace(".", "").isdigit()]
    height = line.get_position()[1]
    below = [text for text in numbers if text.get_position()[1] < height]
    assert sorted(text.get_text() for text in below) == sorted(["0.0", "5.0", "45"] * 3)
    assert (frame.get_window_extent().y0 < height * figure.bbox.height) == (own == "no_clipping")

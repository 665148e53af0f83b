"""Bumps in a flat plane: where they are, against loops, and what is measured of outputs."""

import math

import numpy as np
import pytest

from experiments.measures import bump_targets
from experiments.measures.bump_targets import bump_measures, bumps, draw_bump


def test_draws_fill_their_ranges_and_never_change() -> None:
    drawn = np.array([draw_bump(seed) for seed in range(2000, 2300)])
    assert np.abs(drawn[:, :2]).max() <= 0.4
    assert np.abs(drawn[:, :2]).max(axis=0) == pytest.approx([0.4, 0.4], abs=0.02)
    assert (drawn[:, 2].min(), drawn[:, 2].max()) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.5, abs=0.01))
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.2
    assert len(np.unique(drawn)) == drawn.size
    assert draw_bump(2000) == tuple(drawn[0])


@pytest.mark.parametrize("grid", [1, 7, 12])
def test_bumps_against_loops(grid: int) -> None:
    circles = np.array([[0.1, -0.3, 0.4], [0.0, 0.0, 0.5]])
    heights, flat = bumps(circles, grid)
    for number, (x, y, radius) in enumerate(circles):
        for row in range(grid):
            for column in range(grid):
                away = math.dist(((2 * column + 1) / grid - 1, (2 * row + 1) / grid - 1), (x, y))
                if away <= radius - 0.1:
                    wanted = 1.0
                elif away >= radius + 0.1:
                    wanted = 0.0
                else:
                    wanted = (radius + 0.1 - away) / 0.2
                assert heights[number, row, column] == pytest.approx(wanted, abs=1e-6)
                assert flat[number, row, column] == (away >= radius + 0.2)
    assert not heights[flat].any()


def test_measures_against_loops() -> None:
    heights, flat = bumps(np.array([draw_bump(seed) for seed in (2000, 2001)]), 9)
    outputs = heights + np.random.default_rng(0).normal(size=heights.shape) * 0.002
    found = bump_measures(outputs.astype(np.float32), heights, flat)
    for model in range(2):
        there = [
            (o, h) for o, h, f in zip(outputs[model].flat, heights[model].flat, flat[model].flat, strict=True) if f
        ]
        assert found["leak"][model] == pytest.approx(math.sqrt(sum(o * o for o, _ in there) / len(there)), rel=1e-5)
        assert found["flat"][model] == pytest.approx(sum(abs(o) <= 0.001 for o, _ in there) / len(there))
        every = [(o - h) ** 2 for o, h in zip(outputs[model].flat, heights[model].flat, strict=True)]
        assert found["error"][model] == pytest.approx(math.sqrt(sum(every) / len(every)), rel=1e-5)
    assert 0.0 < found["flat"].min() < found["flat"].max() < 1.0


def test_known_outputs() -> None:
    heights, flat = bumps(np.array([[0.0, 0.0, 0.4]]), 16)
    perfect, lifted = bump_measures(heights, heights, flat), bump_measures(heights + 0.05, heights, flat)
    assert [float(perfect[name][0]) for name in ("leak", "flat", "error")] == [0.0, 1.0, 0.0]
    assert [float(lifted[name][0]) for name in ("leak", "flat", "error")] == pytest.approx([0.05, 0.0, 0.05])
    assert bump_measures(np.where(flat, 0.0, 7.0), heights, flat)["leak"].tolist() == [0.0]  # the rim is not scored
    assert bump_measures(np.full_like(heights, np.nan), heights, flat)["leak"] == pytest.approx([np.nan], nan_ok=True)


def test_streams_are_those_of_no_fit() -> None:
    from experiments.measures.gate_fits import NEURONS, PURPOSE

    assert bump_targets.STREAM - PURPOSE not in range(1 + 2 * len(NEURONS))

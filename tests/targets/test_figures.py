"""Spirals, letters, sums of sines: against slow twins, and their y upwards."""

import math
from itertools import pairwise

import numpy as np
import pytest

from quantstudy.targets import glyph, spirals
from quantstudy.targets.catalogue import TARGETS
from quantstudy.targets.glyph import on_letter
from quantstudy.targets.lattice import plane
from quantstudy.targets.letters import LETTERS
from quantstudy.targets.randomness import stream
from quantstudy.targets.sine import HEIGHTS, WAVES, sum_of_sines
from quantstudy.targets.spirals import TURNS, in_arm


@pytest.mark.parametrize("seed", range(4))
def test_an_arm_is_half_of_every_circle_turned_with_its_radius(seed):
    start, side = stream(seed, "mask").random(2)
    x, y = plane(30).astype(np.float64)  # no point lies in the middle, which has no angle
    found = in_arm(seed, x, y)
    for u, v, inside in zip(x.tolist(), y.tolist(), found.tolist(), strict=True):
        angle = math.atan2(v, u if side < 0.5 else -u) / (2 * math.pi) + start + TURNS * math.hypot(u, v)
        if abs(math.sin(2 * math.pi * angle)) > 1e-9:  # at the border
            assert inside == (math.sin(2 * math.pi * angle) > 0)


def test_spirals_are_wound_to_both_sides_and_turned_to_all():
    starts, sides = zip(*(stream(seed, "mask").random(2) for seed in range(60)), strict=True)
    assert 15 < sum(side < 0.5 for side in sides) < 45
    assert len({int(4 * start) for start in starts}) == 4


def test_the_two_arms_are_each_other_turned_by_half():
    x, y = plane(16).astype(np.float64)
    assert np.array_equal(in_arm(2, x, y), ~in_arm(2, -x, -y))
    assert in_arm(2, x, y).mean() == 0.5


def test_the_middle_of_a_spiral_is_defined():
    assert in_arm(0, np.zeros(1), np.zeros(1)).tolist() == [False]
    assert spirals.spirals([0], grid=5, frequency=3.0).measured.labels.shape == (1, 25)


@pytest.fixture
def upright(monkeypatch):
    """Draw one letter upright and large."""

    def draw(letter, angle=0.0, grid=16):
        monkeypatch.setattr(glyph, "_drawn", lambda seed: (letter, angle, 1.0))
        return on_letter(0, *plane(grid).astype(np.float64)).reshape(grid, grid)

    return draw


def test_letters_stand_with_y_upwards(upright):
    """L has its bar below, T above; rows come lowest y first."""
    small_l, large_t = upright("L"), upright("T")
    assert small_l[1].sum() > 3 * small_l[-3].sum() > 0
    assert large_t[-2].sum() > 2 * large_t[2].sum() > 0
    left, right = upright("F")[:, :8].sum(), upright("F")[:, 8:].sum()
    assert left > right


def test_a_letter_leans_to_the_left_by_a_positive_angle(upright):
    bar = upright("T", 1 / 12, grid=32)
    foot, head = (np.nonzero(bar[rows])[1].mean() for rows in (slice(4, 8), slice(26, 30)))
    assert foot > head


@pytest.mark.parametrize("letter", LETTERS)
def test_every_letter_covers_a_good_part_and_stays_within_the_plane(upright, letter):
    found = upright(letter, grid=64)
    assert 0.2 < found.mean() < 0.55
    assert not found[:, 0].any()
    assert not found[:, -1].any()


def slow_letter(letter, angle, size, u, v):
    """Whether one point lies within half a stroke's width of a stroke of a letter."""
    turned = complex(u, v) * complex(math.cos(2 * math.pi * angle), -math.sin(2 * math.pi * angle))
    at = turned / (glyph.UNIT * size) + complex(glyph.WIDTH / 2, glyph.HEIGHT / 2)
    nearest = math.inf
    for stroke in LETTERS[letter]:
        for start, end in pairwise(stroke):
            for step in range(401):
                on = complex(*start) + step / 400 * (complex(*end) - complex(*start))
                nearest = min(nearest, abs(at - on))
    return nearest - glyph.THICK


@pytest.mark.parametrize("seed", [0, 5])
def test_a_letter_is_what_lies_near_its_strokes(seed):
    x, y = plane(12).astype(np.float64)
    found = on_letter(seed, x, y)
    for u, v, inside in zip(x.tolist(), y.tolist(), found.tolist(), strict=True):
        beyond = slow_letter(*glyph._drawn(seed), u, v)
        if abs(beyond) > 1e-3:
            assert inside == (beyond < 0)


def test_letters_angles_and_sizes_are_drawn_evenly():
    letters, angles, sizes = zip(*(glyph._drawn(seed) for seed in range(600)), strict=True)
    assert set(letters) == set(LETTERS)
    assert glyph.letter_of(7) == letters[7]
    assert min(angles) == pytest.approx(-1 / 12, abs=0.01)
    assert max(angles) == pytest.approx(1 / 12, abs=0.01)
    assert min(sizes) == pytest.approx(0.8, abs=0.01)
    assert max(sizes) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("seed", [0, 9])
def test_a_sum_of_sines_is_one(seed):
    phases = stream(seed, "mask").random(3)
    data = TARGETS["sine"].make([seed], grid=4, frequency=1.0)
    for examples, points in ((data.measured, 512), (data.heldout, 511)):
        assert examples.inputs.shape == (1, 1, points)
        x = examples.inputs[0, 0].astype(np.float64)
        slow = [
            sum(h * math.sin(2 * math.pi * (n * at / 2 + p)) for h, n, p in zip(HEIGHTS, WAVES, phases, strict=True))
            for at in x.tolist()
        ]
        np.testing.assert_allclose(examples.labels[0, 0], slow, atol=2e-7)
        assert np.array_equal(examples.labels[0, 0], sum_of_sines(seed, x).astype(np.float32))
    between = data.heldout.inputs[0, 0]
    assert (data.measured.inputs[0, 0, :-1] < between).all()
    assert (between < data.measured.inputs[0, 0, 1:]).all()
    assert data.inputs == ("x",)

"""What nobody tuned on: every figure and function against a slow twin, the tables against scikit-learn's."""

import cmath
import math

import numpy as np
import pytest

from quantstudy.errors import BadInput
from quantstudy.targets import figures, glyph
from quantstudy.targets.catalogue import TARGETS
from quantstudy.targets.crops import PICTURES
from quantstudy.targets.curves import LINES, SURFACES
from quantstudy.targets.figures import FIGURES
from quantstudy.targets.image import bright
from quantstudy.targets.lattice import pixel_centres, plane
from quantstudy.targets.letters import NUMERALS
from quantstudy.targets.randomness import stream
from quantstudy.targets.tables import LOADERS, NUMBERS
from quantstudy.targets.texture import crop, features, photographs


def wave(turns):
    return math.sin(2 * math.pi * turns)


def turn(z, turns):
    return z * cmath.exp(-2j * math.pi * turns)


def moved(z, across, up):
    return z - complex(0.25 * (2 * across - 1), 0.25 * (2 * up - 1))


def slow_checkers(d, z):
    z = turn(z, d[0])
    return wave(0.75 * z.real + d[1]) * wave(0.75 * z.imag + d[2])


def slow_stripes(d, z):
    return wave(1.5 * turn(z, d[0]).real + d[1])


def slow_rings(d, z):
    return wave(1.5 * abs(moved(z, d[0], d[1])) + d[2])


def slow_quadrants(d, z):
    z, bend = turn(moved(z, d[1], d[2]), d[0]), d[3] - 0.5
    return (z.real + bend * z.imag**2) * (z.imag - bend * z.real**2)


def slow_waves(d, z):
    return sum(wave(0.75 * (1 + d[k + 1]) * turn(z, d[k]).real + d[k + 2]) for k in (0, 3, 6, 9))


def slow_cubic(d, z):
    z, c = moved(z, d[0], d[1]), [2 * one - 1 for one in d[2:8]]
    u, v = z.real, z.imag
    return 4 * (c[2] * u**3 + c[3] * u * u * v + c[4] * u * v * v + c[5] * v**3) - c[0] * u - c[1] * v


def slow_flower(d, z):
    z = turn(moved(z, d[2], d[3]), d[1])
    petals = 3 if d[0] < 1 / 3 else 4 if d[0] < 2 / 3 else 5
    return 0.6 * (1 + 0.6 * math.cos(petals * cmath.phase(z))) - abs(z)


def slow_chirp(d, x):
    t = (x + 1) / 2 if d[1] < 0.5 else (1 - x) / 2
    return wave(t + 2 * t * t + d[0])


def slow_steps(d, x):
    return 2 * d[4 + sum(2 * edge - 1 < x for edge in d[:4])] - 1


def slow_ripples(d, z):
    return wave(1.5 * abs(moved(z, d[0], d[1])) + d[2] + 0.25)


def slow_saddle(d, z):
    return (turn(z, d[0]) ** 2).real * wave(0.75 * turn(z, d[1]).real + d[2])


def slow_hills(d, z):
    total = 0.0
    for k in range(0, 16, 4):
        far = abs(z - complex(2 * d[k] - 1, 2 * d[k + 1] - 1)) / (0.2 + 0.3 * d[k + 2])
        total += (2 * d[k + 3] - 1) / (1 + far**2)
    return total


SEEDS = [0, 1, 5]


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_what_its_formula_says(name):
    data = TARGETS[name].make(SEEDS, grid=14, frequency=1.0)
    slow, border = globals()[f"slow_{name}"], 0
    for examples in (data.measured, data.heldout):
        for seed, row in zip(SEEDS, examples.labels, strict=True):
            drawn = stream(seed, "mask").random(16).tolist()
            for x, y, inside in zip(*examples.inputs[0].astype(np.float64).tolist(), row.tolist(), strict=True):
                value = slow(drawn, complex(x, y))
                border += abs(value) < 1e-9
                assert inside == (value > 0) or abs(value) < 1e-9
    assert border < 10


@pytest.mark.parametrize("name", [*LINES, *SURFACES])
def test_a_function_is_what_its_formula_says(name):
    data = TARGETS[name].make(SEEDS, grid=9, frequency=1.0)
    slow = globals()[f"slow_{name}"]
    for examples in (data.measured, data.heldout):
        points = examples.inputs[0].astype(np.float64)
        points = points[0] if name in LINES else points[0] + 1j * points[1]
        for seed, row in zip(SEEDS, examples.labels[:, 0], strict=True):
            drawn = stream(seed, "mask").random(16).tolist()
            np.testing.assert_allclose(row, [slow(drawn, point) for point in points.tolist()], atol=3e-7)


def test_the_middle_of_a_flower_is_inside_and_no_petals_are_left_out():
    middles = [stream(seed, "mask").random(4) for seed in range(40)]
    assert {3 + int(3 * drawn[0]) for drawn in middles} == {3, 4, 5}
    for seed, (_, _, across, up) in enumerate(middles):
        x, y = (np.array([figures.ASIDE * (2.0 * one - 1.0)]) for one in (across, up))
        assert FIGURES["flower"](seed, x, y).all()


def test_a_step_is_taken_by_the_points_to_its_right():
    x = pixel_centres(64).astype(np.float64)
    found = LINES["steps"](3, x)
    edges = np.sort(2 * stream(3, "mask").random(9)[:4] - 1)
    assert len(np.unique(found)) == 5
    assert np.array_equal(np.nonzero(np.diff(found))[0], np.searchsorted(x, edges) - 1)


@pytest.mark.parametrize("figure", NUMERALS)
def test_every_numeral_covers_a_good_part_and_stays_within_the_plane(figure, monkeypatch):
    monkeypatch.setattr(glyph, "_drawn", lambda seed, figures: (figure, 0.0, 1.0))
    found = glyph.on_numeral(0, *plane(64).astype(np.float64)).reshape(64, 64)
    assert 0.2 < found.mean() < 0.55
    assert not found[:, [0, -1]].any()
    for stroke in NUMERALS[figure]:
        for u, v in stroke:  # corners of strokes are inside, y upwards
            row, column = int((glyph.UNIT * (v - 3) + 1) * 32), int((glyph.UNIT * (u - 2) + 1) * 32)
            assert found[row, column]


def test_numerals_are_drawn_evenly_and_are_what_the_target_has():
    assert {glyph._drawn(seed, NUMERALS)[0] for seed in range(80)} == set(NUMERALS)
    data = TARGETS["numeral"].make([4], grid=10, frequency=1.0)
    assert np.array_equal(data.measured.labels[0], glyph.on_numeral(4, *plane(10).astype(np.float64)))


@pytest.mark.parametrize("name", PICTURES)
def test_pieces_are_crops_of_their_own_photographs(name):
    pictures = photographs(PICTURES[name], name)
    data = TARGETS[name].make([0, 7], grid=32, frequency=1.0)
    assert np.array_equal(data.measured.inputs[0], features(plane(32)))
    for row, seed in enumerate([0, 7]):
        piece = crop(seed, 32, pictures)
        if name == "dusk":
            assert np.array_equal(data.measured.labels[row], bright(piece[..., 0] / 255.0, None).ravel())
        else:
            light = (data.measured.labels[row] + 1) * 127.5
            assert data.outputs == len(light) == (3 if name == "scene" else 1)
            np.testing.assert_allclose(light, piece.reshape(-1, 3).T[: data.outputs], atol=1e-4)
        held = {(x, y) for x, y in data.heldout.inputs[row][:2].T.tolist()}
        assert data.heldout.labels.shape[-1] == 32 * 32 // 5 >= len(held)
    assert not np.array_equal(*data.trained)


def test_no_photograph_is_that_of_another_target():
    used = [name for names in PICTURES.values() for name in names]
    assert len(used) == len(set(used) | {"astronaut", "coffee", "chelsea"}) - 3


def test_a_piece_larger_than_the_photographs_is_refused():
    with pytest.raises(BadInput, match=r"^grid: 173 is not allowed; at most 172 with dusk: its photographs are no"):
        TARGETS["dusk"].make([0], grid=173, frequency=1.0)
    assert TARGETS["dusk"].make([0], grid=172, frequency=1.0).plane == (172, 172)


@pytest.mark.parametrize("name", LOADERS)
def test_tables_are_those_of_scikit_learn(name):
    from sklearn import datasets

    function, options = LOADERS[name]
    inputs, labels = getattr(datasets, function)(return_X_y=True, **options)
    data = TARGETS[name].make([0, 2], grid=4, frequency=1.0)
    for row in range(2):
        back = data.measured.inputs[row].T * data.scale[row] + data.shift[row]
        np.testing.assert_allclose(back, inputs, rtol=1e-5, atol=1e-5 * np.abs(inputs).max())
        if name in NUMBERS:
            back = data.measured.labels[row].T * data.label_scale[row] + data.label_shift[row]
            np.testing.assert_allclose(back, labels.reshape(len(labels), -1), rtol=1e-5)
        else:
            assert np.array_equal(data.measured.labels[row], labels)
    assert data.heldout.labels.shape[-1] == pytest.approx(0.3 * len(labels), abs=1)

import numpy as np
import pytest

from experiments.measures.regions import activation_patterns, distinct_patterns


def plane(grid):
    x, y = np.meshgrid(np.linspace(-1, 1, grid), np.linspace(-1, 1, grid))
    return np.stack([x.ravel(), y.ravel()])


@pytest.mark.parametrize("lines", [1, 2, 3, 5, 6])
def test_lines_in_general_position_cut_the_plane_into_the_known_number_of_pieces(lines):
    angle = (np.arange(lines) + 0.3) * np.pi / lines
    normal = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    offset = 0.2 + 0.05 * np.cos(7.0 * np.arange(lines))  # all cross within the plane, no three in one point
    active = normal @ plane(1001) > offset[:, None]
    known = 1 + lines + lines * (lines - 1) // 2
    assert int(distinct_patterns(activation_patterns([active]))) == known


def test_against_a_set_of_tuples_over_layers_and_models():
    draws = np.random.default_rng(0)
    layers = [draws.random((3, width, 40)) > 0.7 for width in (2, 3)]
    found = distinct_patterns(activation_patterns(layers))
    whole = np.concatenate(layers, axis=1)
    assert found.tolist() == [len({tuple(point) for point in model.T}) for model in whole]


def test_only_what_counts_is_counted():
    patterns = np.array([[1, 2, 3, 3], [4, 4, 4, 4], [5, 6, 7, 8]])
    counted = np.array([[True, True, False, False], [True] * 4, [False] * 4])
    assert distinct_patterns(patterns, counted).tolist() == [2, 1, 0]
    assert distinct_patterns(patterns).tolist() == [3, 1, 4]
    assert distinct_patterns(patterns[:, :0], counted[:, :0]).tolist() == [0, 0, 0]


def test_no_layers_are_refused():
    with pytest.raises(ValueError, match="0 layers"):
        activation_patterns([])

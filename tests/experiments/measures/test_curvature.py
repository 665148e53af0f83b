import numpy as np
import pytest

from experiments.measures.curvature import crossings, level_curvature
from quantstudy.drift.contours import contours


def test_a_circle_an_ellipse_and_a_line():
    angle = np.linspace(0.0, 6.0, 25)
    x, y = 3.0 * np.cos(angle), 2.0 * np.sin(angle)  # x²/9 + y²/4 = 1
    gradient = np.stack([2 * x / 9, y / 2])
    hessian = np.broadcast_to(np.array([[2 / 9], [0.0], [0.5]]), (3, 25))
    known = 6.0 / (9 * np.sin(angle) ** 2 + 4 * np.cos(angle) ** 2) ** 1.5
    assert level_curvature(gradient, hessian) == pytest.approx(known)
    assert level_curvature(gradient, np.zeros((3, 25))).tolist() == [0.0] * 25


def test_turning_and_scaling_the_function_changes_nothing():
    draws = np.random.default_rng(0)
    gradient, (xx, xy, yy) = draws.standard_normal(2), draws.standard_normal(3)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    matrix = turn @ np.array([[xx, xy], [xy, yy]]) @ turn.T
    plain = level_curvature(gradient, np.array([xx, xy, yy]))
    turned = level_curvature(turn @ gradient, np.array([matrix[0, 0], matrix[0, 1], matrix[1, 1]]))
    assert turned == pytest.approx(plain)
    assert level_curvature(-1e-120 * gradient, -1e-120 * np.array([xx, xy, yy])) == pytest.approx(plain)


def test_where_the_gradient_is_0_there_is_no_level_set():
    assert np.isnan(level_curvature(np.zeros(2), np.ones(3)))


def test_crossings_are_the_edges_of_the_contours_vertices():
    maps = np.random.default_rng(1).standard_normal((3, 6, 6))
    maps[1] = 1.0  # never crossed
    found = crossings(maps)
    assert found.found.sum(axis=1)[1] == 0
    assert found.edges.shape == (3, found.found.sum(axis=1).max(), 4)
    for number in range(3):
        edges = found.edges[number][found.found[number]]
        low = maps[number][edges[:, 1].astype(int), edges[:, 0].astype(int)]
        high = maps[number][edges[:, 3].astype(int), edges[:, 2].astype(int)]
        assert ((low > 0) != (high > 0)).all()
        share = (low / (low - high))[:, None]
        places = edges[:, :2] + share * (edges[:, 2:] - edges[:, :2])
        vertices = contours(maps[number]).lines.points
        assert sorted(places.round(9).tolist()) == sorted(vertices.round(9).tolist())


def test_a_logit_of_0_is_sea():
    zero, sea = (crossings(np.array([[[value, 1.0], [-1.0, -1.0]]])) for value in (0.0, -0.5))
    assert np.array_equal(zero.found, sea.found)
    assert np.array_equal(zero.edges, sea.edges)


def test_no_maps_and_no_crossings():
    assert crossings(np.ones((2, 4, 4))).edges.shape == (2, 0, 4)
    with pytest.raises(ValueError, match=r"maps has shape \(4, 4\)"):
        crossings(np.ones((4, 4)))

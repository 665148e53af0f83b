"""Bits needed, against a walk from the widest width down, and at the ends."""

import numpy as np
import pytest

from experiments.measures.bits_needed import bits_needed, censored, slope

WIDTHS = np.arange(2, 9)


def slow(losses, widths, allowed):
    if losses[-1] > allowed:
        return float(widths[-1])
    for place in range(len(widths) - 2, -1, -1):
        if losses[place] > allowed:
            part = (losses[place] - allowed) / (losses[place] - losses[place + 1])
            return float(widths[place] + part * (widths[place + 1] - widths[place]))
    return float(widths[0])


def test_against_a_walk_down():
    losses = np.random.default_rng(0).uniform(-0.01, 0.05, (4, 30, 7)) * np.linspace(1.5, 0.4, 7)
    expected = [[slow(row, WIDTHS, 0.02) for row in rows] for rows in losses]
    assert bits_needed(losses, WIDTHS, 0.02) == pytest.approx(np.array(expected))


def test_a_loss_that_rises_again_counts_from_its_last_excess():
    assert bits_needed(np.array([0.5, 0.0, 0.03, 0.01]), np.array([2, 3, 4, 5]), 0.02) == pytest.approx(4.5)


def test_ends_and_what_is_not_finite():
    losses = np.array([[0.0] * 7, [0.5] * 7, [0.5] * 6 + [np.nan], [0.02] * 7])
    assert bits_needed(losses, WIDTHS, 0.02)[[0, 1, 3]].tolist() == [2.0, 8.0, 2.0]
    assert np.isnan(bits_needed(losses, WIDTHS, 0.02)[2])
    assert censored(losses, 0.02)[[0, 1, 3]].tolist() == [-1, 1, -1]


def test_one_width():
    assert bits_needed(np.array([[0.5], [0.0]]), np.array([4]), 0.02).tolist() == [4.0, 4.0]
    assert censored(np.array([[0.5], [0.0]]), 0.02).tolist() == [1, -1]


def test_slope_against_least_squares_and_without_pairs():
    promise, noise = np.random.default_rng(1).normal(size=(2, 4, 6, 9))
    bits = 0.7 * promise + 0.1 * noise
    expected = np.linalg.lstsq(promise.reshape(-1, 1), bits.ravel())[0][0]
    assert slope(bits, promise) == pytest.approx(expected)
    bits[0, 0, 0], promise[1, 0, 0] = np.nan, np.inf
    assert slope(bits, promise) == pytest.approx(0.7, abs=0.05)
    for nothing in (np.zeros((2, 0)), np.full((2, 2), np.nan), np.zeros((2, 2))):
        assert np.isnan(slope(nothing, nothing))

"""The halves of the seeds: fixed, balanced, and what comes out of them against slow loops."""

import hashlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.judge.facts import STABLE
from quantstudy.judge.statistics.bootstrap import on_grid
from quantstudy.judge.statistics.halves import HALVES, first_in_halves, half_means, halves, stability

NAN = float("nan")


def slow_means(row):
    found = []
    for half in halves(len(row)):
        values = [value for value, kept in zip(row, half, strict=True) if kept]
        found.append(np.round(np.mean(values), 12) if np.isfinite(values).all() else NAN)
    return np.array(found)


def test_they_are_fixed():
    assert (HALVES, STABLE) == (200, 0.9)
    assert halves(32) is halves(32)
    assert not halves(32).flags.writeable
    digests = [hashlib.sha256(halves(n).astype(np.uint8).tobytes()).hexdigest()[:12] for n in (3, 16, 32)]
    assert digests == ["5f9cb2c84635", "543a4b44db20", "8321cd8c10e0"]


@pytest.mark.parametrize("seeds", [2, 3, 16, 31, 128])
def test_every_half_has_half_the_seeds_and_every_seed_is_in_half_of_them(seeds):
    members = halves(seeds)
    assert members.shape == (200, seeds)
    assert set(np.unique(members)) == {0.0, 1.0}
    assert (members.sum(axis=1) == seeds // 2).all()
    share = seeds // 2 / seeds
    assert members.mean(axis=0) == pytest.approx(np.full(seeds, share), abs=5 * np.sqrt(share * (1 - share) / 200))
    if seeds >= 16:
        assert len(np.unique(members, axis=0)) > 190
        together = members.T @ members / 200
        assert together[~np.eye(seeds, dtype=bool)] == pytest.approx(
            share * (share - 1 / seeds) / (1 - 1 / seeds), abs=0.2
        )


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(-1, 1), st.just(NAN), st.just(np.inf)), min_size=2, max_size=20).map(np.array))
def test_means_are_those_of_slow_loops(row):
    assert half_means(row) == pytest.approx(slow_means(row), abs=2e-12, nan_ok=True)
    both = half_means(np.array([row, -row]))
    assert both[0] == pytest.approx(half_means(row), abs=0, nan_ok=True)
    assert both[1] == pytest.approx(-both[0], abs=0, nan_ok=True)


def test_sums_are_exact():
    """In whatever order they are added, so that every processor gives the same bits."""
    row = np.random.default_rng(3).random(32)
    assert half_means(np.full(32, 0.1)).tolist() == [0.1] * 200
    for mean, half in zip(half_means(row), halves(32), strict=True):
        exact = sum(map(Fraction, on_grid(row, 32)[half > 0]), Fraction(0))
        assert mean == np.round(float(exact) / 16, 12)


def test_one_seed_has_no_halves():
    assert np.isnan(half_means([0.5])).all()
    assert stability(np.ones(200, dtype=bool), 1) is None
    assert stability(np.arange(200) < 150, 2) == 0.75


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 4), st.integers(2, 9), st.integers(0, 10**6), st.sampled_from([0.0, 0.05, 0.4]))
def test_who_is_first(rows, seeds, key, holes):
    random = np.random.default_rng(key)
    values = random.integers(0, 4, (rows, seeds)) / 4
    values[random.random(values.shape) < holes] = NAN
    means = np.array(list(map(slow_means, values)))
    for row in range(rows):
        expected = [
            np.isfinite(own) and not any(other > own for other in column)
            for own, column in zip(means[row], means.T, strict=True)
        ]
        assert first_in_halves(values, row).tolist() == expected

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quantstudy_kernels import draws
from quantstudy_kernels.cpu.draws import draw_numbers, draw_points, draw_words, gather
from quantstudy_kernels.cpu.tiles import PITCH

LOW = 0xFFFFFFFF


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4×32-10 as the paper writes it, with Python's integers."""
    a, b, c, d = counter
    for round_ in range(10):
        k0, k1 = (key[0] + round_ * 0x9E3779B9) & LOW, (key[1] + round_ * 0xBB67AE85) & LOW
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ k0, right & LOW, (left >> 32) ^ d ^ k1, left & LOW
    return [a, b, c, d]


def test_the_slow_twin_gives_the_published_vectors():
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([LOW] * 4, [LOW] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    digits_of_pi = [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]
    assert philox(*digits_of_pi) == [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, LOW), st.integers(0, LOW), st.integers(0, LOW), st.integers(1, 40))
def test_words_are_philox_of_seed_purpose_and_step(seed, purpose, step, quads):
    drawn = draws.words(np.array(seed), purpose, np.array(step), quads)
    assert drawn.shape == (4, quads)
    for quad in {0, quads // 2, quads - 1}:
        assert drawn[:, quad].tolist() == philox([quad, step, 0, 0], [seed, purpose])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 5), st.integers(0, 2**31), st.integers(1, 300))
def test_the_compiled_twin_draws_the_same_words(seed, purpose, step, quads):
    compiled = np.empty(4 * quads, np.uint32)
    draw_words(compiled, seed, purpose, step)
    assert (compiled.reshape(4, quads) == draws.words(np.array(seed), purpose, np.array(step), quads)).all()


def test_seeds_and_steps_broadcast():
    seeds, steps = np.array([3, 8, 5]), np.arange(4)[:, None]
    together = draws.numbers(seeds, 2, steps, 7, 121)
    assert together.shape == (4, 3, 7)
    assert together.dtype == np.int32
    assert (together[2, 1] == draws.numbers(np.array(8), 2, np.array(2), 7, 121)).all()


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 1023])
@pytest.mark.parametrize("grid", [1, 2, 7, 128, 1024])
def test_a_word_means_its_share_of_the_plane(batch, grid):
    quads = math.ceil(batch / 4)
    words = draws.words(np.array(4), 2, np.array(9), quads)
    got = draws.numbers(np.array(4), 2, np.array(9), batch, grid * grid)
    for point in range(batch):
        assert got[point] == int(words[point // quads, point % quads]) * grid * grid // 2**32


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 2**31 - 1), st.integers(1, 70), st.integers(0, 2**31))
def test_a_word_means_its_share_of_any_number_of_examples(n, batch, seed):
    quads = math.ceil(batch / 4)
    words = draws.words(np.array(seed), 2, np.array(9), quads)
    got = draws.numbers(np.array(seed), 2, np.array(9), batch, n)
    assert got.dtype == np.int32
    assert got.tolist() == [int(words[p // quads, p % quads]) * n // 2**32 for p in range(batch)]
    assert (got.min() >= 0) & (got.max() < n)
    compiled, numbers = np.empty(4 * quads, np.uint32), np.empty(80, np.int64)
    draw_words(compiled, seed, 2, 9)
    begin, padded = batch // 3, 80
    draw_numbers(numbers, compiled, begin, batch - begin, padded, n)
    assert (numbers[: batch - begin] == got[begin:]).all()
    assert (numbers[batch - begin :] == got[-1]).all()


@pytest.mark.parametrize("length", [1, 2, 3, 7, 16, 48])
def test_examples_become_rows_of_points(length):
    draw = np.random.default_rng(2)
    source = draw.standard_normal((41, length)).astype(np.float32)
    numbers = draw.integers(0, 41, 32)
    buffer = np.full(50 * PITCH + 16, 9, np.float32)
    gather(buffer, 16, source.reshape(-1), length, numbers, 32)
    rows = buffer[16:].reshape(50, PITCH)
    assert (rows[:length, :32] == source[numbers].T).all()
    assert (rows[length:] == 9).all()
    assert (rows[:, 32:] == 9).all()


def test_pixels_are_uniform_and_steps_do_not_repeat():
    drawn = draws.numbers(np.array([0, 1]), 2, np.arange(100)[:, None], 40, 49)
    for seed in range(2):
        count = np.bincount(drawn[:, seed].ravel(), minlength=49)
        expected = 4000 / 49
        assert ((count - expected) ** 2 / expected).sum() < 48 + 6 * math.sqrt(2 * 48)  # chi-squared, 48 degrees
    assert not (drawn[0, 0] == drawn[0, 1]).all()
    assert not (drawn[0, 0] == drawn[1, 0]).all()


@pytest.mark.parametrize(("grid", "first", "points"), [(128, 0, 352), (33, 5, 17), (4, 2, 1), (1000, 0, 96)])
def test_points_are_the_pixels_centres_and_labels(grid, first, points):
    from quantstudy.targets.islands import plane

    islands = (np.random.default_rng(0).random(grid * grid) < 0.5).astype(np.uint8)
    words = np.empty(4 * 100, np.uint32)
    draw_words(words, 1, 2, 3)
    before = words.copy()
    expected = ((words.astype(np.uint64) * np.uint64(grid * grid)) >> np.uint64(32))[first : first + points]
    buffer = np.full(2000, 9, np.float32)
    draw_points(buffer, 0, 500, 1000, words, first, points, islands, grid)
    assert (words[first : first + points] == expected).all()
    untouched = np.ones(400, bool)
    untouched[first : first + points] = False
    assert (words[untouched] == before[untouched]).all()
    x, y = plane(grid)[:, expected]
    # the centre is column · step + start here, rounded once or twice: 2⁻²⁴ each of numbers up to 1
    np.testing.assert_allclose(buffer[:points], x, rtol=0, atol=1.2e-7)
    np.testing.assert_allclose(buffer[500 : 500 + points], y, rtol=0, atol=1.2e-7)
    assert (buffer[1000 : 1000 + points] == islands[expected]).all()
    assert (buffer[points:500] == 9).all()

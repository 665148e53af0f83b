import math

import numpy as np
import pytest

from experiments.measures.capacity import code_information, effective_rank, participation_ratio, spectrum


def test_the_spectrum_is_that_of_the_singular_values():
    outputs = np.random.default_rng(0).standard_normal((2, 4, 300)) * np.array([1.0, 3.0, 0.1, 7.0])[:, None] + 50.0
    centred = outputs - outputs.mean(axis=-1, keepdims=True)
    singular = np.linalg.svd(centred, compute_uv=False)
    assert spectrum(outputs.astype(np.float32)) == pytest.approx(singular**2 / 300, rel=1e-4)
    shares = singular / singular.sum(axis=-1, keepdims=True)
    slow = [math.exp(-sum(p * math.log(p) for p in row)) for row in shares]
    assert effective_rank(spectrum(outputs)) == pytest.approx(slow)
    squares = singular**2
    assert participation_ratio(spectrum(outputs)) == pytest.approx(squares.sum(-1) ** 2 / (squares**2).sum(-1))


@pytest.mark.parametrize("used", [1, 3, 8])
def test_as_many_equal_directions_as_are_used(used):
    waves = np.array([np.cos(2 * np.pi * (k + 1) * np.arange(64) / 64) for k in range(8)])
    waves[used:] = 0.25  # constant: adds no dimension
    mixed = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0] @ waves
    for measure in (effective_rank, participation_ratio):
        assert measure(spectrum(waves)) == pytest.approx(used)
        assert measure(spectrum(mixed)) == pytest.approx(used)


def test_a_dead_layer_uses_no_dimension_and_one_that_diverged_has_none():
    outputs = np.zeros((3, 2, 10))
    outputs[1] = 7.7
    outputs[2, 0, 3] = np.inf
    for measure in (effective_rank, participation_ratio):
        assert measure(spectrum(outputs)).tolist() == pytest.approx([0.0, 0.0, math.nan], nan_ok=True)


def test_errors_name_the_field():
    for shape in ((4,), (2, 0)):
        with pytest.raises(ValueError, match="outputs has shape"):
            spectrum(np.zeros(shape))
    with pytest.raises(ValueError, match="within 0 … 3"):
        code_information(np.array([[4]]), np.array([True]), 0, 3)
    with pytest.raises(ValueError, match="at least one point"):
        code_information(np.zeros((2, 0), dtype=int), np.zeros(0) > 0, 0, 3)


def slow_information(codes, classes):
    pairs = list(zip(codes.tolist(), classes.tolist(), strict=True))

    def entropy(values):
        counts = [values.count(value) for value in set(values)]
        plain = -sum(c / len(values) * math.log2(c / len(values)) for c in counts)
        return plain + (len(counts) - 1) / (2 * len(values) * math.log(2))

    return entropy([c for c, _ in pairs]) + entropy([k for _, k in pairs]) - entropy(pairs)


def test_information_against_the_slow_twin():
    draws = np.random.default_rng(2)
    classes = draws.random((2, 1, 200)) > 0.4
    codes = draws.integers(-8, 8, (2, 3, 200)) // (1 + classes)
    found = code_information(codes, classes, -8, 7)
    assert found.shape == (2, 3)
    for at in np.ndindex(2, 3):
        assert found[at] == pytest.approx(slow_information(codes[at], classes[at[0], 0]))


def test_a_neuron_that_is_the_class_one_that_is_independent_of_it_and_a_dead_one():
    draws = np.random.default_rng(3)
    points = 16384
    classes = np.arange(points) % 2 == 0
    independent = draws.integers(0, 256, (40, points))
    told = code_information(independent, classes, 0, 255)
    assert abs(told.mean()) < 5e-4  # without the correction it is 0.011
    assert np.abs(told).max() < 4e-3
    assert code_information(200 * classes.astype(int), classes, 0, 255) == pytest.approx(1.0, abs=1e-4)
    assert code_information(np.full((1, points), 5), classes, 0, 255).tolist() == [0.0]
    both = np.where(classes, independent[:1], 255 - independent[:1] % 128)  # codes below 128 are of one class alone
    assert code_information(both, classes, 0, 255)[0] == pytest.approx(0.311, abs=0.02)


def test_classes_that_are_all_the_same_tell_nothing():
    codes = np.random.default_rng(4).integers(0, 4, (1, 50))
    assert code_information(codes, np.ones(50) > 0, 0, 3) == pytest.approx([0.0])

"""What layers and range searches are added up from, against exact fractions that are rounded where the code says."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from quantstudy_kernels.cpu.affine_maps import affine_maps
from quantstudy_kernels.cpu.grid_search import best_grids
from quantstudy_kernels.reference import fake_quantize


def fused(a, b, c):
    """a · b + c, rounded once: to the nearer of the float32 on either side of what float64 gives."""
    exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
    near = np.float32(float(exact))
    around = (near, np.nextafter(near, np.float32(-np.inf)), np.nextafter(near, np.float32(np.inf)))
    return min(around, key=lambda x: abs(Fraction(float(x)) - exact))


@pytest.mark.parametrize(("outputs", "width", "points"), [(1, 1, 1), (3, 2, 17), (2, 9, 5)])
@pytest.mark.parametrize("shared", [False, True])
def test_a_layer_is_its_bias_and_one_fused_product_after_the_other(outputs, width, points, shared):
    draw = np.random.default_rng(3)
    weights, biases = draw.normal(size=(2, outputs, width)), draw.normal(size=(2, outputs, 1))
    inputs = draw.normal(size=(width, points) if shared else (2, width, points))
    given = [torch.from_numpy(array.astype(np.float32)) for array in (weights, biases, inputs)]
    got = affine_maps(*given).numpy()
    weights, biases, inputs = (tensor.numpy() for tensor in given)
    inputs = np.broadcast_to(inputs, (2, width, points))
    for m, o, p in np.ndindex(got.shape):
        total = biases[m, o, 0]
        for i in range(width):
            total = fused(weights[m, o, i], inputs[m, i, p], total)
        assert got[m, o, p] == total


def test_more_points_than_stay_in_a_chunk_are_computed_alike():
    draw = torch.Generator().manual_seed(1)
    weights, biases, inputs = (torch.randn(shape, generator=draw) for shape in ((2, 3, 4), (2, 3, 1), (2, 4, 2500)))
    whole = affine_maps(weights, biases, inputs)
    parts = [affine_maps(weights, biases, inputs[..., start : start + 7]) for start in range(0, 2500, 7)]
    assert torch.equal(whole, torch.cat(parts, dim=2))


def test_layers_that_do_not_fit_are_refused():
    ones = torch.ones(1, 2, 3)
    with pytest.raises(ValueError, match=r"weights, biases, inputs: \[1, 2, 3\], \[1, 3, 1\], \[3, 5\]; allowed"):
        affine_maps(ones, torch.ones(1, 3, 1), torch.ones(3, 5))
    with pytest.raises(ValueError, match=r"inputs: torch.float64 on cpu; allowed: torch.float32 on the CPU"):
        affine_maps(ones, torch.ones(1, 2, 1), torch.ones(3, 5, dtype=torch.float64))


@pytest.mark.parametrize("number", [1, 15, 16, 1023, 1024, 1025, 2048, 3000])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_best_grid_is_the_one_whose_rounding_errs_least(number, bits):
    values = np.random.default_rng(number).standard_t(2, size=(5, number)).astype(np.float32)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    factors = np.arange(30, 0, -1) / 30
    scales = (np.abs(values).max(axis=1, keepdims=True) * factors / high).astype(np.float32)
    zeros = np.zeros(scales.shape, np.float32)
    errors = np.empty(scales.shape)
    for row, grid in np.ndindex(errors.shape):
        v = torch.from_numpy(values[row])
        rounded = fake_quantize(v, float(scales[row, grid]), 0, low, high)
        errors[row, grid] = float((rounded.double() - v.double()).square().sum())
    got = best_grids(values, scales, zeros, low, high)
    chosen = errors[np.arange(5), got]
    assert (chosen <= errors.min(axis=1) * (1 + 3e-6)).all()  # squares and their sums of 1024 are float32
    assert bits == 8 or number < 1000 or len(set(got)) > 1  # at 8 bits the widest is the best


def test_of_equal_grids_the_first_is_the_best_and_of_none_that_is_finite_too():
    values = np.zeros((3, 1040), np.float32)
    values[1, 1039], values[2, 3] = np.nan, np.inf
    assert best_grids(values, np.ones((3, 4), np.float32), np.zeros((3, 4), np.float32), -8, 7).tolist() == [0, 0, 0]
    assert best_grids(np.zeros((2, 0), np.float32), *np.ones((2, 2, 1), np.float32), -8, 7).tolist() == [0, 0]
    values[1, 1039], values[2, 3] = 0.3, 5.0  # the last one alone says which grid is right
    grids = np.array([[1.0, 0.3, 0.25, 5.0]] * 3, np.float32)
    assert best_grids(values, grids, np.zeros((3, 4), np.float32), -8, 7).tolist() == [0, 1, 0]

import numpy as np
import pytest
import torch

from quantstudy.quantize import observers
from quantstudy.quantize.observers import OBSERVERS, minmax, mse, percentile
from quantstudy.quantize.quantizer import range_quantizer
from quantstudy.quantize.scheme import IntFormat

FOUR = IntFormat(4)


def heavy_tails(seed: int = 3, shape: tuple[int, ...] = (3, 4, 50)) -> torch.Tensor:
    drawn = np.random.default_rng(seed).standard_t(2, size=shape).astype(np.float32)
    return torch.from_numpy(drawn)


def test_the_observers_by_name():
    named = [("minmax", minmax), ("percentile", percentile), ("mse", mse), ("fixed", minmax)]
    assert list(OBSERVERS.items()) == named  # what is fixed is not seen, and the rest is calibrated
    assert (observers.PERCENTILE, observers.SHRINKS) == (0.999, 40)


def test_minmax_is_per_model_over_neurons_and_points():
    values = torch.tensor([[[1.0, -2.0], [3.0, 0.5]], [[0.25, 0.5], [0.75, 0.125]]])
    low, high = minmax(values)(FOUR)
    assert (low.tolist(), high.tolist()) == ([-2.0, 0.125], [3.0, 0.75])


@pytest.mark.parametrize("shape", [(2, 3, 700), (1, 1, 1101), (2, 1, 1001), (3, 2, 4), (2, 1, 1), (1, 1, 2)])
def test_percentiles_are_numpys(shape):
    values = heavy_tails(5, shape).double()
    low, high = percentile(values)(FOUR)
    flat = values.numpy().reshape(shape[0], -1)
    np.testing.assert_allclose(low.numpy(), np.percentile(flat, 0.1, axis=1), rtol=1e-12)
    np.testing.assert_allclose(high.numpy(), np.percentile(flat, 99.9, axis=1), rtol=1e-12)
    assert low.shape == high.shape == (shape[0],)


def test_percentiles_leave_single_outliers_out():
    values = torch.linspace(-1, 1, 10_001).view(1, 1, -1).clone()
    values[0, 0, 17], values[0, 0, 23] = 1000.0, -1000.0
    low, high = percentile(values)(FOUR)
    assert -1.0 < low.item() < -0.99
    assert 0.99 < high.item() < 1.0


def brute_force(values: np.ndarray, bits: int, oracle) -> tuple[int, float, float]:
    """The best of 1/40 … 40/40 of one model's range: its number, its error, the error of min-max."""
    errors = {}
    for step in range(40, 0, -1):
        factor = np.float32(step / 40)
        scale, zero = oracle.affine(values.min() * factor, values.max() * factor, bits, oracle.EPSILON)
        rounded = oracle.values(values, scale, zero, bits)
        errors[step] = float(np.square(rounded.astype(np.float64) - values).mean())
    best = min(errors, key=errors.__getitem__)  # the first, that is the widest, of equals
    return best, errors[best], errors[40]


@pytest.mark.parametrize("bits", [2, 3, 4, 5])
def test_mse_finds_what_brute_force_finds(bits, oracle):
    values = heavy_tails(bits)
    values[1] = values[1].abs()
    low, high = mse(values)(IntFormat(bits))
    assert low.shape == high.shape == (3,)
    shrunk = 0
    for model in range(3):
        one = values[model].numpy()
        step, least, of_minmax = brute_force(one, bits, oracle)
        assert least <= of_minmax
        shrunk += step < 40
        assert low[model].item() == pytest.approx(one.min() * step / 40, rel=1e-6)
        assert high[model].item() == pytest.approx(one.max() * step / 40, rel=1e-6)
    assert shrunk  # heavy tails: shrinking pays


def test_mse_tries_every_fortieth_down_to_the_last(oracle):
    """One outlier among small values: at 2 bits the best range is narrow; 39/40 and 1/40 both occur as the answer."""
    found = set()
    for outlier in (1.02, 1.3, 3.0, 10.0, 40.0):
        values = torch.cat([torch.linspace(0, 1, 400), torch.tensor([outlier])]).view(1, 1, -1)
        low, high = mse(values)(IntFormat(2))
        step, _, _ = brute_force(values.numpy()[0], 2, oracle)
        assert low.item() == 0.0
        assert high.item() == pytest.approx(outlier * step / 40, rel=1e-6)
        found.add(step)
    assert {1, 40} & found
    assert len(found) >= 4


@pytest.mark.parametrize("seed", range(5))
def test_mse_is_never_worse_than_minmax(seed):
    values = heavy_tails(seed, (4, 2, 30))

    def error(ends) -> torch.Tensor:
        return (range_quantizer(*ends, FOUR)(values).double() - values.double()).square().mean(dim=(1, 2))

    assert (error(mse(values)(FOUR)) <= error(minmax(values)(FOUR)) * (1 + 1e-6)).all()


def test_of_equal_ranges_mse_takes_the_widest():
    values = torch.tensor([[[0.0, 1e-30]]])  # the squares of all errors are 0 in float32
    low, high = mse(values)(FOUR)
    assert (low.item(), high.item()) == (0.0, np.float32(1e-30))


def test_mse_without_finite_errors_keeps_the_whole_range():
    values = torch.tensor([[[0.0, torch.inf]], [[0.0, 1.0]]])
    low, high = mse(values)(FOUR)
    assert (low.tolist(), high[0].item()) == ([0.0, 0.0], torch.inf)
    assert 0.9 < high[1].item() <= 1.0

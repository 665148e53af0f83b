"""Networks with and without an exact zero: every function gets what is its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.measures import gated_networks
from experiments.measures.bump_targets import bump_measures, bumps, draw_bump
from experiments.measures.cuts import cut_losses
from experiments.measures.fixed_slopes import cross_entropy, squared_error, trained, with_slopes
from experiments.measures.gated_networks import FUNCTIONS, SLOPES, bump_networks, fitted, island_networks
from quantstudy.config.study import StudyConfig
from quantstudy.networks.training import learning_rate, minibatches
from quantstudy.quantize.plan import float_maps
from quantstudy.targets.islands import island_masks, plane

CONFIG = replace(StudyConfig(), steps=12, grid=12, hidden=(7, 7))
SEEDS = range(2000, 2003)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gated_networks, "BATCH", 20)


def test_sizes_and_slopes() -> None:
    masks = island_masks(SEEDS, CONFIG.grid, CONFIG.frequency)
    rectifiers, curved = fitted(CONFIG, 5, SEEDS, masks, CONFIG.steps, cross_entropy)
    assert [tuple(weights.shape) for weights in rectifiers.weights] == [(15, 5, 2), (15, 5, 5), (15, 1, 5)]
    assert (curved.models, curved.activation.name) == (3, "hardgelu")
    wanted = np.repeat(np.float32([0.0, 0.01, 0.1, 0.3, 0.0]), 3)  # the last has faded
    assert all((slope[:, :, 0].numpy() == wanted[:, None]).all() for slope in rectifiers.slopes)


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "leaky_relu 0.3"])
def test_each_function_is_the_one_that_it_says(name: str) -> None:
    """The twin: the networks of one slope, trained alone."""
    rates = [learning_rate(step, 12, CONFIG.lr) for step in range(12)]
    start = (with_slopes([SLOPES[name]], SEEDS, (4, 4)), slice(0))
    masks = island_masks(SEEDS, CONFIG.grid, CONFIG.frequency)
    (alone,) = trained([start], minibatches(SEEDS, masks, 20, 12), rates, cross_entropy)
    found = island_networks(CONFIG, 4, SEEDS)
    assert tuple(found) == FUNCTIONS
    for metric, values in cut_losses(alone, masks).items():
        assert found[name][metric] == pytest.approx(values, abs=0.02)  # a pixel or two by rounding
    heights, flat = bumps(np.array([draw_bump(seed) for seed in SEEDS]), CONFIG.grid)
    (alone,) = trained([start], minibatches(SEEDS, heights, 20, 12), rates, squared_error)
    outputs = float_maps(alone, torch.from_numpy(plane(CONFIG.grid))).logit.numpy().reshape(3, 12, 12)
    found = bump_networks(CONFIG, 4, SEEDS, 12)
    assert tuple(found) == FUNCTIONS
    for metric in ("leak", "error"):
        wanted = bump_measures(outputs, heights, flat)[metric]
        assert found[name][metric] == pytest.approx(wanted, rel=1e-3)
        assert len(np.unique(wanted)) == 3


def test_one_seed_and_what_has_no_leak() -> None:
    found = island_networks(CONFIG, 3, range(2000, 2001))
    assert {len(values) for measures in found.values() for values in measures.values()} == {1}
    assert all(found[name]["cut_leak"].tolist() == [0.0] for name in ("relu", "relu from 0.3", "hardgelu"))

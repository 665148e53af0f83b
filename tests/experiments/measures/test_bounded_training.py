"""Training with moving, learned and no caps: against the reference trainer, against autograd, and what it does."""

import math

import numpy as np
import pytest
import torch

from experiments.measures.bounded_training import (
    LEAST_CAP,
    Learned,
    Restraint,
    annealed,
    capped_subject,
    restrained_gradients,
    train_restrained,
)
from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.measure.evaluation import subject
from quantstudy.measure.variation import effects_of, plan_of, static_schemes
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.networks.training import train
from quantstudy.targets.islands import island_masks

SEEDS = (2000, 2007, 2003)
SETTINGS = {"steps": 70, "batch": 48, "lr": 0.1}
HIDDEN = (5, 3, 4)


@pytest.fixture(autouse=True)
def without_autograd():
    with torch.no_grad():
        yield


def start(name: str, seeds=SEEDS) -> tuple[Stack, np.ndarray]:
    return initial_stack(parse_activation(name), seeds, HIDDEN), island_masks(seeds, 16, 3.0)


def same(one: Stack, other: Stack) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize("name", ["relu", "silu", "gelu", "hardswish"])
def test_without_restraint_it_is_the_reference_trainer_bit_for_bit(name):
    stack, masks = start(name)
    expected, _ = train(stack, SEEDS, masks, trainer="reference", **SETTINGS)
    found, caps = train_restrained(stack, SEEDS, masks, Restraint(), **SETTINGS)
    assert same(found, expected)
    assert caps.shape == (3, 3)
    assert caps.isinf().all()


@pytest.mark.parametrize("name", ["relu", "silu"])
def test_with_a_cap_that_stays_it_is_the_reference_trainer_of_the_capped_activation(name):
    masks = start(name)[1]
    expected, _ = train(start(f"{name}@1")[0], SEEDS, masks, trainer="reference", **SETTINGS)
    found, _ = train_restrained(start(name)[0], SEEDS, masks, Restraint(cap_at=lambda step, steps: 1.0), **SETTINGS)
    free, _ = train_restrained(start(name)[0], SEEDS, masks, Restraint(), **SETTINGS)
    for one, other, without in zip(found.parameters(), expected.parameters(), free.parameters(), strict=True):
        assert torch.equal(one, other)
        assert not torch.allclose(without, other, atol=1e-2)


@pytest.mark.parametrize("name", ["relu", "silu", "hardswish"])
@pytest.mark.parametrize("penalty", [0.0, 0.3])
def test_gradients_are_those_of_autograd(name, penalty):
    stack, _ = start(name)
    random = np.random.default_rng(3)
    inputs, target = (torch.from_numpy(random.uniform(-2, 2, (3, rows, 33)).astype(np.float32)) for rows in (2, 1))
    target = (target > 0).float()
    caps = torch.tensor([[0.4, 0.2, 0.05], [math.inf, 0.3, math.inf], [math.inf] * 3])
    found, of_caps = restrained_gradients(stack, caps, inputs, target, penalty)
    with torch.enable_grad():
        leaves = [part.clone().requires_grad_() for part in stack.parameters()]
        leaf = caps.clone().requires_grad_()
        values, loss = inputs.double(), torch.zeros((), dtype=torch.float64)
        for layer in range(3):
            z = leaves[layer].double() @ values + leaves[4 + layer].double()
            f = {
                "relu": torch.relu,
                "silu": torch.nn.functional.silu,
                "hardswish": torch.nn.functional.hardswish,
            }[name](z)
            values = torch.minimum(f, leaf.double()[:, layer, None, None])
            highest = values.amax((1, 2)).clamp(min=0.0)
            loss = loss + penalty / 3 * (highest - values.amin((1, 2)).clamp(max=0.0)).sum()
        logit = leaves[3].double() @ values + leaves[7].double()
        each = torch.nn.functional.binary_cross_entropy_with_logits(logit, target.double(), reduction="none")
        (loss + each.mean((1, 2)).sum()).backward()
    if not penalty:  # where the largest of several is the cap, autograd shares it among them
        assert torch.allclose(of_caps, leaf.grad, atol=1e-6)
        assert (of_caps[0] != 0).all()
    models = slice(0, 3) if not penalty else slice(1, 3)
    for part, expected in zip(found, leaves, strict=True):
        assert torch.allclose(part[models], expected.grad[models], atol=2e-6)


def test_a_learned_cap_that_binds_gives_the_gradients_of_the_capped_activation():
    plain, _ = start("silu")
    capped, _ = start("silu@0.25")
    random = np.random.default_rng(3)
    inputs = torch.from_numpy(random.uniform(-2, 2, (3, 2, 33)).astype(np.float32))
    target = torch.from_numpy(random.integers(0, 2, (3, 1, 33)).astype(np.float32))
    expected, none = restrained_gradients(capped, None, inputs, target)
    found, of_caps = restrained_gradients(plain, torch.full((3, 3), 0.25), inputs, target)
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(found, expected, strict=True))
    assert not none.any()
    assert of_caps.any()


def test_a_penalty_makes_the_range_smaller_and_the_more_so_the_larger_it_is():
    stack, masks = start("silu")
    spans = []
    for penalty in (0.0, 0.01, 0.1):
        trained, caps = train_restrained(stack, SEEDS, masks, Restraint(penalty=penalty), **SETTINGS)
        maps = capped_subject(trained, caps, SEEDS, masks).maps
        spans.append(float(torch.stack([out.amax((1, 2)) - out.amin((1, 2)) for out in maps.outputs]).mean()))
    assert spans[0] > 1.1 * spans[1] > 1.2 * spans[2]


def test_learned_caps_move_each_by_itself_and_fall_with_decay():
    stack, masks = start("relu")
    _, kept = train_restrained(stack, SEEDS, masks, Restraint(learned=Learned(1.0, 0.0)), **SETTINGS)
    _, fallen = train_restrained(stack, SEEDS, masks, Restraint(learned=Learned(1.0, 0.1)), **SETTINGS)
    assert len(kept.unique()) == 9
    assert (fallen < kept).all()
    assert (fallen >= LEAST_CAP).all()


def test_caps_do_not_cross_the_least():
    stack, masks = start("relu")
    _, caps = train_restrained(stack, SEEDS, masks, Restraint(learned=Learned(0.05, 50.0)), **SETTINGS)
    assert (caps >= LEAST_CAP).all()


def test_the_annealed_cap_is_low_rises_and_is_gone():
    cap = annealed(2.0, 5.0, 0.25, 0.75)
    found = [cap(step, 100) for step in range(100)]
    assert found[:26] == [2.0] * 26
    assert found[50] == 2.0 * 2.0**2.5
    assert np.allclose(np.diff(np.log2(found[25:75])), 0.1)
    assert found[75:] == [math.inf] * 25
    stack, masks = start("relu")
    _, caps = train_restrained(stack, SEEDS, masks, Restraint(cap_at=cap), **SETTINGS)
    assert caps.isinf().all()


@pytest.mark.parametrize("name", ["relu", "silu"])
def test_a_capped_subject_is_that_of_the_capped_activation(name):
    config = StudyConfig(hidden=HIDDEN, grid=16)
    capped, masks = start(f"{name}@1")
    capped, _ = train(capped, SEEDS, masks, **SETTINGS)
    plain = capped.with_activation(parse_activation(name))
    expected, found = subject(capped, SEEDS, masks), capped_subject(plain, torch.full((3, 3), 1.0), SEEDS, masks)
    for one, other in zip(found.maps.outputs, expected.maps.outputs, strict=True):
        assert torch.allclose(one, other, atol=1e-6)
        assert float(one.max()) == 1.0
    assert torch.allclose(found.maps.logit, expected.maps.logit, atol=1e-5)
    for bits in (2, 4, 8):
        for which in ("activations", "both"):
            scheme = static_schemes(bits)[which]
            pair = [
                effects_of(on, [plan_of(on.stack, on.maps, config, scheme)])[0]["accuracy_quantized"]
                for on in (found, expected)
            ]
            assert pair[0] == pytest.approx(pair[1], abs=2.0 / 256)  # a tie may take the neighbouring code
    free = subject(plain, SEEDS, masks)
    assert not np.allclose(free.float_logits.maps, found.float_logits.maps, atol=1e-2)


def test_caps_differ_by_network_and_layer():
    stack, masks = start("relu")
    caps = torch.tensor([[0.1, 0.05, 0.01], [0.4, 0.2, 0.1], [math.inf] * 3])
    outputs = capped_subject(stack, caps, SEEDS, masks).maps.outputs
    assert torch.stack([out.amax((1, 2)) for out in outputs], dim=1)[:2].allclose(caps[:2])
    alone = stack.select(slice(2, 3))
    expected = subject(alone, SEEDS[2:], masks[2:]).maps
    assert torch.allclose(outputs[2][2], expected.outputs[2][0], atol=1e-6)


def test_not_finite_networks_are_not_whole():
    stack, masks = start("relu")
    stack.weights[0][1, 0, 0] = math.nan
    on = capped_subject(stack, torch.full((3, 3), 1.0), SEEDS, masks)
    assert on.whole.tolist() == [True, False, True]
    assert np.isnan(on.float_logits.accuracy).tolist() == [False, True, False]


def test_what_cannot_be():
    with pytest.raises(ValueError, match="not both"):
        Restraint(cap_at=annealed(3.0, 1.0, 0.0, 1.0), learned=Learned(1.0, 0.0))
    for name in ("prelu", "relu@3"):
        stack, masks = start(name)
        with pytest.raises(ValueError, match=name):
            train_restrained(stack, SEEDS, masks, Restraint(), **SETTINGS)

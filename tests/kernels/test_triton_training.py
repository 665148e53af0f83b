"""The fused training step: against float64 autograd of the plain definitions, and against the study's own loop."""

import math
import os
from itertools import pairwise

import numpy as np
import pytest
import torch
from quantstudy_kernels import ACTIVATION_NAMES
from torch import Tensor

pytest.importorskip("triton", reason="triton is not installed")
from quantstudy_kernels.triton.training import flat_gradients, loss_gradients, step_constants, train

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETED, reason="there is a CUDA device: TRITON_INTERPRET=1 is not set")
pytestmark = pytest.mark.usefixtures("numpy_is_silent")

BOUND = 1e-6
"""Of max(1, |g|): `loss_gradients` says why. Largest seen in the interpreter: 1e-7."""


def draw_flat(models: int, neurons: tuple[int, ...], name: str, seed: int = 1) -> Tensor:
    """Parameters of order 1; prelu's slopes of both signs."""
    rng, rows = np.random.default_rng(seed), []
    for below, above in pairwise(neurons):
        rows.append(rng.normal(scale=math.sqrt(2 / below), size=(models, above * below)))
    rows += [rng.normal(scale=0.3, size=(models, width)) for width in neurons[1:]]
    rows += [rng.uniform(-0.5, 0.9, size=(models, width)) for width in neurons[1:-1] if name == "prelu"]
    return torch.from_numpy(np.concatenate(rows, axis=1).astype(np.float32))


def draw_points(models: int, inputs: int, points: int, seed: int = 2) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.uniform(-1, 1, (models, inputs, points)).astype(np.float32))
    return x, torch.from_numpy(rng.integers(0, 2, (models, 1, points)).astype(np.float32))


def split(flat: Tensor, neurons: tuple[int, ...], name: str) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Views of a row, cut up the slow way: weights, biases, slopes."""
    start, found = 0, ([], [], [])
    shapes = [[(above, below) for below, above in pairwise(neurons)]]
    shapes += [[(width, 1) for width in neurons[1:]], [(width, 1) for width in neurons[1:-1] if name == "prelu"]]
    for kind, sizes in zip(found, shapes, strict=True):
        for shape in sizes:
            kind.append(flat[:, start : start + math.prod(shape)].view(-1, *shape))
            start += math.prod(shape)
    assert start == flat.shape[1]
    return found


def losses(flat: Tensor, neurons, inputs: Tensor, target: Tensor, name: str, cap: float, definitions) -> Tensor:
    """The mean cross-entropy of each model, by definition."""
    weights, biases, slopes = split(flat, neurons, name)
    h = inputs
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        h = weight @ h + bias
        if k < len(weights) - 1:
            h = definitions[name](h, slopes[k] if slopes else None)
            h = h if cap == math.inf else torch.clamp(h, max=cap)
    return torch.nn.functional.binary_cross_entropy_with_logits(h, target, reduction="none").mean((1, 2))


def oracle(flat: Tensor, neurons, inputs: Tensor, target: Tensor, name: str, cap: float, definitions):
    exact = flat.double().requires_grad_()
    loss = losses(exact, neurons, inputs.double(), target.double(), name, cap, definitions)
    loss.sum().backward()
    return exact.grad, loss.detach()


def assert_gradients(got: tuple[Tensor, Tensor], want: tuple[Tensor, Tensor]) -> None:
    for ours, theirs in zip(got, want, strict=True):
        assert ours.shape == theirs.shape
        assert torch.isfinite(theirs).all()
        error = (ours.double().cpu() - theirs).abs() / theirs.abs().clamp_min(1)
        assert error.max() <= BOUND


@interpreted
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_interpreted_gradients_of_the_studys_network(name, definitions):
    neurons, flat = (2, 8, 8, 8, 1), draw_flat(1, (2, 8, 8, 8, 1), name)
    x, t = draw_points(1, 2, 70)
    assert_gradients(
        flat_gradients(flat, neurons, x, t, name), oracle(flat, neurons, x, t, name, math.inf, definitions)
    )


@interpreted
@pytest.mark.parametrize("cap", [0.4, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_interpreted_gradients_under_a_cap(name, cap, definitions):
    neurons, flat = (2, 5, 3, 1), draw_flat(2, (2, 5, 3, 1), name, seed=5)
    x, t = draw_points(2, 2, 40)
    assert_gradients(
        flat_gradients(flat, neurons, x, t, name, cap), oracle(flat, neurons, x, t, name, cap, definitions)
    )


@interpreted
@pytest.mark.parametrize(
    ("neurons", "points"),
    [
        *(((3, 4, 1), points) for points in (1, 31, 64, 65, 130)),
        *((neurons, 65) for neurons in ((2, 1), (2, 1, 1), (1, 3, 2, 4, 1), (2, 25, 1))),
    ],
)
def test_interpreted_gradients_of_any_size(neurons, points, definitions):
    name = "prelu"
    flat = draw_flat(1, neurons, name)
    x, t = draw_points(1, neurons[0], points)
    assert_gradients(
        flat_gradients(flat, neurons, x, t, name), oracle(flat, neurons, x, t, name, math.inf, definitions)
    )


@interpreted
@pytest.mark.slow
@pytest.mark.parametrize("name", ["relu", "prelu", "gelu"])
def test_interpreted_gradients_of_a_wide_network(name, definitions):
    neurons, flat = (2, 16, 16, 16, 1), draw_flat(1, (2, 16, 16, 16, 1), name)
    x, t = draw_points(1, 2, 33)
    assert_gradients(
        flat_gradients(flat, neurons, x, t, name), oracle(flat, neurons, x, t, name, math.inf, definitions)
    )


@interpreted
@pytest.mark.parametrize("cap", [math.inf, 3.0, pytest.param(0.75, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_interpreted_gradients_exactly_at_the_bends(name, cap, definitions):
    """1→1→1 with weights of 1: the pre-activation is the input. One model per point, so that none hides in a mean."""
    bends = np.array([-3.0, -1.5, 0.0, 1.5, 3.0], dtype=np.float32)
    x = np.concatenate([bends, np.nextafter(bends, np.float32(-9)), np.nextafter(bends, np.float32(9))])
    x = torch.from_numpy(x)[:, None, None]
    for slope in [[0.25], [-0.5]] if name == "prelu" else [[]]:  # -0.5 reaches the cap of 0.75 at exactly -1.5
        row = [1.0, 1.0, 0.0, 0.0, *slope]  # weights, biases, slope
        flat, t = torch.tensor(row).repeat(len(x), 1), torch.zeros_like(x)
        got = flat_gradients(flat, (1, 1, 1), x, t, name, cap)
        assert_gradients(got, oracle(flat, (1, 1, 1), x, t, name, cap, definitions))


@interpreted
@pytest.mark.parametrize(
    "name", ["relu", *(pytest.param(name, marks=pytest.mark.slow) for name in ("prelu", "silu", "hardgelu"))]
)
def test_interpreted_nan_and_infinities_stay_with_their_model(name):
    neurons, flat = (2, 3, 2, 1), draw_flat(4, (2, 3, 2, 1), name)
    x, t = draw_points(4, 2, 70)
    clean, _ = flat_gradients(flat, neurons, x, t, name)
    x[1, 0, 69], x[2, 1, 3], flat[3, 0] = math.nan, math.inf, math.nan
    got, loss = flat_gradients(flat, neurons, x, t, name)
    assert torch.equal(got[0], clean[0])
    assert loss.isfinite().tolist()[0::3] == [True, False]
    assert loss[1].isnan()
    assert got[1].isnan().all()
    assert got[3, :6].isnan().any()
    assert not got[2].isfinite().all()


@pytest.mark.slow
@interpreted
def test_interpreted_results_depend_on_nothing_but_the_model():
    neurons, name = (2, 4, 3, 1), "prelu"
    flat = draw_flat(3, neurons, name)
    x, t = draw_points(3, 2, 130)
    before = flat.clone(), x.clone(), t.clone()
    together, loss = flat_gradients(flat, neurons, x, t, name)
    assert torch.equal(together, flat_gradients(flat, neurons, x, t, name)[0])
    assert torch.equal(loss, flat_gradients(flat, neurons, x, t, name)[1])
    assert torch.equal(together[1:2], flat_gradients(flat[1:2], neurons, x[1:2], t[1:2], name)[0])
    assert all(torch.equal(a, b) for a, b in zip(before, (flat, x, t), strict=True))
    turned = x.transpose(1, 2).contiguous().transpose(1, 2)  # not contiguous
    assert torch.equal(together, flat_gradients(flat, neurons, turned, t, name)[0])
    assert flat_gradients(flat[:0], neurons, x[:0], t[:0], name)[0].shape == (0, flat.shape[1])


@interpreted
@pytest.mark.parametrize("name", ["relu", "prelu@0.5", "silu", "hardgelu", "hardgelu@1"])
def test_interpreted_gradients_are_those_of_the_study(name):
    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks import gradients, stack

    activation = parse_activation(name)
    stack = stack.initial_stack(activation, range(2), (8, 4))
    x, t = draw_points(2, 2, 50)
    *want, want_loss = gradients.loss_gradients(stack, x, t)
    *got, loss = loss_gradients(stack.weights, stack.biases, stack.slopes, x, t, activation.kernel, activation.cap)
    torch.testing.assert_close(loss, want_loss, rtol=0, atol=BOUND)
    for ours, theirs in zip(got, want, strict=True):
        assert [g.shape for g in ours] == [g.shape for g in theirs]
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=BOUND)


@interpreted
@pytest.mark.parametrize("name", ["prelu", pytest.param("leaky_relu", marks=pytest.mark.slow)])
def test_interpreted_training_is_torchs_adam(name, definitions):
    neurons, rates = (2, 4, 3, 1), [0.01, 0.05, 0.1, 0.02, 0.003, 0.001]
    flat = draw_flat(2, neurons, name)
    batches = [draw_points(2, 2, 70, seed=seed) for seed in range(len(rates))]
    theirs = flat.clone().requires_grad_()
    adam, want = torch.optim.Adam([theirs]), []
    for (x, t), rate in zip(batches, rates, strict=True):
        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        loss = losses(theirs, neurons, x, t, name, math.inf, definitions)
        want.append(loss.detach())
        loss.sum().backward()
        adam.step()
    ours = flat.clone()
    torch.testing.assert_close(train(ours, neurons, batches, rates, name), torch.stack(want, 1), rtol=0, atol=1e-5)
    assert (ours - flat).abs().max() > 0.1
    torch.testing.assert_close(ours, theirs.detach(), rtol=0, atol=2e-5)  # Adam divides: small gradients count too
    with pytest.raises(ValueError, match="zip"):
        train(flat, neurons, batches, rates[1:], name)


def test_constants():
    assert step_constants((2, 8, 8, 8, 1), "prelu") == {
        "NAME": "prelu",
        "NEURONS": (2, 8, 8, 8, 1),
        "WEIGHTS": (0, 16, 80, 144),
        "BIASES": (152, 160, 168, 176),
        "SLOPES": (177, 185, 193),
        "PARAMETERS": 201,
        "BLOCK": 64,
    }
    assert step_constants((2, 8, 8, 8, 1), "relu")["PARAMETERS"] == 177
    assert step_constants((2, 16, 16, 1), "relu")["BLOCK"] == 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "rellu"}, r"name: 'rellu'.*nearest: relu"),
        ({"cap": 0.0}, r"cap: 0.0"),
        ({"flat": torch.zeros(2, 16)}, r"flat: torch.float32 \[2, 16\]; allowed: float32 \[2, 17\]"),
        ({"flat": torch.zeros(2, 17).double()}, r"flat: torch.float64"),
        ({"inputs": torch.zeros(2, 3, 5)}, r"inputs: .*\[2, 3, 5\]; allowed: float32 \[2, 2, 5\]"),
        ({"inputs": torch.zeros(2, 2, 0)}, r"inputs: no points"),
        ({"target": torch.zeros(2, 5)}, r"target: .*\[2, 5\]; allowed: float32 \[2, 1, 5\]"),
        ({"neurons": (2, 4, 2)}, r"neurons: \[2, 4, 2\]"),
        ({"neurons": (2,)}, r"neurons: \[2\]"),
        ({"name": "prelu"}, r"flat: .*allowed: float32 \[2, 21\]"),
    ],
)
def test_bad_arguments(change, message):
    good = {"flat": torch.zeros(2, 17), "neurons": (2, 4, 1), "name": "relu", "cap": math.inf}
    good |= {"inputs": torch.zeros(2, 2, 5), "target": torch.zeros(2, 1, 5)}
    with pytest.raises(ValueError, match=message):
        flat_gradients(**good | change)


def test_prelu_without_its_slopes():
    weights, biases = [torch.zeros(1, 3, 2), torch.zeros(1, 1, 3)], [torch.zeros(1, 3, 1), torch.zeros(1, 1, 1)]
    with pytest.raises(ValueError, match="slopes: 0; prelu needs one tensor per hidden layer, 1"):
        loss_gradients(weights, biases, [None], torch.zeros(1, 2, 4), torch.zeros(1, 1, 4), "prelu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.skipif(INTERPRETED, reason="TRITON_INTERPRET=1 is set")
@pytest.mark.parametrize("name", ACTIVATION_NAMES)
def test_on_a_gpu(name, definitions):
    neurons, flat = (2, 8, 8, 8, 1), draw_flat(16, (2, 8, 8, 8, 1), name)
    x, t = draw_points(16, 2, 1000)
    got = flat_gradients(flat.cuda(), neurons, x.cuda(), t.cuda(), name)
    assert_gradients(got, oracle(flat, neurons, x, t, name, math.inf, definitions))
    assert torch.equal(got[0], flat_gradients(flat.cuda(), neurons, x.cuda(), t.cuda(), name)[0])

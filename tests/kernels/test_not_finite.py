"""NaN stays NaN and infinity stays where it is: nothing that is no number turns into one, nor a number into none."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from quantstudy_kernels import ACTIVATION_NAMES, reference
from quantstudy_kernels import reference_forward as slow
from quantstudy_kernels.cpu import activations
from quantstudy_kernels.cpu import forward as fast
from quantstudy_kernels.cpu.layout import layout
from quantstudy_kernels.cpu.trainer import Recipe, train
from quantstudy_kernels.forward import FLOAT, Fixed, Network, PerPoint, Rounding

HIDDEN = [(3, 9), (9, 3, 5), (1, 1), (8, 1, 8), (17, 2, 3)]
CAPPED = [("hardgelu", math.inf), ("relu", 3.0), ("prelu", 2.0), ("hardswish", 1.0)]


def huge(name: str, cap: float, hidden: tuple[int, ...]) -> Network:
    """A network whose first layer overflows, above 0 at every point of `POINTS`; all weights behind it are below 0."""
    generator, neurons = torch.Generator().manual_seed(3), (2, *hidden, 1)
    shapes = [(out, into) for into, out in itertools.pairwise(neurons)]
    weights = [-torch.rand(2, out, into, generator=generator) for out, into in shapes]
    weights[0] = torch.full_like(weights[0], 3e38)
    biases = tuple(0.3 * torch.randn(2, out, 1, generator=generator) for out, _ in shapes)
    slopes = tuple(torch.rand(2, width, 1, generator=generator) for width in hidden) if name == "prelu" else ()
    return Network(name, tuple(weights), biases, slopes, cap)


POINTS = torch.rand(2, 400, generator=torch.Generator().manual_seed(1)) * 0.5 + 0.5


def tensors(maps):
    return [*maps.preactivations, *maps.outputs, maps.logit]


@pytest.mark.parametrize(("name", "cap"), [*CAPPED, ("relu", math.inf), ("leaky_relu", math.inf), ("prelu", math.inf)])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("alone", [False, True])
def test_infinity_inside_leaves_the_logit_finite_where_it_is_at_any_width(name, cap, hidden, alone):
    """A cap, a quantizer, or relu of minus infinity makes numbers of what is infinite before it."""
    network = huge(name, cap, hidden)
    step = Fixed(torch.full((1, 1, 1), 0.25), torch.zeros(1, 1, 1, dtype=torch.int32), -128, 127)
    late = (None, *(step,) * (len(hidden) - 1))
    ways = [Rounding(outputs=(step,) * len(hidden)), Rounding(preactivations=late)]
    for rounding in [FLOAT, *ways] if (name, cap) == ("relu", math.inf) or cap < math.inf else ways:
        got, want = (module.forward(network, POINTS, rounding, isolated=alone) for module in (fast, slow))
        assert alone or want.logit.isfinite().all()
        for a, b in zip(tensors(got), tensors(want), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5, equal_nan=True)
        if not alone:
            assert torch.equal(fast.logits(network, POINTS, [rounding, FLOAT, *ways])[0], got.logit)


@pytest.mark.parametrize("hidden", [(9, 3), (3, 5, 2)])
def test_infinity_at_some_points_changes_no_other_bit(hidden):
    network = huge("relu", math.inf, hidden)
    network = replace(network, weights=(network.weights[0] * 1e-38, *network.weights[1:]))
    points = POINTS.clone()
    points[:, 7] = 3e38
    got, before = (fast.forward(network, where).logit for where in (points, POINTS))
    others = torch.arange(400) != 7
    assert torch.equal(got[..., others], before[..., others])
    assert got.isfinite().all()


@pytest.mark.parametrize("name", ACTIVATION_NAMES)
@pytest.mark.parametrize("cap", [math.inf, 1.5])
def test_nan_goes_through_every_activation_value_and_derivative(name, cap):
    x = torch.linspace(-3, 3, 37)
    x[[3, 20, 36]] = math.nan
    slope = torch.full((1,), 0.25) if name == "prelu" else None
    g = torch.ones_like(x)
    for module in (activations, reference):
        value, derivative = module.activation_forward_and_derivative(x, name, slope=slope, cap=cap)
        alone = module.activation_forward(x, name, slope=slope, cap=cap)
        back, _ = module.activation_backward(g, x, name, slope=slope, cap=cap)
        for found in (value, derivative, alone, back):
            assert torch.equal(found.isnan(), x.isnan()), (module.__name__, name)
        gradient, sums = module.activation_backward(x.nan_to_num(0) * math.nan, x, name, slope=slope, cap=cap)
        assert gradient.isnan().all()
        assert sums is None or sums.isnan().all()


@pytest.mark.parametrize("name", [*ACTIVATION_NAMES, "relu@2", "prelu@2"])
@pytest.mark.parametrize("hidden", [(8, 8), (5, 3)])
def test_a_nan_in_any_parameter_or_point_is_a_nan_logit(name, hidden):
    base, _, cap = name.partition("@")
    network = huge(base, float(cap or math.inf), hidden)
    network = replace(network, weights=(network.weights[0] * 1e-38, *network.weights[1:]))
    four = Fixed(torch.full((1, 1, 1), 0.2), torch.full((1, 1, 1), 2, dtype=torch.int32), -8, 7)
    tokens = [PerPoint(-128, 127, symmetric) for symmetric in (False, True)]
    ways = [FLOAT, *(Rounding((), (q,) * 2, (q,) * 2, q) for q in (four, *tokens))]
    for kind in ("weights", "biases", "slopes"):
        for layer, tensor in enumerate(getattr(network, kind)):
            wrong = tensor.clone()
            wrong[1, -1, -1] = math.nan
            parts = getattr(network, kind)
            broken = replace(network, **{kind: (*parts[:layer], wrong, *parts[layer + 1 :])})
            logits = fast.logits(broken, POINTS if kind != "slopes" else -POINTS, ways)
            assert logits[:, 0].isfinite().all()
            if kind != "slopes":  # a slope matters below 0 alone
                assert logits[:, 1].isnan().all()
    points = POINTS.clone()
    points[1, [5, 399]] = math.nan
    assert torch.equal(fast.logits(network, points, ways).isnan(), points.sum(0).isnan().expand(4, 2, 1, 400))


def test_the_code_of_nan_is_nan_and_one_of_infinity_an_end():
    x = torch.tensor([math.nan, math.inf, -math.inf, 0.3])
    for scale in (torch.full((4,), 0.1), 0.1):
        assert reference.quantize_codes(x, scale, 1, -8, 7)[1:].tolist() == [7.0, -8.0, 4.0]
        assert reference.quantize_codes(x, scale, 1, -8, 7)[0].isnan()
        assert reference.fake_quantize(x, scale, 1, -8, 7)[0].isnan()
    assert reference.fake_quantize(x, math.nan, 0, -8, 7).isnan().all()


def recipe(name: str, neurons: tuple[int, ...], cap: float = math.inf, batch: int = 40) -> Recipe:
    return Recipe(name, cap, neurons, batch, [0.05] * 4, 0.9, 0.999, 1e-8, 2)


def start(how: Recipe) -> np.ndarray:
    plan = layout(how.neurons, how.name == "prelu")
    values = np.random.default_rng(0).standard_normal((1, len(plan.places))).astype(np.float32) / 2
    values[:, plan.slopes[0] : plan.slopes[1]] = 0.25
    return values


ISLANDS = np.random.default_rng(1).random((1, 9, 9)) < 0.5


@pytest.mark.parametrize("neurons", [(2, 8, 8, 1), (2, 3, 5, 1), (2, 9, 3, 1), (2, 1, 1, 1)])
def test_the_loss_is_finite_where_relu_of_minus_infinity_is_nothing(neurons):
    how = recipe("relu", neurons)
    first, hidden = start(how), neurons[1]
    weights = sum(a * b for a, b in itertools.pairwise(neurons))
    first[0, 2 * hidden : weights - neurons[2]] = -1.0
    first[0, weights : weights + hidden] = np.inf
    _, losses = train(how, first, [0], ISLANDS)
    assert np.isfinite(losses[0, 0])
    after, _ = train(replace(how, rates=how.rates[:1]), first, [0], ISLANDS)
    assert np.isfinite(after[0, -1])


@pytest.mark.parametrize(("name", "cap"), CAPPED)
@pytest.mark.parametrize("width", [8, 3, 9])
def test_networks_train_on_above_a_cap_that_holds_infinity(name, cap, width):
    """Every bias of the first layer is infinite: only what the cap lets through remains, whatever fills up a tile."""
    how = recipe(name, (2, width, 5, 1), cap)
    first = start(how)
    first[0, : 2 * width] = 0.0
    biases = slice(2 * width + 5 * width + 5, 2 * width + 5 * width + 5 + width)
    first[0, biases] = np.inf
    trained, losses = train(how, first, [0], ISLANDS)
    rest = np.ones(len(first[0]), bool)
    rest[biases] = False
    assert np.isfinite(losses).all()
    assert np.isfinite(trained[0, rest]).all()
    last = biases.stop + 5
    assert trained[0, last] != first[0, last]


def test_what_fills_up_a_block_of_points_takes_no_part_even_where_it_is_infinite():
    """One point is drawn, near a side; at (0, 0), which is in the buffer to begin with, the second layer overflows."""
    from quantstudy_kernels.draws import numbers

    how = recipe("relu", (2, 4, 2, 1), batch=1)
    how = replace(how, rates=how.rates[:1])
    columns = [int(numbers(np.array(seed), 2, np.array(0), 1, 81)[0]) % 9 for seed in range(50)]
    seed = columns.index(8)
    first = start(how)
    first[0, :8] = np.tile([-3e38, 0.0], 4)
    first[0, 8:16] = 1.0
    first[0, 18:22] = 2e38  # 2e38 − 3e38 · x
    trained, losses = train(how, first, [seed], ISLANDS)
    assert np.isfinite(losses).all()
    assert np.isfinite(trained).all()
    assert trained[0, -1] != first[0, -1]


@pytest.mark.parametrize("name", ["relu", "prelu", "silu", "hardgelu"])
@pytest.mark.parametrize("neurons", [(2, 8, 8, 1), (2, 5, 3, 1)])
def test_a_nan_parameter_makes_nan_of_the_network_and_is_never_lost(name, neurons):
    how = recipe(name, neurons)
    first = start(how)
    slopes = layout(neurons, name == "prelu").slopes
    for place in range(0, slopes[0], 3):
        broken = first.copy()
        broken[0, place] = np.nan
        trained, losses = train(how, broken, [0], ISLANDS)
        assert np.isnan(trained).all(), place
        assert np.isnan(losses).all()
    broken = first.copy()
    broken[0, slopes[0] - 1] = np.nan  # the last bias: nothing but the loss sees it
    assert np.isnan(train(how, broken, [0], ISLANDS)[0]).all()

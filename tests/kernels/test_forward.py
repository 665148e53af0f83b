import doctest
import math
from dataclasses import dataclass, replace
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import data, integers, lists, sampled_from
from quantstudy_kernels import reference_forward as slow
from quantstudy_kernels.cpu import forward as fast
from quantstudy_kernels.cpu import program
from quantstudy_kernels.cpu.forward_block import ACTIVATE, AFFINE, LEAVE, ROUND, START
from quantstudy_kernels.forward import FLOAT, Fixed, Maps, Network, PerPoint, Rounding
from torch import Tensor

from quantstudy.activations.catalogue import parse_activation
from quantstudy.networks.stack import Stack, initial_stack
from quantstudy.quantize.fake_quant import accumulated, isolated, quantized_logits
from quantstudy.quantize.fake_quant import rounding as rounding_of
from quantstudy.quantize.plan import Plan, build_plan, float_maps
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.targets.islands import plane

SCHEMES = ["w4", "a4", "w4a4", "w8a8", "w4a8dyn", "w8a8dyn"]
NAMES = ["relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped", "silu@1.5"]
NAMES += ["gelu_tanh", "quick_gelu"]
HIDDEN = [(8, 8, 8), (5, 17, 3), (9,)]
POINTS = [1, 7, 16, 353, 1000]


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """More threads than free cores would only make tiny tensors slow."""


@dataclass
class Case:
    """One study object and what the kernels take of it."""

    stack: Stack
    plan: Plan
    points: Tensor
    network: Network
    rounding: Rounding


def quantizer(q: Quantizer | TokenQuantizer | None) -> Fixed | PerPoint | None:
    if q is None:
        return None
    if isinstance(q, TokenQuantizer):
        return PerPoint(q.format.low, q.format.high, q.symmetric, q.least)
    return Fixed(q.scale, q.zero_point, q.format.low, q.format.high, q.format.float8)


def case(
    name: str, hidden: tuple[int, ...], scheme: str, placement: str = "post", coordinates: bool = False, points: int = 0
) -> Case:
    stack = initial_stack(parse_activation(name), [0, 1, 2], hidden)
    generator = torch.Generator().manual_seed(7)
    stack = replace(stack, biases=tuple(0.3 * torch.randn(b.shape, generator=generator) for b in stack.biases))
    where = torch.rand(2, points, generator=generator) * 2 - 1 if points else torch.from_numpy(plane(20))
    maps = float_maps(stack, where)
    plan = build_plan(stack, maps, parse_scheme(scheme), placement=placement, input_bits=8 if coordinates else 0)
    slopes = tuple(s for s in stack.slopes if s is not None)
    network = Network(stack.activation.kernel, stack.weights, stack.biases, slopes, stack.activation.cap)
    weights, before, after = (tuple(map(quantizer, q)) for q in (plan.weights, plan.preactivations, plan.outputs))
    return Case(stack, plan, where, network, Rounding(weights, before, after, quantizer(plan.inputs)))


def tensors(maps: Maps) -> list[Tensor]:
    return [*(t for pair in zip(maps.preactivations, maps.outputs, strict=True) for t in pair), maps.logit]


def largest(want: Tensor) -> float:
    return max(1.0, float(want.abs().max()))


@pytest.mark.parametrize("placement", ["post", "pre", "both"])
@pytest.mark.parametrize("scheme", [*SCHEMES, "wf8af8", "wf8e5m2af8e5m2", "w4af8"])
@pytest.mark.parametrize("name", ["prelu", "gelu", "hardgelu", "silu@1.5"])
def test_what_the_study_computes_at_once_is_what_it_computes_layer_by_layer(name, scheme, placement, monkeypatch):
    c = case(name, (5, 17, 3), scheme, placement, coordinates=True)
    maps = float_maps(c.stack, c.points)
    at_once = maps, accumulated(c.stack, c.plan, c.points), isolated(c.stack, c.plan, maps)
    (logit,) = quantized_logits(c.stack, [c.plan], c.points)
    monkeypatch.setattr(Stack, "portable", False)  # product, activation and quantizer one after the other
    by_layer = float_maps(c.stack, c.points), accumulated(c.stack, c.plan, c.points), isolated(c.stack, c.plan, maps)
    for got, want in zip(at_once, by_layer, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(want.preactivations, got.preactivations, strict=True))
        assert all(torch.equal(a, b) for a, b in zip(want.outputs, got.outputs, strict=True))
        assert torch.equal(want.logit, got.logit)
    assert torch.equal(logit, by_layer[1].logit)
    assert rounding_of(c.plan) == c.rounding


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("name", NAMES)
def test_float_maps_are_the_references_up_to_summation_order(name, hidden, points):
    c = case(name, hidden, "w8", points=points)
    for rounding in (FLOAT, c.rounding):  # rounded weights
        for alone in (False, True):
            got = fast.forward(c.network, c.points, rounding, isolated=alone)
            want = slow.forward(c.network, c.points, rounding, isolated=alone)
            for a, b in zip(tensors(got), tensors(want), strict=True):
                assert a.shape == b.shape
                assert a.is_contiguous()
                assert (a - b).abs().max() < 3e-6 * largest(b)


def near_ties(q: Fixed | PerPoint, x: Tensor) -> Tensor:
    """Where the code of x may turn over with a difference of some 1e-6 of x: within 1e-3 steps of a tie."""
    own = slow.chosen(q, x)
    position = x / own.scale
    near = ((position - position.floor()) - 0.5).abs() < 1e-3
    if isinstance(q, PerPoint) and not q.symmetric:
        zero = x.amin(1, keepdim=True).clamp(max=0) / own.scale
        near = near | (((zero - zero.floor()) - 0.5).abs() < 1e-3)
    return near


@pytest.mark.parametrize("coordinates", [False, True])
@pytest.mark.parametrize("placement", ["post", "pre", "both"])
@pytest.mark.parametrize("scheme", SCHEMES[1:])
@pytest.mark.parametrize("name", ["prelu", "gelu", "hardgelu"])
def test_codes_differ_from_the_references_only_at_ties(name, scheme, placement, coordinates):
    c = case(name, (5, 17, 3), scheme, placement, coordinates)
    network, rounding = c.network, c.rounding
    got = fast.forward(network, c.points, rounding, isolated=True)
    want = slow.forward(network, c.points, rounding, isolated=True)
    turned = []
    for layer in range(network.hidden):
        z, other = want.preactivations[layer], got.preactivations[layer]
        assert (z - other).abs().max() < 3e-6 * largest(z)
        near = torch.zeros_like(z, dtype=torch.bool)
        values = z
        if rounding.preactivations[layer] is not None:
            near |= near_ties(rounding.preactivations[layer], values)
            values = slow.rounded(rounding.preactivations[layer], values)
        values = slow._activate(network, layer, values)
        if rounding.outputs[layer] is not None:
            near |= near_ties(rounding.outputs[layer], values)
            if isinstance(rounding.outputs[layer], PerPoint) and rounding.preactivations[layer] is not None:
                near |= near.any(1, keepdim=True)  # another extreme moves the scale of all neurons
        away = (got.outputs[layer] - want.outputs[layer]).abs() > 3e-6 * largest(want.outputs[layer])
        assert not (away & ~near).any()
        turned.append(float(away.double().mean()))
    assert (got.logit - want.logit).abs().max() < 3e-6 * largest(want.logit)
    # per token and symmetric, an extreme that is negative lies on a tie by construction: at worst one value in `width`
    assert max(turned) < {"w8a8dyn": 0.1, "w4a8dyn": 0.01}.get(scheme, 0.002)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["relu", "silu"])
def test_the_network_as_a_whole(name, scheme):
    """A code that turned over at a tie moves what comes after it, so this counts points instead of bounding them."""
    c = case(name, (8, 8, 8), scheme)
    got, want = (module.forward(c.network, c.points, c.rounding).logit for module in (fast, slow))
    off = (got - want).abs() > 3e-6 * largest(want)
    assert off.double().mean() < (0.3 if "dyn" in scheme else 0.05 if "a" in scheme else 1e-9)


@pytest.mark.parametrize("name", ["leaky_relu", "prelu"])  # torch fuses a product of hardgelu, or not
def test_without_sums_the_bits_are_the_references(name):
    """One input each and no bias: nothing to add up in another order, so codes and values are equal bit for bit."""
    c = case(name, (9, 9), "w8a8dyn", "both", coordinates=True, points=777)
    pick = torch.zeros(3, 9, 2)
    pick[:, torch.arange(9), torch.arange(9) % 2] = torch.linspace(-2, 2, 9)
    weights = (pick, torch.eye(9).expand(3, 9, 9).contiguous(), c.network.weights[2] * (torch.arange(9) == 4))
    network = replace(c.network, weights=weights, biases=tuple(torch.zeros_like(b) for b in c.network.biases))
    for symmetric in (False, True):
        per_point = PerPoint(-128, 127, symmetric)
        rounding = Rounding((), (per_point,) * 2, (per_point,) * 2, per_point)
        for alone in (False, True):
            got = fast.forward(network, c.points, rounding, isolated=alone)
            want = slow.forward(network, c.points, rounding, isolated=alone)
            assert all(torch.equal(a, b) for a, b in zip(tensors(got), tensors(want), strict=True))


def ways(network: Network, name: str, hidden: tuple[int, ...]) -> list[Rounding]:
    """Ways to quantize one network that have layers, quantizers or nothing in common."""
    found = [FLOAT]
    for scheme, placement, coordinates in product(
        ["w4", "a4", "w4a4", "w8a8dyn"], ["post", "pre", "both"], [False, True]
    ):
        c = case(name, hidden, scheme, placement, coordinates, points=500)
        found.append(c.rounding)
        for layer in range(len(hidden)):  # only from one layer on
            kept = (
                tuple(None if k < layer else q for k, q in enumerate(quantizers))
                for quantizers in (c.rounding.weights, c.rounding.preactivations, c.rounding.outputs)
            )
            found.append(Rounding(*kept, c.rounding.inputs))
    return found


@settings(max_examples=25, deadline=None)
@given(data())
def test_many_ways_at_once_are_each_of_them_alone(drawn):
    name, hidden = drawn.draw(sampled_from(NAMES)), drawn.draw(sampled_from(HIDDEN))
    c = case(name, hidden, "w8", points=500)
    pool = ways(c.network, name, hidden)
    chosen = [pool[k] for k in drawn.draw(lists(integers(0, len(pool) - 1), min_size=1, max_size=12))]
    together = fast.logits(c.network, c.points, chosen)
    assert together.shape == (len(chosen), 3, 1, 500)
    for got, rounding in zip(together, chosen, strict=True):
        assert torch.equal(got, fast.forward(c.network, c.points, rounding).logit)


def test_ways_do_not_depend_on_each_other_where_values_are_infinite():
    """What fills up the tile of a layer of three neurons is zeros at every step, whichever comes last."""
    ones = (torch.full((1, 3, 2), 3e38), *(torch.ones(1, 3, 3) for _ in range(2)), torch.ones(1, 1, 3))
    network = Network("relu", ones, tuple(torch.zeros(1, w.shape[1], 1) for w in ones))
    points = torch.tensor([[1.0, 0.5], [1.0, -0.5]])
    steps = (Fixed(torch.full((1, 1, 1), s), torch.zeros(1, 1, 1, dtype=torch.int32), -8, 7) for s in (0.1, 0.2))
    found = [Rounding(preactivations=(None, step, None)) for step in steps]
    alone = [slow.forward(network, points, way).logit for way in (FLOAT, *found)]
    for order in ([0, 1, 2], [2, 1, 0], [1], [1, 2], [2, 1, 2]):
        together = fast.logits(network, points, [(FLOAT, *found)[k] for k in order])
        for got, k in zip(together, order, strict=True):
            torch.testing.assert_close(got, alone[k], rtol=0, atol=0, equal_nan=True)


def test_no_way_at_all_and_scales_for_other_rows():
    c = case("relu", (8, 8), "w8", points=5)
    assert fast.logits(c.network, c.points, []).shape == (0, 3, 1, 5)
    three = Fixed(torch.ones(1, 3, 1), torch.zeros(1, 3, 1, dtype=torch.int32), -8, 7)
    for way in (Rounding(outputs=(three, None)), Rounding(inputs=three)):
        with pytest.raises(ValueError, match=r"scale: 3 rows; allowed: 1 or (8|2)"):
            fast.forward(c.network, c.points, way)


def test_what_ways_have_in_common_is_computed_once(monkeypatch):
    c = case("silu", (8, 8, 8), "w4a4", points=30)
    tables: list[list[int]] = []

    def noted(b, steps, *rest):
        tables.append(steps[:, 0].tolist())
        return run_model(b, steps, *rest)

    run_model = program.run_model
    monkeypatch.setattr(program, "run_model", noted)
    last = Rounding((None, None, None, c.rounding.weights[3]))
    fast.logits(c.network, c.points, [FLOAT, last, FLOAT, c.rounding, Rounding(c.rounding.weights)])
    steps = tables[0]
    assert (steps.count(START), steps.count(LEAVE)) == (1, 5)
    # float: 4 layers; one more product for `last`; the quantized weights: 4 with outputs rounded, and 3 more without
    assert (steps.count(AFFINE), steps.count(ACTIVATE), steps.count(ROUND)) == (12, 8, 3)


@pytest.mark.parametrize("special", [math.nan, math.inf])
@pytest.mark.parametrize("hidden", [(17, 3, 5), (3, 17, 2)])
def test_what_is_not_finite_stays_where_it_is(special, hidden):
    """Rows are used again for other layers, whose last tiles hold fewer neurons: nothing may be left in them."""
    c = case("relu", hidden, "w4a4", "both", points=1100)
    points = c.points.clone()
    points[:, 5] = special
    for alone in (False, True):
        for values in tensors(fast.forward(c.network, points, c.rounding, isolated=alone)):
            assert values[:, :, 6:].isfinite().all()
    many = ways(c.network, "relu", hidden)
    for chosen in (many, many[::-1]):
        assert fast.logits(c.network, points, chosen)[..., 6:].isfinite().all()


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("symmetric", [False, True])
def test_values_that_are_not_finite(special, symmetric):
    c = case("relu", (8, 8), "w8", points=40)
    points = c.points.clone()
    points[0, 3] = points[0, 39] = special  # in a whole vector and in the rest
    network = c.network
    per_point = PerPoint(-128, 127, symmetric)
    for rounding in (FLOAT, Rounding((), (None, per_point), (per_point, None), None), Rounding((), (per_point,) * 2)):
        got, want = (module.forward(network, points, rounding) for module in (fast, slow))
        for a, b in zip(tensors(got), tensors(want), strict=True):
            assert torch.equal(a.isnan(), b.isnan())
            assert torch.equal(a.isinf(), b.isinf())


def test_the_same_bits_with_any_number_of_threads():
    c = case("gelu", (8, 8, 8), "w8a8dyn", points=900)
    threads, found = torch.get_num_threads(), []
    try:
        for number in (1, 2, 3):
            torch.set_num_threads(number)
            maps = fast.forward(c.network, c.points, c.rounding)
            found.append([*tensors(maps), fast.logits(c.network, c.points, [FLOAT, c.rounding])])
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_no_points_give_empty_maps():
    c = case("relu", (4,), "w8", points=5)
    for module in (slow, fast):
        maps = module.forward(c.network, c.points[:, :0])
        assert [list(t.shape) for t in tensors(maps)] == [[3, 4, 0], [3, 4, 0], [3, 1, 0]]


def test_one_scale_for_all_models_and_arguments_stay():
    c = case("relu", (4,), "w8", points=33)
    shared = Fixed(torch.full((1, 1, 1), 0.2), torch.full((1, 1, 1), -3, dtype=torch.int32), -8, 7)
    before = [t.clone() for t in (*c.network.weights, *c.network.biases, c.points)]
    for module in (slow, fast):
        outputs = module.forward(c.network, c.points, Rounding(outputs=(shared,))).outputs[0]
        torch.testing.assert_close(outputs / 0.2, (outputs / 0.2).round())
    strided = torch.stack([c.points[1], c.points[0]]).flip(0)[:, ::2]
    a, b = (fast.forward(c.network, p).logit for p in (strided, strided.contiguous()))
    assert torch.equal(a, b)
    after = (*c.network.weights, *c.network.biases, c.points)
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))


def test_bad_arguments():
    c = case("relu", (4, 4), "w8", points=5)
    one, network = (None,), c.network
    prelu = replace(network, name="prelu")
    for module in (slow, fast):
        for function in (module.forward, lambda n, p, *r: fast.logits(n, p, r or (FLOAT,))):
            for arguments, message in (
                (
                    (replace(network, weights=network.weights[:1]), c.points),
                    r"weights: \[2, 4\] neurons; allowed: inputs, at least one hidden layer, outputs, each 1 to 256",
                ),
                (
                    (replace(network, biases=()), c.points),
                    r"biases: 0 of them; allowed: 3, for \[2, 4, 4, 1\] neurons",
                ),
                ((prelu, c.points), r"slopes: 0 of them; allowed: 2"),
                ((network, c.points, Rounding(weights=one)), r"rounding.weights: 1 of them; allowed: 0 or 3"),
                ((network, c.points, Rounding(outputs=one)), r"rounding.outputs: 1 of them; allowed: 0 or 2"),
                ((network, c.points[0]), r"points: shape \[5\]; allowed: \[2, points\] or \[3, 2, points\]"),
                ((replace(network, name="rely"), c.points), r"name: 'rely' is no activation; nearest: relu"),
                ((replace(network, cap=-1.0), c.points), r"cap: -1.0; allowed: a number above 0"),
            ):
                with pytest.raises(ValueError, match=message):
                    function(*arguments)
    with pytest.raises(ValueError, match=r"points: torch.float64 on cpu; allowed: torch.float32 on the CPU"):
        fast.forward(network, c.points.double())
    with pytest.raises(ValueError, match=r"weights\[1\]: torch.float64"):
        fast.forward(
            replace(network, weights=(network.weights[0], network.weights[1].double(), network.weights[2])), c.points
        )


def test_the_examples_in_the_docstring():
    result = doctest.testmod(slow)
    assert result.attempted > 0
    assert result.failed == 0

"""The integer arithmetic against the simulated path, and against exact arithmetic."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.attribution import UNEXPLAINED, attributed
from quantstudy.deploy.decisions import differ
from quantstudy.deploy.integer.emulate import answers, emulated, input_codes, leaving, outputs
from quantstudy.deploy.integer.exchanges import exchanges
from quantstudy.deploy.integer.functions import DEPARTURES, function_of, places, table_of
from quantstudy.deploy.integer.numbers import INT32, Coded, rescale
from quantstudy.deploy.integer.plan import Integral, integral
from quantstudy.deploy.integer.sums import sums_of
from quantstudy.deploy.network import Floats, Integers, Layer
from quantstudy.deploy.steps import after, codes_of, replay, simulated_steps
from quantstudy.errors import BadInput
from tests.deploy.random_networks import SCHEMES, SEVEN, network, plane

WIDTHS = (1, 2, 3, 5, 8, 17)


def forced(net: Integral, points: Floats) -> tuple[int, int]:
    """Largest difference of a code, and flips, if every layer is given what the simulated path hands on."""
    told = replay(net.network, simulated_steps(net.network), points)
    entering, worst = input_codes(net, points), 0
    for k, layer in enumerate(net.network.layers[:-1]):
        assert layer.after is not None
        simulated = codes_of(told.values[after(k)], layer.after).astype(np.int64)
        worst = max(worst, int(np.abs(leaving(net, k, entering) - simulated).max()))
        entering = simulated
    return worst, int(differ(net.network, told.logit, answers(net, outputs(net, entering))).sum())


def everything_exchanged(net: Integral, points: Floats) -> bool:
    """Whether a replay with all operations exchanged is the emulator's answer, bit for bit."""
    steps = simulated_steps(net.network)
    for exchange in exchanges(net).values():
        steps = exchange(steps)
    found = answers(net, emulated(net, input_codes(net, points)).outputs)
    return np.array_equal(replay(net.network, steps, points).logit, found)


@settings(max_examples=60)
@given(
    activation=st.sampled_from((*SEVEN, "relu6", "silu@3", "gelu_tanh", "quick_gelu", "hardgelu_uncapped")),
    scheme=st.sampled_from((*SCHEMES, "w3a5", "w8a2")),
    neurons=st.lists(st.sampled_from(WIDTHS), min_size=3, max_size=5),
    seed=st.integers(0, 10**6),
    placement=st.sampled_from(("post", "post", "both")),
    observer=st.sampled_from(("minmax", "fixed")),
    weights=st.sampled_from(("symmetric", "restricted", "no_clipping")),
    input_bits=st.sampled_from((0, 0, 8)),
    granularity=st.sampled_from(("channel", "tensor")),
)
def test_integers_stay_within_one_code_of_the_simulated_path(
    activation: str, scheme: str, neurons: list[int], seed: int, placement: str, observer: str, weights: str,
    input_bits: int, granularity: str,
) -> None:  # fmt: skip
    options = {"placement": placement, "observer": observer, "weight_observer": weights, "granularity": granularity}
    slopes = (0.9, -0.7, 0.0, 3.0)
    told = network(activation, scheme, tuple(neurons), seed, slopes=slopes, input_bits=input_bits, **options)
    net, points = integral(told), plane(seed + 1, neurons[0], 200)
    worst, _ = forced(net, points)
    assert worst <= 1
    assert everything_exchanged(net, points)


@pytest.mark.parametrize("placement", ["pre", "both"])
@pytest.mark.parametrize("activation", ["silu", "prelu", "hardgelu"])
def test_a_coded_preactivation_is_looked_up(activation: str, placement: str) -> None:
    told = network(activation, "w8a8", seed=3, placement=placement, slopes=(0.9, -0.7))
    net, points = integral(told), plane(4, 2)
    assert all(hidden.table is not None for hidden in net.hidden)
    assert {len(hidden.table) for hidden in net.hidden if hidden.table is not None} == {
        8 if activation == "prelu" else 1
    }
    assert everything_exchanged(net, points)
    logit = replay(told, simulated_steps(told), points).logit
    found = answers(net, emulated(net, input_codes(net, points)).outputs)
    assert np.abs(found - logit).max() < 0.05 * np.ptp(logit)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("activation", SEVEN)
def test_flips_are_few_and_each_has_a_name(activation: str, scheme: str) -> None:
    net, points = integral(network(activation, scheme, seed=7, slopes=(0.9, -0.7))), plane(8, 2, 4000)
    found = answers(net, emulated(net, input_codes(net, points)).outputs)
    names = attributed(net.network, points, found, exchanges(net))
    assert UNEXPLAINED not in names
    # these networks are not trained: more points than of others lie beside their borders
    assert np.count_nonzero(names) <= (2 if activation not in DEPARTURES else 12)
    assert forced(net, points)[1] == 0


def test_int32_is_proved_for_wide_layers() -> None:
    points = plane(1, 256, 20)
    told = network("relu", "w8a8", (256, 256, 256, 3), 1, points=points)
    net = integral(told)
    emulated(net, input_codes(net, points))  # checks every sum on the way
    for sums, coded in zip(net.sums, (net.inputs, *(hidden.leaving for hidden in net.hidden)), strict=True):
        for ends, bound in (((coded.low, coded.high), sums.high), ((coded.high, coded.low), sums.low)):
            worst = np.where(sums.weights > 0, ends[1], ends[0])  # of every neuron the codes with which it is largest
            assert np.array_equal(np.diagonal(sums(worst.T)), bound)
        size = (sums.weights * np.where(sums.weights > 0, coded.high, coded.low)).sum(axis=1).max()
        assert size * 2.0 ** (sums.extra.min() + 1) + np.abs(sums.bias).max() * 2.0 > INT32 / 2, "more bits would fit"


def _layer(codes: np.ndarray, bias: list[float], scale: float = 0.01) -> Layer:
    scales = np.full(len(codes), scale, dtype=np.float32)
    coded = Integers(scales, np.zeros(len(codes), dtype=np.int32), 8, -128, 127)
    return Layer((codes * scales[:, None]).astype(np.float32), codes.astype(np.int32), coded, np.float32(bias))


WIDE = Coded(2.0**-14, 0, -(2**15), 2**15 - 1)


def test_sums_that_int32_does_not_hold_are_refused() -> None:
    layer = _layer(np.full((2, 511), -128), [0.5, -3.0])
    sums = sums_of(layer, WIDE, 24)
    assert (sums.extra <= 0).all()
    exact = 128 * 2 * 511 * float(np.float32(0.01)) + layer.bias.astype(np.float64)
    assert sums(np.full((511, 1), -(2**15)))[:, 0] * sums.unit == pytest.approx(exact, rel=1e-9)
    with pytest.raises(BadInput, match="fewer are needed"):
        sums_of(_layer(np.full((2, 512), -128), [0.5, -3.0]), WIDE, 24)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e-9])
def test_a_neuron_without_weights_keeps_its_bias(scale: float) -> None:
    layer = _layer(np.array([[0, 0], [1, -1], [5, 9]]), [0.75, 40.0, 0.0], scale=scale)
    sums = sums_of(layer, Coded(0.1, 3, -8, 7), 24)
    found = sums(np.array([[-8, 7], [7, -8]])) * sums.unit[:, None]
    assert found[:2] == pytest.approx(np.array([[0.75] * 2, [40.0] * 2]), rel=1e-5)
    assert found[2] == pytest.approx(np.array([-19.0, -79.0]) * float(np.float32(scale)) * 0.1)


@given(ratio=st.floats(1e-9, 1e3), value=st.integers(-(2**20), 2**20))
def test_rescaling_rounds_once_halves_up(ratio: float, value: int) -> None:
    found = rescale([ratio])
    multiplier, shift = int(found.multiplier[0]), found.shift
    assert multiplier == pytest.approx(ratio * 2**shift, rel=2**-29) or shift == 62
    exact = Fraction(value * multiplier, 2**shift) + Fraction(1, 2)
    assert found(np.array([[value]]))[0, 0] == exact.numerator // exact.denominator


@pytest.mark.parametrize("fraction", [8, 12, 16, 18])
@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "hardswish", "hardgelu", "hardswish@2", "prelu"])
def test_pieces_are_exact_to_half_of_the_last_place(name: str, fraction: int) -> None:
    slopes = np.array([0.9, -0.7, 0.0, 1.75]) if name == "prelu" else None
    bends = np.array([-6, -3, -1.5, 0, 1.5, 3, 6]) * 2**fraction
    near = (bends[:, None] + np.arange(-3, 4)).ravel()
    every = np.linspace(-(8 << fraction), 8 << fraction, 20001).astype(np.int64)
    z = np.concatenate([near, every]).astype(np.int64)[None] * np.ones((4, 1), dtype=np.int64)
    given = torch.from_numpy(z / 2.0**fraction)
    slope = None if slopes is None else torch.from_numpy(slopes)[:, None]
    exact = parse_activation(name)(given, slope).numpy() * 2.0**fraction
    found = function_of(parse_activation(name), fraction, slopes)(z)
    assert np.abs(found - exact).max() <= 0.55
    for at in (-3, 0, 3) if name == "hardswish" else (-1.5, 0, 1.5, 3) if name == "hardgelu" else ():
        point = np.full((1, 1), int(at * 2**fraction))
        assert function_of(parse_activation(name), fraction, None)(point)[0, 0] == max(at, 0) * 2**fraction


@pytest.mark.parametrize("name", DEPARTURES)
def test_what_the_table_holds_is_even_and_ends_below_a_bit(name: str) -> None:
    a = torch.linspace(0, 12, 500, dtype=torch.float64)
    f = parse_activation(name)
    departure = torch.tensor([DEPARTURES[name][0](float(x)) for x in a], dtype=torch.float64)
    assert torch.allclose(a - f(a), departure, atol=1e-12)
    assert torch.allclose(-f(-a), departure, atol=1e-12)
    table = table_of(name)
    assert len(table) == len(places(name)) == 257
    assert table[0] == 0
    assert table.max() < 2**15
    assert table[-1] <= 1
    z = np.arange(-(20 << 18), 20 << 18, 11)[None]
    found = function_of(f, 18, None)(z)[0]
    exact = f(torch.from_numpy(z[0] / 2.0**18)).numpy() * 2.0**16
    assert np.abs(found / 4 - exact).max() < 3.5  # 6e-5


def test_rounding_of_inputs_and_saturation() -> None:
    net = integral(network("relu", "w8a8"))
    assert input_codes(net, np.float32([[0.5, 3e-5], [-2.5, 2.5]])).tolist() == [[8192, 0], [-32768, 32767]]
    wide = integral(network("relu", "w8a8", about={"largest_input": 5.5}))
    assert wide.input_fraction == 12
    assert input_codes(wide, np.float32([[5.5], [-8.5]])).tolist() == [[22528], [-32768]]


def test_several_outputs_have_one_scale() -> None:
    net = integral(network("gelu", "w4a8", (2, 5, 10), 3))
    points = plane(5, 2, 300)
    exact = replay(net.network, simulated_steps(net.network), points)
    after_first = net.network.layers[0].after
    assert after_first is not None
    entering = codes_of(exact.values[after(0)], after_first).astype(np.int64)
    assert answers(net, outputs(net, entering)) == pytest.approx(
        exact.logit, abs=float(1e-5 * np.abs(exact.logit).max())
    )

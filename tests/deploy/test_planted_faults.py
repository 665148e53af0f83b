"""Flips go to the operation that makes them: each is planted once, and found."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from quantstudy.deploy.attribution import TIE, attributed
from quantstudy.deploy.integer.emulate import answers, emulated, input_codes
from quantstudy.deploy.integer.exchanges import (
    BIAS,
    FLOAT_ORDER,
    FUNCTION,
    INPUT,
    RANGE,
    REQUANTIZATION,
    TABLE,
    exchanges,
)
from quantstudy.deploy.integer.plan import Design, Integral, integral
from quantstudy.deploy.network import Deployed, Floats, Integers, Layer
from quantstudy.deploy.stacks import simulated
from tests.deploy.random_networks import network, plane

POINTS = plane(11, 2, 4000)


def names(net: Integral, points: Floats = POINTS) -> Counter[str]:
    """To what the flips of a network are put down."""
    found = answers(net, emulated(net, input_codes(net, points)).outputs)
    counted = Counter(attributed(net.network, points, found, exchanges(net)).tolist())
    counted.pop("", None)
    return counted


@pytest.mark.parametrize(
    ("activation", "scheme", "design", "name"),
    [
        ("relu", "w4a4", Design(extra=0), BIAS),
        ("silu", "w4a4", Design(extra=0), BIAS),
        ("prelu", "w4a4", Design(extra=0), BIAS),
        ("relu", "w8a8", Design(fraction=4), REQUANTIZATION),
        ("relu", "w4a8", Design(fraction=4), REQUANTIZATION),
        ("silu", "w8a8", Design(steps=16), TABLE),
        ("gelu", "w8a8", Design(steps=8), TABLE),
        ("hardswish", "w8a8", Design(inputs=4), INPUT),
        ("leaky_relu", "w4a8", Design(inputs=5), INPUT),
        ("relu", "w8a8", Design(inputs=16), RANGE),
        ("gelu", "w4a4", Design(inputs=16), RANGE),
    ],
)
def test_a_poorer_design_is_named(activation: str, scheme: str, design: Design, name: str) -> None:
    told = network(activation, scheme, seed=5, slopes=(0.9, -0.7))
    assert sum(names(integral(told)).values()) <= 8
    found = names(integral(told, design))
    assert found[name] >= 20
    ties = found[TIE] if name == BIAS else 0  # with a coarse bias sums are often exactly 0
    assert found[name] + ties >= 0.9 * sum(found.values())


def faulty(net: Integral, name: str) -> Integral:
    """The network with one fault in one layer's numbers."""
    sums, hidden = list(net.sums), list(net.hidden)
    function = hidden[1].function
    assert function is not None
    if name == BIAS:
        sums[1] = replace(sums[1], bias=sums[1].bias + (1 << (int(sums[1].extra.min()) + 5)))
    elif name == REQUANTIZATION:
        scaled = hidden[1].scaled
        hidden[1] = replace(hidden[1], scaled=replace(scaled, multiplier=scaled.multiplier * 21 // 20))
    elif name == TABLE:
        assert function.table is not None
        hidden[1] = replace(hidden[1], function=replace(function, table=function.table * 7 // 8))
    else:
        assert function.slopes is not None
        hidden[1] = replace(hidden[1], function=replace(function, slopes=function.slopes * 7 // 8))
    return replace(net, sums=tuple(sums), hidden=tuple(hidden))


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        *(("prelu", name) for name in (BIAS, REQUANTIZATION, FUNCTION)),
        *(("silu", name) for name in (BIAS, REQUANTIZATION, TABLE)),
    ],
)
def test_a_wrong_number_is_named(activation: str, name: str) -> None:
    found = names(faulty(integral(network(activation, "w4a8", seed=6, slopes=(0.9, -0.7))), name))
    assert found[name] >= 10
    assert found[name] >= 0.9 * sum(found.values())


def test_what_float_sums_lose_is_named() -> None:
    """A bias that takes away almost exactly what the weights add up to: float32 rounds it to the other side of 0."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-127, 128, (1, 64))
    points = rng.uniform(-1, 1, (64, 40)).astype(np.float32)
    scale, zero = np.float32([0.013]), np.int32([0])
    inputs = Integers(np.float32([1 / 127]), np.int32([3]), 8, -128, 127)
    coded, found = Integers(scale, zero, 8, -128, 127), Counter[str]()
    for k in range(40):
        layer = Layer((weights * scale).astype(np.float32), weights.astype(np.int32), coded, np.float32([0]))
        net = integral(Deployed("relu", (layer,), inputs, {"scheme": "w8a8"}))
        codes = input_codes(net, points[:, k : k + 1])
        exact = -answers(net, emulated(net, codes).outputs)[0]
        told = Deployed("relu", (replace(layer, bias=exact.astype(np.float32)),), inputs, {"scheme": "w8a8"})
        net = integral(told, Design(extra=20))
        logit = simulated(told, points[:, k : k + 1]).logit[0].numpy()
        found += names(net, points[:, k : k + 1])
        assert abs(logit[0, 0]) < 1e-4
    assert found[FLOAT_ORDER] >= 5
    assert set(found) <= {FLOAT_ORDER, TIE, BIAS}

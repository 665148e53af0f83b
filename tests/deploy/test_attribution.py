"""Every flip gets the name of the operation that makes it: faults planted one at a time, pairs that need each other."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from quantstudy.deploy.attribution import REST, TIE, UNEXPLAINED, attributed
from quantstudy.deploy.decisions import differ
from quantstudy.deploy.engines import ENGINES
from quantstudy.deploy.parity import FORCED, FREE, parity
from quantstudy.deploy.stacks import simulated
from quantstudy.deploy.steps import Exchange, Steps, replay, simulated_steps
from tests.deploy import planted
from tests.deploy.conftest import Make

BY_ONE: list[tuple[str, str, planted.Plant, dict[str, object]]] = [
    ("function", "onnx", planted.tanh_gelu, {"activation": "gelu", "scheme": "w8a8"}),
    ("function", "onnx-int", planted.tanh_gelu, {"activation": "gelu", "scheme": "w8a8"}),
    ("requantization rounding", "onnx", planted.cut_codes, {"activation": "hardgelu"}),
    ("requantization rounding", "onnx-int", planted.cut_codes, {"activation": "prelu", "scheme": "w4a4"}),
    ("input rounding", "onnx", planted.cut_inputs, {"input_bits": 5}),
    ("input rounding", "onnx-int", planted.cut_inputs, {"input_bits": 5}),
    ("saturation", "onnx-int", planted.saturated, {"scheme": "w8a8", "hidden": (16, 16)}),
    ("re-quantized bias", "onnx", planted.bias_inside, {"scheme": "w4a4"}),
    ("float order", "onnx", planted.rescaled, {"activation": "silu", "scheme": "w8a8"}),
    ("float order", "onnx-int", planted.rescaled, {"activation": "silu", "scheme": "w8a8"}),
    ("graph optimizer", "onnx", planted.matmul, {"activation": "hardgelu", "scheme": "w4"}),
]


@pytest.mark.parametrize(("name", "form", "plant", "how"), BY_ONE)
def test_a_planted_fault_is_named(
    make: Make, name: str, form: str, plant: planted.Plant, how: dict[str, object]
) -> None:
    network, points = make(**{"points": 12000, "hidden": (9, 8), **how})
    found = parity(ENGINES[form], planted.with_fault(form, network, plant), network, points)
    if name == REST and not found.flips:
        pytest.skip("this processor has no kernel by which onnxruntime would quantize inputs")
    others = {other: count for other, count in found.flips.items() if other != name}
    assert found.flips.get(name, 0) >= 3, found.flips
    # what the sound engine flips, or what two faults of one kind make together, may have another name
    assert sum(others.values()) <= 2 + 0.05 * found.flips[name], found.flips
    assert UNEXPLAINED not in found.flips


def test_a_flip_needs_a_name_of_its_own(make: Make) -> None:
    """All that differ are named, and no other."""
    network, points = make("gelu", "w8a8", points=12000)
    file = planted.with_fault("onnx", network, planted.tanh_gelu)
    answers = ENGINES["onnx"].run(file, network, points).logit
    names = attributed(network, points, answers, ENGINES["onnx"].exchanges(file, network, points))
    reference = simulated(network, points).logit[0].numpy()
    assert np.array_equal(names != "", differ(network, reference, answers))


def moved(by: float) -> Exchange:
    """Add something to what the last layer of three gives."""

    def exchange(steps: Steps) -> Steps:
        return replace(steps, affine=lambda k, x: steps.affine(k, x) + (by if k == 2 else 0.0))

    return exchange


def test_two_operations_that_flip_together_only(make: Make) -> None:
    network, points = make("relu", "w8a8")
    reference = replay(network, simulated_steps(network), points).logit
    size = float(np.median(np.abs(reference)))
    answers = reference + 2 * size
    names = attributed(network, points, answers, {"first": moved(size), "second": moved(size)})
    flips = differ(network, reference, answers)
    alone = differ(network, reference, reference + np.float32(size))
    assert set(names[alone]) == {"first"}
    assert set(names[flips & ~alone]) == {"second"}  # beside the first one
    assert set(names[~flips]) == {""}


def test_what_nothing_explains_is_said_to_be_so(make: Make) -> None:
    network, points = make("relu", "w8a8")
    reference = simulated(network, points).logit[0].numpy()
    for plain, name in ((None, UNEXPLAINED), (reference, REST), (-reference, UNEXPLAINED)):
        names = attributed(network, points, -reference, {}, plain)
        assert Counter(names.tolist())[name] == np.count_nonzero(reference != 0)


def test_an_answer_of_exactly_0_is_a_tie(make: Make) -> None:
    network, points = make("relu", "w8a8")
    reference = simulated(network, points).logit[0].numpy()
    answers = np.where(np.arange(reference.shape[1]) % 7 == 0, np.float32(0), reference)
    names = attributed(network, points, answers, {"never asked": moved(0.0)})
    gone = (np.arange(reference.shape[1]) % 7 == 0) & (reference[0] > 0)
    near = gone & (reference[0] <= 1e-5 * np.abs(reference).max())
    assert gone.sum() > 100
    assert np.array_equal(names == TIE, near)  # an engine that gives 0 where the answer is large is broken, not tied
    assert np.array_equal(names == UNEXPLAINED, gone & ~near)
    last = network.layers[-1]
    at = int(np.argmin(np.abs(reference[0])))  # let one answer be as good as 0
    bias = last.bias - reference[0, at] + np.float32(1e-9)
    network = replace(network, layers=(*network.layers[:-1], replace(last, bias=bias)))
    reference = simulated(network, points).logit[0].numpy()
    flipped = np.where(np.arange(reference.shape[1]) == at, np.where(reference > 0, np.float32(0), 1e-9), reference)
    assert attributed(network, points, flipped, {})[at] == TIE


def test_no_answers_no_flips_of_dead_networks(make: Make) -> None:
    """All maps equal: a network whose last weights are 0 and whose bias decides alone."""
    network, points = make("relu", "w8a8")
    last = network.layers[-1]
    assert last.codes is not None
    for bias, ties in ((1.0, 0), (0.0, points.shape[1])):
        dead = replace(last, weights=last.weights * 0, codes=last.codes * 0, bias=np.array([bias], np.float32))
        network = replace(network, layers=(*network.layers[:-1], dead))
        for form in ("onnx", "onnx-int"):
            from quantstudy.deploy.formats import made

            found = parity(ENGINES[form], made(form, network).data, network, points)
            assert (found.flips, found.ties, found.apart) == ({}, ties, 0.0)


def test_codes_from_the_engines_own_codes(make: Make) -> None:
    """Layer by layer a fault of the first layer is seen there alone; added up it is seen behind it, too."""
    network, points = make("relu", "w8a8", hidden=(6, 6, 6))

    def first_only(graph, _):
        scale = network.layers[0].after.scale[0]
        planted.before(
            graph,
            lambda node: node.name == "layers.0.output.codes",
            "Sub",
            lambda _: np.float32(3 * scale).reshape(()),
        )

    found = parity(ENGINES["onnx"], planted.with_fault("onnx", network, first_only), network, points)
    off = {
        mode: {place: sum(count for lsb, count in counts.items() if abs(lsb) > 1) for place, counts in places.items()}
        for mode, places in found.lsb.items()
    }
    assert off[FORCED]["layers.0.output"] > 1000
    assert off[FORCED]["layers.1.output"] == off[FORCED]["layers.2.output"] == 0
    assert off[FREE]["layers.1.output"] > 100
    assert found.forced_flips == 0

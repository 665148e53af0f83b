"""One network as numbers: the same bits as in the stack, in JSON and back, and one line where that is damaged."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.deploy.as_json import from_json, network_of, text_of, to_json
from quantstudy.deploy.stacks import deployed, require_deployable_scheme, simulated
from quantstudy.deploy.steps import after, codes_of, integers_at, replay, simulated_steps, values_of
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.scheme import parse_scheme
from tests.deploy.conftest import Make, stack_and_plan

WAYS: list[dict[str, object]] = [
    {},
    {"placement": "pre"},
    {"placement": "both"},
    {"input_bits": 8},
    {"input_bits": 5, "placement": "both"},
    {"input_bits": 8, "input_rounding": "truncate", "weight_observer": "restricted", "observer": "fixed"},
    {"weight_observer": "no_clipping", "observer": "mse"},
    {"powers": True},
    {"granularity": "tensor"},
    {"hidden": (1,)},
    {"hidden": (3, 1, 17), "inputs": 5, "outputs": 4},
]


@pytest.mark.parametrize("how", WAYS, ids=str)
@pytest.mark.parametrize(("activation", "scheme"), [("prelu", "w4a8"), ("hardgelu", "w8a8"), ("gelu", "w3a5")])
def test_a_network_of_a_stack_gives_the_same_bits(activation: str, scheme: str, how: dict[str, object]) -> None:
    stack, plan, points = stack_and_plan(activation, scheme, **how)  # type: ignore[arg-type]
    reference = accumulated(stack, plan, points)
    for model in range(stack.models):
        network = network_of(text_of(deployed(stack, plan, model, {"scheme": scheme})), "a file")
        found = simulated(network, points.numpy())
        assert torch.equal(found.logit[0], reference.logit[model])
        for own, theirs in zip(found.outputs, reference.outputs, strict=True):
            assert torch.equal(own[0], theirs[model])


@pytest.mark.parametrize("scheme", ["w4", "a4", "w8", "a8", "w4a4", "w4a8-w8a8"])
def test_parts_that_stay_float_do(make: Make, scheme: str) -> None:
    network, points = make("silu", scheme)
    assert (network.layers[0].codes is not None) == ("w" in scheme)
    assert (network.layers[0].after is not None) == ("a" in scheme)
    steps = replay(network, simulated_steps(network), points)
    assert np.array_equal(steps.logit, simulated(network, points).logit[0].numpy())
    if scheme == "w4a8-w8a8":
        assert [layer.coded and layer.coded.bits for layer in network.layers] == [4, 4, 8]


@given(
    st.sampled_from(["relu", "prelu", "gelu", "hardswish"]), st.integers(2, 8), st.integers(2, 8), st.integers(0, 99)
)
@settings(max_examples=25)
def test_steps_are_the_simulated_path(activation: str, weights: int, activations: int, seed: int) -> None:
    stack, plan, points = stack_and_plan(activation, f"w{weights}a{activations}", models=1, seed=seed, points=64)
    network = deployed(stack, plan, 0, {"scheme": f"w{weights}a{activations}"})
    found, reference = replay(network, simulated_steps(network), points.numpy()), accumulated(stack, plan, points)
    assert np.array_equal(found.logit, reference.logit[0].numpy())
    for k, layer in enumerate(network.layers[:-1]):
        assert layer.after is not None
        codes = codes_of(found.values[after(k)], layer.after)
        assert layer.after.low <= codes.min() <= codes.max() <= layer.after.high
        assert np.array_equal(values_of(codes, layer.after), found.values[after(k)])
        assert np.array_equal(codes, plan.outputs[k].codes(reference.outputs[k])[0].numpy())  # type: ignore[union-attr]


def test_weights_are_their_codes_times_their_scale(make: Make) -> None:
    network, _ = make("relu", "w4a8")
    for layer in network.layers:
        assert layer.codes is not None
        assert layer.coded is not None
        assert np.array_equal(layer.weights, layer.codes.astype(np.float32) * layer.coded.scale[:, None])
        assert layer.coded.low <= layer.codes.min() <= layer.codes.max() <= layer.coded.high


def test_places_come_in_the_order_of_computing(make: Make) -> None:
    network, _ = make("relu", "w4a8", placement="both", input_bits=8)
    assert list(integers_at(network)) == [
        *("inputs", "layers.0.preactivation", "layers.0.output", "layers.1.preactivation", "layers.1.output"),
    ]


@pytest.mark.parametrize("name", ["w4a8dyn", "w8a8dyn", "wf8af8", "w9a9", "w4a8-w9a9", "w16"])
def test_schemes_that_no_file_holds(name: str) -> None:
    with pytest.raises(BadInput, match=r"^scheme: .* is not allowed; (static ranges|integers of at most 8 bits)"):
        require_deployable_scheme(parse_scheme(name), "relu")


def test_functions_that_no_file_holds() -> None:
    with pytest.raises(BadInput, match=r"^activation: 'tanh' is not allowed; a function of the catalogue"):
        require_deployable_scheme(parse_scheme("w4a8"), "tanh")
    require_deployable_scheme(parse_scheme("w4a8"), "relu6")


@pytest.mark.parametrize("missing", ["layers", "activation", "inputs", "about"])
def test_a_file_that_lacks_something_is_damaged(make: Make, missing: str) -> None:
    told = to_json(make()[0])
    del told[missing]
    with pytest.raises(StudyFailure, match=rf"^net\.json is damaged: KeyError: '{missing}'; export it again$"):
        from_json(told, "net.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda told: told["layers"][0]["weights"].pop(), "weights of shape"),
        (lambda told: told["layers"][0]["codes"].pop(), "with codes of shape"),
        (lambda told: told["layers"][0].update(bias="none"), "could not convert"),
        (lambda told: told.update(quantstudy_network=99), "version 99, not 1"),
        (lambda told: told.update(layers=3), "not iterable"),
    ],
)
def test_a_file_of_other_shapes_is_damaged(make: Make, change, said: str) -> None:
    told = json.loads(text_of(make()[0]))
    change(told)
    with pytest.raises(StudyFailure, match=said) as caught:
        network_of(json.dumps(told), "net.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "3"])
def test_what_is_no_network_is_damaged(text: str) -> None:
    with pytest.raises(StudyFailure, match=r"^net\.json is damaged"):
        network_of(text, "net.json")


def test_nothing_that_is_not_finite_is_written(make: Make) -> None:
    network, _ = make()
    first = replace(network.layers[0], bias=np.full_like(network.layers[0].bias, np.nan))
    with pytest.raises(ValueError, match="not JSON compliant"):
        text_of(replace(network, layers=(first, *network.layers[1:])))

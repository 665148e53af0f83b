"""Between stacks with their plans, and single networks as numbers: the simulated path stays the reference of both."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Codes, Deployed, Floats, Integers, Layer
from quantstudy.errors import BadInput
from quantstudy.networks.stack import Stack
from quantstudy.quantize.fake_quant import accumulated
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.plan import GIVEN, InputQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer, TokenQuantizer, Truncation
from quantstudy.quantize.scheme import Scheme

MOST_BITS = 8
"""Of weights and activations in files: engines have no integers with more."""


def require_deployable_scheme(scheme: Scheme, activation: str) -> None:
    """Check that networks can be written into files: integers of a range known beforehand, a function with a kernel.

    Raises:
        BadInput: they can't.
    """
    parts = [part for one in (scheme, scheme.last) if one for part in (one.weights, one.activations) if part]
    if scheme.dynamic:
        allowed = "static ranges are needed (w4a8, say): engines choose ranges at run time each in its own way"
        raise BadInput("scheme", str(scheme), allowed)
    if not all(isinstance(part, IntFormat) and part.bits <= MOST_BITS for part in parts):
        raise BadInput("scheme", str(scheme), f"integers of at most {MOST_BITS} bits: w8, w4a8, w8a8, …")
    if parse_activation(activation).kernel is None:
        allowed = "a function of the catalogue that has a kernel is needed: one from outside is known by name only"
        raise BadInput("activation", activation, allowed)


def deployed(stack: Stack, plan: Plan, model: int, about: Mapping[str, Any]) -> Deployed:
    """Return one network of a quantized stack as numbers.

    Args:
        stack: the float networks, or repaired ones.
        plan: their quantization, see `require_deployable_scheme`.
        model: which of them.
        about: its provenance.
    """

    def layer(k: int) -> Layer:
        weights, quantizer = stack.weights[k], plan.weights[k]
        codes = coded = None
        if quantizer is not None:
            codes, coded = quantizer.codes(weights)[model], _integers(quantizer, model)
            weights = quantizer(weights)
        slope = stack.slopes[k] if k < stack.hidden else None
        before = plan.preactivations[k] if k < stack.hidden else None
        after = plan.outputs[k] if k < stack.hidden else None
        return Layer(
            _floats(weights[model]),
            None if codes is None else _whole(codes),
            coded,
            _floats(stack.biases[k][model, :, 0]),
            None if slope is None else _floats(slope[model, :, 0]),
            _integers(before, model),
            _integers(after, model),
        )

    layers = tuple(layer(k) for k in range(stack.hidden + 1))
    return Deployed(stack.activation.name, layers, _integers(plan.inputs, model), dict(about))


def _integers(quantizer: InputQuantizer, model: int) -> Integers | None:
    if quantizer is None:
        return None
    if isinstance(quantizer, TokenQuantizer):
        raise TypeError("ranges that are chosen at run time can't be written down")
    form, cut = quantizer.format, isinstance(quantizer, Truncation)
    model = model if len(quantizer.scale) > 1 else 0  # inputs are the same for all, and so is their quantizer
    scale, zero_point = _floats(quantizer.scale[model, :, 0]), _whole(quantizer.zero_point[model, :, 0])
    low = -form.high if cut else form.low
    return Integers(scale, zero_point, form.bits, low, form.high, truncated=cut)


def _floats(values: torch.Tensor) -> Floats:
    return np.ascontiguousarray(values.detach().cpu().numpy().astype(np.float32))


def _whole(values: torch.Tensor) -> Codes:
    return np.ascontiguousarray(values.detach().cpu().numpy().astype(np.int32))


def stack_of(network: Deployed) -> tuple[Stack, Plan]:
    """Return a network as a stack of one, with the plan that gives it the same numbers, bit for bit."""
    layers, hidden = network.layers, network.layers[:-1]

    def each(values: Callable[[Layer], Floats | None]) -> tuple[torch.Tensor | None, ...]:
        found = (values(layer) for layer in layers)
        return tuple(None if one is None else torch.from_numpy(one.copy()).unsqueeze(0) for one in found)

    def columns(values: Callable[[Layer], Floats | None]) -> tuple[Any, ...]:
        return tuple(None if one is None else one.unsqueeze(-1) for one in each(values))

    stack = Stack(
        parse_activation(network.activation),
        tuple(one for one in each(lambda layer: layer.weights) if one is not None),
        columns(lambda layer: layer.bias),
        columns(lambda layer: layer.slope)[:-1],
    )
    codes = next((q for q in (layer.coded for layer in layers) if q is not None), None)
    ranges = next((q for layer in hidden for q in (layer.before, layer.after) if q is not None), None)
    scheme = Scheme(
        None if codes is None else IntFormat(codes.bits), None if ranges is None else IntFormat(ranges.bits)
    )
    return stack, Plan(
        scheme,
        tuple(quantizer_of(layer.coded) for layer in layers),
        tuple(quantizer_of(layer.before) for layer in hidden),
        tuple(quantizer_of(layer.after) for layer in hidden),
        quantizer_of(network.inputs),
        GIVEN,
    )


def quantizer_of(integers: Integers | None) -> Any:
    """Return the simulated path's quantizer of one network, None for None."""
    if integers is None:
        return None
    form = IntFormat(integers.bits)
    if integers.truncated:
        return Truncation(form)
    form = form if form.low == integers.low else replace(form, restricted=True)
    scale, zero_point = torch.from_numpy(integers.scale.copy()), torch.from_numpy(integers.zero_point.copy())
    return Quantizer(form, scale.view(1, -1, 1), zero_point.view(1, -1, 1))


def simulated(network: Deployed, points: Floats) -> Any:
    """Return the maps of one network by the simulated path, see `fake_quant.accumulated`; points [in, points]."""
    stack, plan = stack_of(network)
    return accumulated(stack, plan, torch.from_numpy(points))

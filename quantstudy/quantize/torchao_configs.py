"""From a scheme to the torchao configurations that it runs: one per Linear of a network.

They are what the torchao backend hands to torchao's `quantize_` itself; anybody may do the same by hand:

    from torchao.quantization import quantize_

    for layer, config in zip(linears, torchao_configs("w4a8dyn", len(linears)), strict=True):
        quantize_(layer, config)
"""

from typing import Any

import torch
from torch import Tensor

from quantstudy.errors import BadInput
from quantstudy.quantize.formats import Format, IntFormat
from quantstudy.quantize.plan import GIVEN, ActivationQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer, mapping
from quantstudy.quantize.scheme import MAX_TORCHAO_BITS, Scheme, parse_scheme
from quantstudy.quantize.torchao_import import quantization

AVAILABLE = "torchao has configurations for w2 to w8, w2a8dyn to w8a8dyn, w8a8, wf8 and wf8af8"


def torchao_configs(
    scheme: Scheme | str, layers: int, *, plan: Plan | None = None, model: int = 0, tokens: int = 0
) -> list[Any]:
    """Return the torchao configuration of every Linear of a network, from the first to the last.

    The first one is weight-only in every scheme: the network's inputs stay float.

    | scheme    | 8-bit weights                           | weights of 2 to 7 bits                  |
    |-----------|-----------------------------------------|-----------------------------------------|
    | `wB`      | `Int8WeightOnlyConfig`                  | `IntxWeightOnlyConfig`                  |
    | `wBa8dyn` | `Int8DynamicActivationInt8WeightConfig` | `Int8DynamicActivationIntxWeightConfig` |
    | `w8a8`    | `Int8StaticActivationInt8WeightConfig`  | none                                    |

    `wf8` is `Float8WeightOnlyConfig`, `wf8af8` is `Float8StaticActivationFloat8WeightConfig`. torchao multiplies floats
    of 8 bits with scales per row on both sides or on neither. So that weights may have one per output channel, a
    configuration of `wf8af8` holds the one scale of a layer's inputs as often as there are tokens.

    Args:
        scheme: as in a study, `w4a8dyn` or the `Scheme` of that name.
        layers: number of Linears; not less than 1.
        plan: of this scheme. A static scheme needs it: each of its configurations holds the scale and the zero point of
            one layer's inputs. Any plan also says how weight scales are chosen (`symmetric` without a plan).
            Where they are GIVEN, the configurations choose others: `torchao_backend` puts the plan's in their place.
        model: which network of the plan's stack.
        tokens: how many points the network will be given at once, which `wf8af8` has to know.

    Raises:
        BadInput: torchao has no configuration for the scheme (activations alone, static ranges other than w8a8, more
            than 8 bits), or none for how the plan chooses weight scales or where it quantizes; a static scheme without
            a plan; a plan of another scheme or of another number of layers; `wf8af8` without tokens.

    >>> [type(config).__name__ for config in torchao_configs("w4a8dyn", 3)]
    ['IntxWeightOnlyConfig', 'Int8DynamicActivationIntxWeightConfig', 'Int8DynamicActivationIntxWeightConfig']
    """
    scheme = parse_scheme(scheme) if isinstance(scheme, str) else scheme
    if not scheme.in_torchao or scheme.weights is None:
        raise BadInput("scheme", str(scheme), AVAILABLE)
    if layers < 1:
        raise BadInput("layers", layers, "a network has at least one")
    observer = "symmetric" if plan is None else _observer_of(plan, scheme, layers)
    first = _weight_only(scheme.weights, observer)
    if scheme.activations is None:
        return [first] * layers
    if scheme.dynamic:
        return [first, *[_dynamic(scheme.weights.bits, observer)] * (layers - 1)]
    if plan is None:
        raise BadInput("plan", None, f"{scheme} has static ranges: a plan of it says which")
    if isinstance(scheme.activations, IntFormat):
        return [first, *(static_int8(*_numbers(quantizer, model)) for quantizer in plan.outputs)]
    if tokens < 1:
        raise BadInput("tokens", tokens, f"{scheme} has as many scales as a network is given points: at least 1")
    return [first, *(_static_float8(_numbers(quantizer, model)[0], tokens) for quantizer in plan.outputs)]


def static_int8(scale: Tensor, zero_point: Tensor) -> Any:
    """Return torchao's configuration for 8-bit weights and inputs of one fixed scale and zero point, [1, 1] each."""
    ao = quantization()
    return ao.quant_api.Int8StaticActivationInt8WeightConfig(
        act_quant_scale=scale,
        act_quant_zero_point=zero_point,
        granularity=[ao.granularity.PerTensor(), ao.granularity.PerRow()],
        act_mapping_type=mapping("affine"),
    )


def _observer_of(plan: Plan, scheme: Scheme, layers: int) -> str:
    """Return how a plan chooses weight scales, once it is clear that torchao can do what the plan says."""
    if plan.scheme != scheme:
        raise BadInput("plan", str(plan.scheme), f"a plan of {scheme} is needed")
    if len(plan.weights) != layers:
        raise BadInput("layers", layers, f"the plan is one for {len(plan.weights)}")
    if plan.inputs is not None or any(quantizer is not None for quantizer in plan.preactivations):
        raise BadInput("plan", str(scheme), "torchao quantizes nothing but the inputs of layers behind the first")
    observer = plan.weight_observer
    if observer == GIVEN:
        return "symmetric"
    if scheme.weights == IntFormat(MAX_TORCHAO_BITS) and observer != "symmetric":
        raise BadInput("weight_observer", observer, f"torchao's {MAX_TORCHAO_BITS}-bit weights are symmetric")
    return observer


def _weight_only(form: Format, observer: str) -> Any:
    ao = quantization()
    if not isinstance(form, IntFormat):
        return ao.Float8WeightOnlyConfig(set_inductor_config=False)
    if form.bits == MAX_TORCHAO_BITS:
        return ao.Int8WeightOnlyConfig(version=2)
    return ao.IntxWeightOnlyConfig(
        weight_dtype=getattr(torch, form.name),
        granularity=ao.granularity.PerAxis(0),
        mapping_type=mapping(observer),
    )


def _dynamic(bits: int, observer: str) -> Any:
    ao = quantization()
    if bits == MAX_TORCHAO_BITS:
        return ao.Int8DynamicActivationInt8WeightConfig()
    return ao.Int8DynamicActivationIntxWeightConfig(
        weight_dtype=getattr(torch, f"int{bits}"),
        weight_granularity=ao.granularity.PerAxis(0),
        weight_mapping_type=mapping(observer),
    )


def _static_float8(scale: Tensor, tokens: int) -> Any:
    ao = quantization()
    return ao.quant_api.Float8StaticActivationFloat8WeightConfig(
        act_quant_scale=scale.repeat(tokens, 1), granularity=ao.granularity.PerRow(), set_inductor_config=False
    )


def _numbers(quantizer: ActivationQuantizer, model: int) -> tuple[Tensor, Tensor]:
    """Return scale and zero point, [1, 1] each, of what quantizes one layer's inputs."""
    if not isinstance(quantizer, Quantizer) or quantizer.scale[model].numel() != 1:
        raise BadInput("plan", "static", "torchao has one scale for all inputs of a layer")
    scale, zero_point = (part[model].view(1, 1).cpu() for part in (quantizer.scale, quantizer.zero_point))
    return scale, zero_point.to(torch.int8)

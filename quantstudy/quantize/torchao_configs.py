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
from quantstudy.quantize.plan import ActivationQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer, mapping
from quantstudy.quantize.scheme import MAX_TORCHAO_BITS, Scheme, parse_scheme
from quantstudy.quantize.torchao_import import quantization

AVAILABLE = "torchao has configurations for w2 to w8, w2a8dyn to w8a8dyn and w8a8"


def torchao_configs(scheme: Scheme | str, layers: int, *, plan: Plan | None = None, model: int = 0) -> list[Any]:
    """Return the torchao configuration of every Linear of a network, from the first to the last.

    The first one is weight-only in every scheme: the network's inputs stay float.

    | scheme    | 8-bit weights                           | weights of 2 to 7 bits                  |
    |-----------|-----------------------------------------|-----------------------------------------|
    | `wB`      | `Int8WeightOnlyConfig`                  | `IntxWeightOnlyConfig`                  |
    | `wBa8dyn` | `Int8DynamicActivationInt8WeightConfig` | `Int8DynamicActivationIntxWeightConfig` |
    | `w8a8`    | `Int8StaticActivationInt8WeightConfig`  | none                                    |

    Args:
        scheme: as in a study, `w4a8dyn` or the `Scheme` of that name.
        layers: number of Linears; not less than 1.
        plan: of this scheme. A static scheme needs it: each of its configurations holds the scale and the zero point of
            one layer's inputs. Any plan also says how weight scales are chosen (`symmetric` without a plan).
        model: which network of the plan's stack.

    Raises:
        BadInput: torchao has no configuration for the scheme (activations alone, static ranges other than w8a8, more
            than 8 bits), or none for how the plan chooses weight scales or where it quantizes; a static scheme without
            a plan; a plan of another scheme or of another number of layers.

    >>> [type(config).__name__ for config in torchao_configs("w4a8dyn", 3)]
    ['IntxWeightOnlyConfig', 'Int8DynamicActivationIntxWeightConfig', 'Int8DynamicActivationIntxWeightConfig']
    """
    scheme = parse_scheme(scheme) if isinstance(scheme, str) else scheme
    if not scheme.in_torchao or scheme.weights is None:
        raise BadInput("scheme", str(scheme), AVAILABLE)
    if layers < 1:
        raise BadInput("layers", layers, "a network has at least one")
    observer = "symmetric" if plan is None else _observer_of(plan, scheme, layers)
    bits = scheme.weights.bits
    first = _weight_only(bits, observer)
    if scheme.activations is None:
        return [first] * layers
    if scheme.dynamic:
        return [first, *[_dynamic(bits, observer)] * (layers - 1)]
    if plan is None:
        raise BadInput("plan", None, f"{scheme} has static ranges: a plan of it says which")
    return [first, *(_static(quantizer, model) for quantizer in plan.outputs)]


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
    if scheme.weights is not None and scheme.weights.bits == MAX_TORCHAO_BITS and observer != "symmetric":
        raise BadInput("weight_observer", observer, f"torchao's {MAX_TORCHAO_BITS}-bit weights are symmetric")
    return observer


def _weight_only(bits: int, observer: str) -> Any:
    ao = quantization()
    if bits == MAX_TORCHAO_BITS:
        return ao.Int8WeightOnlyConfig(version=2)
    return ao.IntxWeightOnlyConfig(
        weight_dtype=getattr(torch, f"int{bits}"),
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


def _static(quantizer: ActivationQuantizer, model: int) -> Any:
    if not isinstance(quantizer, Quantizer) or quantizer.scale[model].numel() != 1:
        raise BadInput("plan", "static", "torchao has one scale for all inputs of a layer")
    scale, zero_point = (part[model].view(1, 1).cpu() for part in (quantizer.scale, quantizer.zero_point))
    return static_int8(scale, zero_point.to(torch.int8))

"""The torchao path: real quantized tensors, one network at a time, audited layer by layer."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quantstudy.errors import StudyFailure
from quantstudy.networks.stack import Stack
from quantstudy.quantize.formats import FP8_E4M3, FP8_E5M2, IntFormat
from quantstudy.quantize.plan import GIVEN, Plan
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.scheme import Scheme
from quantstudy.quantize.torchao_configs import torchao_configs
from quantstudy.quantize.torchao_import import quantization

NAMES = {torch.int8: "int8", torch.float8_e4m3fn: FP8_E4M3.name, torch.float8_e5m2: FP8_E5M2.name}
"""What torchao's tensors of 8 bits hold, as `formats.FORMATS` calls it."""


class AuditFailure(StudyFailure):
    """A layer that the scheme quantizes was left in float, or holds other numbers than the scheme says."""


class Network(nn.Module):
    """One model of a stack as torch modules, so that torchao finds its Linear layers: [points, 2] → [points, 1]."""

    def __init__(self, stack: Stack, model: int) -> None:
        super().__init__()
        self.alone = stack.select(slice(model, model + 1))
        layers: list[nn.Module] = []
        for weight, bias in zip(stack.weights, stack.biases, strict=True):
            layers.append(linear(weight[model].clone(), bias[model].squeeze(-1).clone()))
        self.layers = nn.ModuleList(layers)

    def forward(self, points: Tensor) -> Tensor:
        """Return the logits [points, outputs] of points [points, in]."""
        values, wrong = points, points.isnan().any(dim=1, keepdim=True)
        for number, layer in enumerate(self.layers[:-1]):
            values = self.alone.activate(number, layer(values).T.unsqueeze(0)).squeeze(0).T
            wrong = wrong | values.isnan().any(dim=1, keepdim=True)
        logit: Tensor = self.layers[-1](values)
        return logit.masked_fill(wrong, torch.nan)  # the integer that a NaN becomes is a number


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """Return the Linear of these parameters, without the draw of others that its own constructor would begin with."""
    linear = nn.Linear.__new__(nn.Linear)
    nn.Module.__init__(linear)
    linear.out_features, linear.in_features = weight.shape
    linear.weight = nn.Parameter(weight, requires_grad=False)
    linear.bias = nn.Parameter(bias, requires_grad=False)
    return linear


@dataclass(frozen=True)
class RealResult:
    """What the really quantized networks hold and give.

    Attributes:
        weights: per layer the dequantized weights [models, out, in].
        logit: what the last layer gives, [models, outputs, points].
    """

    weights: tuple[Tensor, ...]
    logit: Tensor


@torch.no_grad()
def run_torchao(stack: Stack, plan: Plan, points: Tensor) -> RealResult:
    """Quantize every model of the stack with torchao, audit it and evaluate it at `points`, on the CPU.

    Points are [in, points], or [models, in, points] where each network has its own.

    On the CPU wherever the stack is, so that the integers of a study do not depend on its device.

    Raises:
        AuditFailure: a layer is not quantized as the scheme says.
        BadInput: torchao cannot do what the plan says, see `torchao_configs`.
    """
    stack, tokens = stack.to("cpu"), points.transpose(-1, -2).contiguous().cpu()
    logits, weights = [], []
    for model in range(stack.models):
        network = Network(stack, model)
        quantize_network(network, plan, model, tokens.shape[-2])
        audit(network, plan.scheme)
        weights.append([_dequantized(layer.weight) for layer in network.layers])
        logits.append(network(tokens if tokens.dim() == 2 else tokens[model]).T)
    return RealResult(tuple(torch.stack(layer) for layer in zip(*weights, strict=True)), torch.stack(logits))


def quantize_network(network: Network, plan: Plan, model: int, tokens: int = 0) -> None:
    """Quantize one network in place by torchao's `quantize_`, one call per configuration that its layers need.

    Where the plan's weight scales are GIVEN, they and the codes of the weights by them replace what torchao chose.

    Args:
        network: `model` of the stack.
        plan: the stack's.
        model: which.
        tokens: see `torchao_configs`.
    """
    configs = torchao_configs(plan.scheme, len(network.layers), plan=plan, model=model, tokens=tokens)
    before = [layer.get_parameter("weight").detach() for layer in network.layers]
    for config in {id(config): config for config in configs}.values():
        quantize_(network, [f"layers.{layer}" for layer, needed in enumerate(configs) if needed is config], config)
    if plan.weight_observer == GIVEN:
        for layer, weight, quantizer in zip(network.layers, before, plan.weights, strict=True):
            if quantizer is not None:
                _hold(layer.weight, weight, quantizer, model)


def _hold(held: Any, weight: Tensor, quantizer: Quantizer, model: int) -> None:
    """Put the codes of a weight [out, in] by a quantizer of its stack, and their scales, into a tensor of torchao."""
    scale = quantizer.scale[model].cpu().expand(len(weight), 1).contiguous()
    zero, one = torch.zeros_like(scale, dtype=torch.int32), torch.ones(1)
    if isinstance(quantizer.format, IntFormat):
        held.qdata = Quantizer(quantizer.format, scale, zero).codes(weight).to(torch.int8)
    else:
        held.qdata = Quantizer(quantizer.format, one, zero)(weight / scale).to(held.qdata.dtype)
    held.scale = scale


def quantize_(network: nn.Module, names: Collection[str], config: Any) -> None:
    """Apply one torchao configuration to the Linears with these names."""

    def wanted(module: nn.Module, fqn: str) -> bool:
        return isinstance(module, nn.Linear) and fqn in names

    quantization().quantize_(network, config, filter_fn=wanted)


def audit(network: nn.Module, scheme: Scheme) -> None:
    """Check that every Linear holds the numbers that the scheme says, and quantizes its input where it must.

    torchao skips a layer that a configuration doesn't fit (`Int4WeightOnlyConfig` on an 8-wide layer) with no more than
    a log message; such a layer would be measured as a perfect one.

    Raises:
        AuditFailure: names the first layer that is not quantized as the scheme says.
    """
    linears = [(name, module) for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    for position, (name, module) in enumerate(linears):
        found = stored_format(module.weight)
        expected = scheme.weights.name if scheme.weights else "float32"
        if position and scheme.activations:
            expected += ", dynamic input" if scheme.dynamic else ", static input"
        if found != expected:
            raise AuditFailure(f"coverage audit: {name} holds {found} where {scheme} needs {expected}")


def stored_format(weight: Any) -> str:
    """Return what a Linear's weight really is: `float32`, or its numbers and how its input is quantized."""
    kind = type(weight).__name__
    if kind in ("Int8Tensor", "Float8Tensor", "PrototypeFloat8Tensor"):
        static = getattr(weight, "act_quant_scale", None) is not None
        inputs = "" if weight.act_quant_kwargs is None else ", static input" if static else ", dynamic input"
        return NAMES[weight.qdata.dtype] + inputs
    if kind == "IntxUnpackedToInt8Tensor":
        inputs = "" if weight.activation_quantization is None else ", dynamic input"
        return str(weight.target_dtype).removeprefix("torch.") + inputs
    return str(weight.dtype).removeprefix("torch.") if type(weight) is nn.Parameter else kind


def _dequantized(weight: Any) -> Tensor:
    tensor: Tensor = weight.dequantize()
    return tensor

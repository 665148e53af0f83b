"""Bytes per element that autograd really keeps for backward, measured with saved-tensor hooks.

Every distinct storage that a forward call hands to autograd counts once, parameters (weights, slopes) not at all: they
live anyway. Two differences are taken, both per output element of the activation, float32:

* `saved`: what linear → activation keeps beyond what the linear layer alone keeps (its own input). relu in plain torch
  keeps its output, 4 bytes; silu its input, 4 bytes.
* `added`: what linear → activation → linear keeps beyond linear → linear. The next layer keeps its input for its weight
  gradient, so an activation that saves its output adds nothing, and one that saves its input adds that.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from quantstudy_kernels import activation_backward, activation_forward
from quantstudy_kernels.dispatch import activation_forward_saving_output
from torch import Tensor
from torch.nn import functional

from quantstudy.activations.catalogue import Activation
from quantstudy.cost.plain import plain, slopes

POINTS, NEURONS = 64, 8
"""Shape of what is measured; bytes per element do not depend on it."""

Layer = Callable[[Tensor, Tensor, Tensor, Tensor | None, Activation], Tensor]


def kept_bytes(compute: Callable[[], Tensor], parameters: Sequence[Tensor]) -> int:
    """Return the bytes of the distinct storages that autograd keeps for the backward of what `compute` returns.

    Args:
        compute: a forward computation, run once.
        parameters: tensors whose storages do not count.
    """
    kept: dict[int, torch.UntypedStorage] = {}  # holding them keeps their addresses distinct

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        compute()
    alive_anyway = {parameter.untyped_storage().data_ptr() for parameter in parameters}
    return sum(storage.nbytes() for address, storage in kept.items() if address not in alive_anyway)


def saved_bytes(activation: Activation) -> dict[str, float | None]:
    """Return, per way, the bytes per element that an activation keeps beyond the layer in front of it.

    None where the way does not exist: f' does not follow from the output, or there is no kernel.
    """
    return {way: _beyond(layer, activation, followed=False) for way, layer in WAYS.items()}


def added_bytes(activation: Activation) -> dict[str, float | None]:
    """Return, per way, the bytes per element that an activation adds between two linear layers; None as above."""
    return {way: _beyond(layer, activation, followed=True) for way, layer in WAYS.items()}


def _beyond(layer: Layer, activation: Activation, *, followed: bool) -> float | None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(POINTS, NEURONS, generator=generator, requires_grad=True)
    weight, after = torch.randn(2, NEURONS, NEURONS, generator=generator).unbind()
    bias = torch.zeros(NEURONS, requires_grad=True)
    weight, after = weight.clone().requires_grad_(), after.clone().requires_grad_()
    slope = slopes(activation, NEURONS)
    parameters = [weight, bias, after, *([] if slope is None else [slope])]

    def network(first: Layer) -> Tensor:
        y = first(x, weight, bias, slope, activation)
        return functional.linear(y, after) if followed else y

    try:
        with_activation = kept_bytes(lambda: network(layer), parameters)
    except _NoSuchWay:
        return None
    return (with_activation - kept_bytes(lambda: network(_linear), parameters)) / (POINTS * NEURONS)


class _NoSuchWay(ValueError):
    pass


def _kernel(activation: Activation) -> str:
    if activation.kernel is None:
        raise _NoSuchWay(f"{activation.name} has no kernel")
    return activation.kernel


def _linear(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation) -> Tensor:
    return functional.linear(x, weight, bias)


def _plain(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation) -> Tensor:
    return plain(functional.linear(x, weight, bias), activation, slope)


def _from_input(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation) -> Tensor:
    z = functional.linear(x, weight, bias)
    return activation_forward(z, _kernel(activation), slope=slope, cap=activation.cap)


def _from_output(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation) -> Tensor:
    z = functional.linear(x, weight, bias)
    try:
        return activation_forward_saving_output(z, _kernel(activation), slope=slope, cap=activation.cap)
    except ValueError as refused:
        raise _NoSuchWay from refused


def fused_layer(x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation) -> Tensor:
    """Return f(x·weightᵀ + bias) `[points, out]` as one function that keeps its input and computes the rest again.

    The pre-activation is a product of the layer's input, which the weight gradient needs in any case, so backward makes
    it anew instead of keeping it. Differentiable in the four tensors, once. (The fused training loops keep no tensor at
    all: they go forward and back through a block of points before they touch the next.)
    """
    result: Tensor = _FusedLayer.apply(x, weight, bias, slope, activation)  # type: ignore[no-untyped-call]
    return result


class _FusedLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, slope: Tensor | None, activation: Activation
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias, slope)
        ctx.activation = activation
        z = functional.linear(x, weight, bias)
        return activation_forward(z, _kernel(activation), slope=slope, cap=activation.cap)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        x, weight, bias, slope = ctx.saved_tensors
        z = functional.linear(x, weight, bias)
        grad, grad_slope = activation_backward(
            grad_outputs[0], z, _kernel(ctx.activation), slope=slope, cap=ctx.activation.cap
        )
        return grad @ weight, grad.t() @ x, grad.sum(0), grad_slope, None


WAYS: dict[str, Layer] = {
    "plain": _plain,
    "from_input": _from_input,
    "from_output": _from_output,
    "fused": fused_layer,
}
"""Layers that end in an activation: plain torch; one function of ours that keeps its input; one that keeps its output
alone; linear and activation in one function that keeps neither."""

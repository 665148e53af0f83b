"""The activations as one writes them in plain PyTorch: `torch.nn.functional` where it has the function.

What a user pays without any kernel of ours. hardgelu is the article's where/clamp expression, a cap is `torch.clamp`,
and a function that PyTorch has none for is the reference's sequence of operations.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from quantstudy_kernels.reference import activation_forward
from torch import Tensor
from torch.nn import functional

from quantstudy.activations.catalogue import Activation

PRELU_SLOPE = 0.25
"""The slope that prelu starts from in training; costs do not depend on it."""


def plain(x: Tensor, activation: Activation, slope: Tensor | None = None) -> Tensor:
    """Return min(f(x), cap), differentiable, of x's shape.

    Args:
        x: pre-activations `[points, neurons]` or `[models, neurons, points]`.
        activation: which f, with its cap.
        slope: prelu's slopes `[neurons]`.
    """
    if activation.kernel == "hardgelu_uncapped":
        return _article_hardgelu(x, activation.cap)
    if activation.kernel is None:
        return activation(x)
    y = functional.prelu(x, slope) if slope is not None else _of_pytorch(activation.kernel)(x)
    return y if math.isinf(activation.cap) else torch.clamp(y, max=activation.cap)


def slopes(activation: Activation, neurons: int, device: str = "cpu") -> Tensor | None:
    """Return trainable slopes `[neurons]` where the activation learns them, None elsewhere."""
    if not activation.learned_slope:
        return None
    return torch.full((neurons,), PRELU_SLOPE, device=device, requires_grad=True)


def _article_hardgelu(x: Tensor, cap: float) -> Tensor:
    y = torch.where(x > 1.5, x, (x / 3) * (x + 1.5) * (x >= -1.5))
    return torch.clamp(y, min=-3 / 16, max=None if math.isinf(cap) else cap)


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


_SPELLED: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_tanh": partial(functional.gelu, approximate="tanh"),
    "quick_gelu": _quick_gelu,
}
"""What `torch.nn.functional` has under no name of its own, as one writes it."""


def _of_pytorch(kernel: str) -> Callable[[Tensor], Tensor]:
    if kernel in _SPELLED:
        return _SPELLED[kernel]
    found: Callable[[Tensor], Tensor] = getattr(functional, kernel, partial(activation_forward, name=kernel))
    return found

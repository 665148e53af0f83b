import math
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session", autouse=True)
def these_tensors_are_tiny(one_thread: None) -> None:
    """More threads than free cores would only make them slow."""


@pytest.fixture(scope="session")
def shaken() -> Callable[..., "object"]:
    """An initial stack whose biases and slopes are not all the same."""
    import torch

    from quantstudy.activations.catalogue import parse_activation
    from quantstudy.networks.stack import Stack, initial_stack

    def make(name: str, hidden: tuple[int, ...], seeds: tuple[int, ...] = (0, 3)) -> Stack:
        stack = initial_stack(parse_activation(name), seeds, hidden)
        generator = torch.Generator().manual_seed(1)
        for tensor in (*stack.biases, *(s for s in stack.slopes if s is not None)):
            tensor.add_(torch.randn(tensor.shape, generator=generator) / 4)
        return stack

    return make


@pytest.fixture(scope="session")
def autograd() -> Callable[..., "object"]:
    """Gradients of weights, biases and slopes by autograd in float64, from torch's own loss."""
    import torch

    plain = {
        "relu": lambda x, _: torch.where(x > 0, x, 0 * x),
        "leaky_relu": lambda x, _: torch.where(x > 0, x, 0.01 * x),
        "prelu": lambda x, slope: torch.where(x > 0, x, slope * x),
        "silu": lambda x, _: x * torch.sigmoid(x),
        "gelu": lambda x, _: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
        "hardswish": lambda x, _: x * torch.nn.functional.relu6(x + 3) / 6,
        "hardgelu_uncapped": lambda x, _: torch.where(x > 1.5, x, (x / 3) * (x + 1.5) * (x >= -1.5)),
        "gelu_tanh": lambda x, _: torch.nn.functional.gelu(x, approximate="tanh"),
        "quick_gelu": lambda x, _: x * torch.sigmoid(1.702 * x),
        "tanh": lambda x, _: 2 / (1 + torch.exp(-2 * x)) - 1,
        "sigmoid": lambda x, _: 1 / (1 + torch.exp(-x)),
        "hardtanh": lambda x, _: torch.where(x > 1, 1 + 0 * x, torch.where(x < -1, 0 * x - 1, x)),
        "mish": lambda x, _: x * torch.tanh(torch.log1p(torch.exp(x))),
        "elu": lambda x, _: torch.where(x > 0, x, torch.exp(x) - 1),
        "selu": lambda x, _: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (torch.exp(x) - 1)),
        "squared_relu": lambda x, _: torch.where(x > 0, x * x, 0 * x),
        "silu_bounded": lambda x, _: x / (1 + torch.exp(-x)) - (x - 3) / (1 + torch.exp(3 - x)),
        "gelu_bounded": lambda x, _: (
            0.5 * (x * (1 + torch.erf(x / 2**0.5)) - (x - 3) * (1 + torch.erf((x - 3) / 2**0.5)))
        ),
    }

    def gradients(stack, inputs, target):
        kinds = [
            [t.detach().double().clone().requires_grad_() for t in kind if t is not None]
            for kind in (stack.weights, stack.biases, stack.slopes)
        ]
        weights, biases, slopes = kinds
        values = inputs.double()
        for layer in range(stack.hidden):
            z = weights[layer] @ values + biases[layer]
            values = plain[stack.activation.kernel or stack.activation.name.partition("@")[0]](
                z, slopes[layer] if slopes else None
            )
            values = values.clamp(max=stack.activation.cap)
        logit = weights[-1] @ values + biases[-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit, target.double(), reduction="none")
        loss.mean(dim=(1, 2)).sum().backward()  # the mean over each model's points: models do not meet
        return [[t.grad for t in kind] for kind in kinds], loss.detach().mean(dim=(1, 2))

    return gradients

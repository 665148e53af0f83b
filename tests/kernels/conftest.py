"""The plain, obvious definitions that every implementation is tested against, in float64 through autograd."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

Plain = Callable[[Tensor, Tensor | None], Tensor]


def article_hardgelu(x: Tensor, cap: float) -> Tensor:
    return torch.clamp(torch.where(x > 1.5, x, (x / 3) * (x + 1.5) * (x >= -1.5)), min=-3 / 16, max=cap)


DEFINITIONS: dict[str, Plain] = {
    "relu": lambda x, _: torch.relu(x),
    "leaky_relu": lambda x, _: torch.where(x > 0, x, 0.01 * x),
    "prelu": lambda x, slope: torch.where(x > 0, x, slope * x),
    "silu": lambda x, _: x * torch.sigmoid(x),
    "gelu": lambda x, _: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "hardswish": lambda x, _: x * torch.nn.functional.relu6(x + 3) / 6,
    "hardgelu": lambda x, _: article_hardgelu(x, 3.0),
    "hardgelu_uncapped": lambda x, _: article_hardgelu(x, math.inf),
    "gelu_tanh": lambda x, _: torch.nn.functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x, _: x * torch.sigmoid(1.702 * x),
}

BENDS = (-3.0, -1.5, 0.0, 1.5, 3.0)


def autograd(
    x: Tensor, name: str, slope: Tensor | None, cap: float, grad_out: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Value, grad_x and grad_slope of the plain definition in float64."""
    x = x.double().requires_grad_()
    slope = None if slope is None else slope.double().requires_grad_()
    y = DEFINITIONS[name](x, slope)
    if cap < math.inf:
        y = torch.clamp(y, max=cap)
    y.backward(grad_out.double())
    assert x.grad is not None
    return y.detach(), x.grad, None if slope is None else slope.grad


@pytest.fixture(scope="session")
def plain() -> Callable[..., tuple[Tensor, Tensor, Tensor | None]]:
    return autograd


@pytest.fixture(scope="session")
def article() -> Callable[[Tensor, float], Tensor]:
    return article_hardgelu


@pytest.fixture(scope="session")
def points() -> Tensor:
    """The bends, their float32 neighbours, and 1025 ordinary values; finite."""
    bends = np.array(BENDS, dtype=np.float32)
    below, above = np.nextafter(bends, np.float32(-np.inf)), np.nextafter(bends, np.float32(np.inf))
    ordinary = np.random.default_rng(0).normal(scale=2.5, size=1025).astype(np.float32)
    extremes = np.array([-0.0, 1e-45, -1e-45, 1e-20, -1e-20, 50.0, -50.0, 1e6, -1e6, 1e30], dtype=np.float32)
    return torch.from_numpy(np.concatenate([bends, below, above, extremes, ordinary]))


@pytest.fixture
def numpy_is_silent() -> Iterator[None]:
    """Triton's interpreter computes with numpy, which warns where a GPU silently returns inf or NaN."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(scope="session")
def definitions() -> dict[str, Plain]:
    return DEFINITIONS

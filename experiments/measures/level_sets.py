"""Level sets of networks, the decision boundary and the folds of hidden neurons: points on them, their curvature.

Exact from the network's first and second derivatives, in float64.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from experiments.measures.curvature import crossings, level_curvature
from quantstudy.drift.arrays import Floats, Mask

if TYPE_CHECKING:
    import torch

    from quantstudy.networks.stack import Stack

PIECEWISE_LINEAR = ("relu", "leaky_relu", "prelu")
"""Those of the article whose second derivative is 0 wherever they have one."""

BISECTIONS = 32
"""Halvings of a pixel's width: the boundary is met to 4e-12 of the plane's half-width."""


def in_float64(stack: "Stack") -> "Stack":
    """Return the stack with its parameters in float64."""
    return replace(
        stack,
        weights=tuple(w.double() for w in stack.weights),
        biases=tuple(b.double() for b in stack.biases),
        slopes=tuple(None if s is None else s.double() for s in stack.slopes),
    )


def second_derivative(name: str, x: "torch.Tensor") -> "torch.Tensor":
    """Return f'' of an activation of the article at x, elementwise, but for jumps of f', which have none.

    Raises:
        KeyError: another activation.
    """
    import torch

    def silu(x: torch.Tensor) -> torch.Tensor:
        gate = x.sigmoid()
        return gate * (1.0 - gate) * (2.0 + x * (1.0 - 2.0 * gate))

    def gelu(x: torch.Tensor) -> torch.Tensor:
        return (2.0 - x**2) * torch.exp(-0.5 * x**2) / math.sqrt(2.0 * math.pi)

    formulas: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        **dict.fromkeys(PIECEWISE_LINEAR, torch.zeros_like),
        "silu": silu,
        "gelu": gelu,
        "hardswish": lambda x: (x.abs() < 3.0).to(x.dtype) / 3.0,
        "hardgelu": lambda x: (x.abs() < 1.5).to(x.dtype) / 1.5,
    }
    return formulas[name](x)


def derivatives(stack: "Stack", layer: int, points: "torch.Tensor") -> tuple["torch.Tensor", ...]:
    """Return the pre-activations of one layer and their exact first and second derivatives by the coordinates.

    Args:
        stack: networks, in float64.
        layer: which, the output included.
        points: `[models, 2, points]`.

    Returns:
        value `[models, width, points]`, gradient `[2, models, width, points]`, Hessian (xx, xy, yy) `[3, …]`.
    """
    import torch

    value = points
    gradient = torch.eye(2, dtype=points.dtype)[:, None, :, None].expand(2, len(points), 2, points.shape[-1])
    hessian = torch.zeros(3, *points.shape, dtype=points.dtype)
    for k in range(layer + 1):
        value, gradient, hessian = (
            stack.preactivation(k, value),
            stack.weights[k] @ gradient,
            stack.weights[k] @ hessian,
        )
        if k < layer:
            curve = second_derivative(stack.activation.name, value)
            value, slope = stack.activation.with_derivative(value, stack.slopes[k])
            products = torch.stack([gradient[0] ** 2, gradient[0] * gradient[1], gradient[1] ** 2])
            hessian, gradient = slope * hessian + curve * products, slope * gradient
    return value, gradient, hessian


def preactivations(stack: "Stack", points: "torch.Tensor") -> list["torch.Tensor"]:
    """Return the pre-activations of every hidden layer and the logit, `[models, width, points]` each."""
    found = [stack.preactivation(0, points)]
    for k in range(stack.hidden):
        found.append(stack.preactivation(k + 1, stack.activate(k, found[-1])))
    return found


def level_points(
    stack: "Stack", layer: int, grid: int, centre: tuple[float, float] = (0.0, 0.0), half: float = 1.0
) -> tuple["torch.Tensor", "torch.Tensor", Mask]:
    """Return points of the zero level set of one layer's pre-activations, met by bisection between pixel centres.

    Args:
        stack: networks, in float64.
        layer: which, the output included.
        grid: pixels along one side of what is searched.
        centre: of the window of the plane that is searched.
        half: half of its side.

    Returns:
        points `[models, 2, places]`, the neuron that is 0 there `[models, 1, places]`, whether there is a point at
        that place `[models, places]`.
    """
    import torch

    from quantstudy.targets.islands import pixel_centres

    along = pixel_centres(grid).astype(np.float64) * half
    y, x = np.meshgrid(centre[1] + along, centre[0] + along, indexing="ij")
    maps = preactivations(stack, torch.from_numpy(np.stack([x.ravel(), y.ravel()])))[layer]
    edges, found = crossings(maps.reshape(-1, grid, grid).numpy())
    width, places = maps.shape[1], edges.shape[1]
    neuron = torch.arange(width).repeat_interleave(places).expand(stack.models, 1, -1)
    ends = torch.from_numpy(edges.reshape(stack.models, width * places, 4)).transpose(1, 2)
    ends = ((2.0 * ends + 1.0) / grid - 1.0) * half + torch.tensor([*centre, *centre]).view(4, 1)
    one, other = ends[:, :2], ends[:, 2:]

    def above(points: torch.Tensor) -> torch.Tensor:
        return preactivations(stack, points)[layer].gather(1, neuron) > 0.0

    side = above(one)
    for _ in range(BISECTIONS):
        middle = 0.5 * (one + other)
        same = above(middle) == side
        one, other = torch.where(same, middle, one), torch.where(same, other, middle)
    return 0.5 * (one + other), neuron, found.reshape(stack.models, -1)


def curvatures(stack: "Stack", layer: int, points: "torch.Tensor", neuron: "torch.Tensor") -> Floats:
    """Return the curvature of the level set of one layer's pre-activation at points, `[models, places]`."""
    _, gradient, hessian = derivatives(stack, layer, points)
    return level_curvature(
        *(part.gather(2, neuron.expand(len(part), -1, -1, -1))[:, :, 0].numpy() for part in (gradient, hessian))
    )

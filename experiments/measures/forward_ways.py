"""Ways to make all maps of stacked networks: plain torch, and torch's layers with each activation in one kernel."""

from typing import TYPE_CHECKING

from quantstudy.activations.catalogue import parse_activation

if TYPE_CHECKING:
    from quantstudy_kernels.forward import Network
    from torch import Tensor


def untrained(name: str, models: int, hidden: tuple[int, ...], device: str = "cpu") -> "Network":
    """Return untrained networks of one activation as the kernels take them."""
    from quantstudy_kernels.forward import Network

    from quantstudy.networks.stack import initial_stack

    activation = parse_activation(name)
    stack = initial_stack(activation, range(models), hidden).to(device)
    learned = tuple(slope for slope in stack.slopes if slope is not None)
    return Network(str(activation.kernel), stack.weights, stack.biases, learned, activation.cap)


def eager_maps(network: "Network", name: str, points: "Tensor") -> list["Tensor"]:
    """Return all maps of stacked networks, as plain torch makes them: pre-activations and outputs, then the logit."""
    import torch

    maps, h = [], points.expand(network.models, -1, -1) if points.dim() == 2 else points
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        h = torch.baddbmm(bias, weight, h)
        maps.append(h)
        if layer < network.hidden:
            h = _plain(h, name, network.slopes[layer] if network.slopes else None)
            maps.append(h)
    return maps


def _plain(z: "Tensor", name: str, slope: "Tensor | None") -> "Tensor":
    """Return plain torch's f(z); prelu's slopes are `[models, width, 1]`, a channel for every neuron of every model."""
    from quantstudy.cost.plain import plain

    if slope is None:
        return plain(z, parse_activation(name))
    return plain(z.reshape(1, -1, z.shape[-1]), parse_activation(name), slope.reshape(-1)).view_as(z)


def single_pass_maps(network: "Network", points: "Tensor") -> list["Tensor"]:
    """Return the same maps, the layers by torch, each activation by one kernel of ours on one thread."""
    import torch
    from quantstudy_kernels.cpu.activations import activation_forward

    maps, h = [], points.expand(network.models, -1, -1)
    for layer, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
        h = torch.baddbmm(bias, weight, h)
        maps.append(h)
        if layer < network.hidden:
            slope = network.slopes[layer] if network.slopes else None
            h = activation_forward(h, network.name, slope=slope, cap=network.cap)
            maps.append(h)
    return maps

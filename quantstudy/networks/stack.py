"""The stacked network: the same small MLP once per seed, all evaluated in one call."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quantstudy.activations.beginnings import drawn
from quantstudy.activations.catalogue import Activation
from quantstudy.targets.randomness import stream

if TYPE_CHECKING:
    from quantstudy_kernels.forward import Network

INITIAL_SLOPE = 0.25
"""Where PReLU's learned slopes start (He et al. 2015)."""


@dataclass(frozen=True)
class Stack:
    """All models of one activation; the leading axis of every tensor is the model.

    Attributes:
        activation: the function between the layers.
        weights: per layer [models, out, in], float32.
        biases: per layer [models, out, 1].
        slopes: per hidden layer [models, out, 1] for an activation with learned slopes, else None.
        learned: per hidden layer what a module from outside learns, [models, …] each, in the order of
            `Activation.learned`; empty for all others.
    """

    activation: Activation
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    slopes: tuple[Tensor | None, ...]
    learned: tuple[tuple[Tensor, ...], ...] = ()

    @property
    def models(self) -> int:
        """Number of models."""
        return int(self.weights[0].shape[0])

    @property
    def hidden(self) -> int:
        """Number of hidden layers; layer `hidden` is the output."""
        return len(self.weights) - 1

    @property
    def inputs(self) -> int:
        """Number of inputs of a network."""
        return int(self.weights[0].shape[2])

    @property
    def on_cpu(self) -> bool:
        """Whether layers are computed in the kernels' own arithmetic, the same bits on every processor."""
        return self.weights[0].is_cpu and self.weights[0].dtype is torch.float32

    @property
    def portable(self) -> bool:
        """Whether the whole forward pass is: the activation has a kernel, and there is a hidden layer."""
        return self.on_cpu and self.activation.kernel is not None and self.hidden > 0

    def preactivation(self, layer: int, inputs: Tensor) -> Tensor:
        """Return W x + b of one layer: inputs [models, in, points] (or [in, points]) → [models, out, points]."""
        if self.on_cpu:
            from quantstudy_kernels.cpu.affine_maps import affine_maps

            return affine_maps(self.weights[layer], self.biases[layer], inputs)
        inputs = inputs.expand(self.models, -1, -1) if inputs.dim() == 2 else inputs
        return torch.baddbmm(self.biases[layer], self.weights[layer], inputs)

    def activate(self, layer: int, preactivation: Tensor) -> Tensor:
        """Return the activation function of a hidden layer, elementwise."""
        return self.activation(preactivation, self.slopes[layer], self.learned[layer] if self.learned else ())

    def as_kernels_have_it(self) -> "Network":
        """Return the stack as `quantstudy_kernels.forward` takes it; only where there is a kernel.

        Raises:
            KeyError: the activation has no kernel.
        """
        from quantstudy_kernels.forward import Network

        if self.activation.kernel is None:
            raise KeyError(f"{self.activation.name} has no kernel")
        slopes = tuple(slope for slope in self.slopes if slope is not None)
        return Network(self.activation.kernel, self.weights, self.biases, slopes, self.activation.cap)

    def select(self, models: slice) -> "Stack":
        """Return the stack of some of the models."""
        return Stack(
            self.activation,
            tuple(w[models] for w in self.weights),
            tuple(b[models] for b in self.biases),
            tuple(None if s is None else s[models] for s in self.slopes),
            tuple(tuple(part[models] for part in layer) for layer in self.learned),
        )

    def with_weights(self, weights: Sequence[Tensor]) -> "Stack":
        """Return the stack with other weights and everything else as it is."""
        return replace(self, weights=tuple(weights))

    def with_activation(self, activation: Activation) -> "Stack":
        """Return the stack with another activation function and every parameter as it is."""
        return replace(self, activation=activation)

    def with_parameters(self, parameters: Sequence[Tensor]) -> "Stack":
        """Return the stack, of any number of models, whose `parameters()` are others of the same shapes."""
        layers, each = len(self.weights), len(self.learned[0]) if self.learned else 0
        rest = tuple(parameters[2 * layers :])
        learned = tuple(rest[start : start + each] for start in range(0, len(rest), each)) if each else ()
        slopes = (None,) * self.hidden if each else rest or (None,) * self.hidden
        return Stack(
            self.activation, tuple(parameters[:layers]), tuple(parameters[layers : 2 * layers]), slopes, learned
        )

    def to(self, device: str) -> "Stack":
        """Return the stack on another device."""
        return Stack(
            self.activation,
            tuple(w.to(device) for w in self.weights),
            tuple(b.to(device) for b in self.biases),
            tuple(None if s is None else s.to(device) for s in self.slopes),
            tuple(tuple(part.to(device) for part in layer) for layer in self.learned),
        )

    def parameters(self) -> list[Tensor]:
        """Return every parameter, [models, …] each: weights of all layers, all biases, all that activations learn."""
        slopes = [slope for slope in self.slopes if slope is not None]
        return [*self.weights, *self.biases, *slopes, *(part for layer in self.learned for part in layer)]

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return `layers.K.weight` [models, out, in], `layers.K.bias` and (PReLU) `prelu.K.slope` [models, out].

        Of a module from outside also `activation.K.NAME` [models, …], NAME being the module's own.
        """
        named = {f"layers.{k}.weight": w for k, w in enumerate(self.weights)}
        named |= {f"layers.{k}.bias": b.squeeze(-1) for k, b in enumerate(self.biases)}
        named |= {f"prelu.{k}.slope": s.squeeze(-1) for k, s in enumerate(self.slopes) if s is not None}
        for k, layer in enumerate(self.learned):
            named |= {f"activation.{k}.{name}": part for name, part in zip(self.activation.learned, layer, strict=True)}
        return {name: np.ascontiguousarray(tensor.cpu().numpy()) for name, tensor in named.items()}


def from_arrays(activation: Activation, arrays: Mapping[str, NDArray[np.float32]]) -> Stack:
    """Return the stack whose `arrays()` these are.

    Raises:
        KeyError: a parameter is missing.
    """
    layers = sum(name.startswith("layers.") and name.endswith(".weight") for name in arrays)

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(np.array(arrays[name], dtype=np.float32))

    return Stack(
        activation,
        tuple(tensor(f"layers.{k}.weight") for k in range(layers)),
        tuple(tensor(f"layers.{k}.bias").unsqueeze(-1) for k in range(layers)),
        tuple(
            tensor(f"prelu.{k}.slope").unsqueeze(-1) if activation.learned_slope else None for k in range(layers - 1)
        ),
        _per_layer(activation, layers - 1, lambda k, name: tensor(f"activation.{k}.{name}")),
    )


def _per_layer(
    activation: Activation, layers: int, make: Callable[[int, str], Tensor]
) -> tuple[tuple[Tensor, ...], ...]:
    """Return what is made for every hidden layer and every parameter of an activation; empty where there are none."""
    names = tuple(activation.learned)
    return tuple(tuple(make(layer, name) for name in names) for layer in range(layers)) if names else ()


def initial_stack(
    activation: Activation, seeds: Sequence[int], hidden: Sequence[int], inputs: int = 2, outputs: int = 1
) -> Stack:
    """Return untrained networks inputs→hidden→outputs: He-normal weights (std √(2/in)), zero biases, PReLU slopes 0.25.

    The draw depends on the seed and the numbers of neurons alone, so that every activation starts from the same weights
    (He et al. 2015, arXiv 1502.01852); but one that has first weights of its own (`Activation.initial_weights`) draws
    them, layer by layer, from the same stream of the seed. A module's parameters begin as it has them.

    Raises:
        Wrong: the activation's own first weights fail, or are none.
    """
    neurons = (inputs, *hidden, outputs)
    shapes = list(zip(neurons[1:], neurons[:-1], strict=True))
    weights = _he_normal(seeds, shapes) if activation.initial_weights is None else _own(activation, seeds, shapes)
    begins = activation.learned
    return Stack(
        activation,
        weights,
        tuple(torch.zeros(len(seeds), out, 1) for out, _ in shapes),
        tuple(torch.full((len(seeds), n, 1), INITIAL_SLOPE) if activation.learned_slope else None for n in hidden),
        _per_layer(
            activation, len(hidden), lambda _, name: begins[name].expand(len(seeds), *begins[name].shape).clone()
        ),
    )


def _he_normal(seeds: Sequence[int], shapes: Sequence[tuple[int, int]]) -> tuple[Tensor, ...]:
    ends = np.cumsum([0, *(out * into for out, into in shapes)])
    draws = np.stack([stream(seed, "initial").standard_normal(ends[-1]) for seed in seeds])
    return tuple(
        torch.from_numpy(
            (draws[:, start:end] * math.sqrt(2.0 / into)).astype(np.float32).reshape(len(seeds), out, into)
        )
        for (out, into), start, end in zip(shapes, ends[:-1], ends[1:], strict=True)
    )


def _own(activation: Activation, seeds: Sequence[int], shapes: Sequence[tuple[int, int]]) -> tuple[Tensor, ...]:
    assert activation.initial_weights is not None
    streams = [stream(seed, "initial") for seed in seeds]
    return tuple(
        torch.from_numpy(np.stack([drawn(activation.initial_weights, one, out, into, layer) for one in streams]))
        for layer, (out, into) in enumerate(shapes)
    )

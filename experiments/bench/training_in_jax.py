"""The study's training in JAX, for `training_ways`; needs `pip install '.[bench]'`."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from numpy.typing import NDArray

from quantstudy.activations.catalogue import Activation
from quantstudy.networks.training import BETA1, BETA2, EPSILON

Arrays = list[list[NDArray[np.float32]]]

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "relu": lambda x, _: jax.nn.relu(x),
    "leaky_relu": lambda x, _: jax.nn.leaky_relu(x),
    "prelu": lambda x, slope: jnp.where(x > 0, x, slope * x),
    "silu": lambda x, _: jax.nn.silu(x),
    "gelu": lambda x, _: jax.nn.gelu(x, approximate=False),
    "hardswish": lambda x, _: jax.nn.hard_swish(x),
    "hardgelu_uncapped": lambda x, _: x * jnp.clip(x + 1.5, 0, 3) / 3,
}
"""The uncapped activations by their kernels' names, of (pre-activations, slopes)."""


def _cross_entropy(x: Any, labels: Any) -> Any:
    chosen = jnp.take_along_axis(x, labels.astype(jnp.int32), axis=0)
    return jnp.mean(jax.nn.logsumexp(x, axis=0) - chosen[0])


LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "binary": lambda x, labels: jnp.mean(jax.nn.softplus(x) - x * labels),
    "softmax": _cross_entropy,
    "squared": lambda x, labels: jnp.mean((x - labels) ** 2),
}
"""Mean losses of outputs and labels, [rows, points], by the names of the kernels."""


def train_in_jax(
    activation: Activation,
    start: Arrays,
    points: NDArray[np.float32],
    targets: NDArray[np.float32],
    batch: int,
    rates: tuple[float, ...],
    loss: str,
) -> Arrays:
    """Return the trained parameters, shaped as `start`.

    Args:
        activation: between the layers.
        start: per kind (weights, biases, slopes) and layer, [models, out, in or 1].
        points: inputs of every example, [in, examples].
        targets: labels, [models, rows, examples].
        batch: examples per model and step, drawn afresh with replacement.
        rates: learning rate of every step.
        loss: of `LOSSES`.
    """
    keys = jax.random.split(jax.random.key(0), len(targets))
    trained = _trainer(activation, batch, rates, loss)(start, keys, points, targets)
    return [[np.array(part) for part in kind] for kind in trained]


@cache
def _trainer(activation: Activation, batch: int, rates: tuple[float, ...], loss: str) -> Callable[..., Any]:
    function = FUNCTIONS[str(activation.kernel)]
    numbers = np.arange(len(rates))
    paces = np.array(rates) / (1 - BETA1 ** (numbers + 1))  # in float64: 1 − 0.999 keeps four digits of float32
    scales = 1 / (1 - BETA2 ** (numbers + 1))

    def mean_loss(parameters: Any, x: Any, labels: Any) -> Any:
        weights, biases, slopes = parameters
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            x = weight @ x + bias
            if layer < len(weights) - 1:
                x = jnp.minimum(function(x, slopes[layer] if slopes else None), activation.cap)
        return LOSSES[loss](x, labels)

    def one(parameters: Any, key: Any, points: Any, target: Any) -> Any:
        def step(state: Any, now: Any) -> Any:
            (parameters, first, second), (number, pace, scale) = state, now
            chosen = (jax.random.uniform(jax.random.fold_in(key, number), (batch,)) * target.shape[1]).astype(jnp.int32)
            gradient = jax.grad(mean_loss)(parameters, points[:, chosen], target[:, chosen])
            first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, gradient)
            second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, gradient)
            parameters = jax.tree.map(
                lambda p, m, v: p - pace * m / (jnp.sqrt(scale * v) + EPSILON), parameters, first, second
            )
            return (parameters, first, second), None

        zeros = jax.tree.map(jnp.zeros_like, parameters)
        steps = (numbers, jnp.array(paces), jnp.array(scales))
        return jax.lax.scan(step, (parameters, zeros, zeros), steps)[0][0]

    trainer: Callable[..., Any] = jax.jit(jax.vmap(one, in_axes=(0, 0, None, 0)))
    return trainer

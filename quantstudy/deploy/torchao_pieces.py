"""torchao one layer at a time: what it does otherwise than the simulated path, for `attribution`."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from quantstudy.deploy.network import Deployed
from quantstudy.deploy.stacks import stack_of
from quantstudy.deploy.steps import INPUTS, Exchange, Steps, Values

FLOAT_ORDER = "float order"
REQUANTIZATION = "requantization rounding"


def exchanges(network: Deployed) -> Mapping[str, Exchange]:
    """Return the operations in which torchao differs, in the order in which they are looked at.

    `float order`: its product of what is on the grid already; `requantization rounding`: its layers round what enters
    them themselves, and may take the neighbouring code of what lies halfway.
    """
    from quantstudy.quantize.torchao_backend import Network, quantize_network

    stack, plan = stack_of(network)
    real = Network(stack, 0)

    def affine(layer: int, x: Values) -> Values:
        if not quantized:
            quantize_network(real, plan, 0, x.shape[1])
            quantized.append(True)
        given = torch.from_numpy(np.ascontiguousarray(x.T, dtype=np.float32))
        with torch.no_grad():
            return np.asarray(real.layers[layer](given).T.numpy())

    quantized: list[bool] = []

    def unrounded(steps: Steps) -> Steps:
        return replace(steps, affine=affine, rounded=lambda place, x: steps.rounded(place, x) if place == INPUTS else x)

    return {FLOAT_ORDER: lambda steps: replace(steps, affine=affine), REQUANTIZATION: unrounded}

"""What a network needs so that integers alone can compute it."""

import numpy as np

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed
from quantstudy.errors import BadInput

MOST_BITS = 8
"""Of weights, and of what hidden layers give."""


def require(network: Deployed) -> None:
    """Check that a network can be computed in integers alone.

    Raises:
        BadInput: it can't.
    """
    scheme = str(network.about.get("scheme", "of this network"))
    for k, layer in enumerate(network.layers):
        if layer.coded is None or layer.coded.bits > MOST_BITS:
            raise BadInput("scheme", scheme, f"integer weights of at most {MOST_BITS} bits are needed in every layer")
        found = [one for one in (layer.before, layer.after) if one is not None]
        if k < network.hidden and not found:
            raise BadInput("scheme", scheme, "C needs integer activations as well: w8a8, w4a8, w4a4, …")
        if any(one.bits > MOST_BITS for one in found):
            raise BadInput("scheme", scheme, f"activations of at most {MOST_BITS} bits are needed")
        if any(one.scale.size > 1 for one in (*found, *([network.inputs] if network.inputs else []))):
            raise BadInput(
                "granularity", "neuron", "C needs one scale for all codes that enter a layer: channel, tensor"
            )
        if not all(np.isfinite(values).all() for values in (layer.weights, layer.bias)):
            raise BadInput("network", scheme, "numbers that are finite are needed")
    activation = parse_activation(network.activation)
    if activation.kernel is None:
        raise BadInput("activation", network.activation, "C needs a function that has a kernel")

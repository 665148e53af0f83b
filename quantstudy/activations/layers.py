"""Does an activation fit the layers of a study? Loads no torch where it comes from this package."""

import itertools
from collections.abc import Sequence

from quantstudy.activations.activation import Activation
from quantstudy.errors import BadInput


def require_layers(activation: Activation, neurons: Sequence[int], field: str = "activations") -> None:
    """Check that an activation can be that of networks with so many neurons per layer: inputs, hidden ones, outputs.

    Raises:
        BadInput: its parameters are one per neuron of other layers, or it has first weights that these layers lack.
    """
    hidden = neurons[1:-1]
    if activation.width is not None and not {*hidden} <= {activation.width}:
        allowed = f"it has parameters for {activation.width} neurons, and every hidden layer must have as many"
        raise BadInput(field, activation.name, f"{allowed}; hidden = {', '.join(map(str, hidden))}")
    if activation.initial_weights is not None:
        from quantstudy.activations.beginnings import Wrong, own_draw

        shapes = [(out, into, layer) for layer, (into, out) in enumerate(itertools.pairwise(neurons))]
        try:
            own_draw(activation, shapes)
        except Wrong as error:
            raise BadInput(field, activation.name, str(error)) from None

"""How large a network may be."""

from collections.abc import Sequence

MOST = 256
"""Neurons of a layer, inputs and outputs alike."""


def check_neurons(field: str, neurons: Sequence[int]) -> None:
    """Check the numbers of neurons of a network: inputs, hidden layers, outputs.

    Raises:
        ValueError: there is no hidden layer, or a number is not 1 to `MOST`; the message begins with `field`.
    """
    if len(neurons) < 3 or min(neurons) < 1 or max(neurons) > MOST:
        raise ValueError(
            f"{field}: {list(neurons)} neurons; "
            f"allowed: inputs, at least one hidden layer, outputs, each 1 to {MOST} of them"
        )

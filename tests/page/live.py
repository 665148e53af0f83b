"""Parts of the page's data (`live`), made of networks and points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.networks.stack import Stack
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.recover.saved import arrays_of
from quantstudy.show.page.live import networks
from quantstudy.show.page.live.packed import packed


def network_of(stack: Stack) -> dict[str, Any]:
    """An entry of `live.networks`."""
    return networks.network_of(stack.activation, stack.arrays())


def repaired_of(repaired: Quantized) -> dict[str, Any]:
    """An entry of `live.repaired`."""
    found = networks.repaired_of(arrays_of(repaired), str(repaired.plan.scheme), "polish")
    assert found is not None
    return found


def inputs_of(inputs: NDArray[np.float32], plane: tuple[int, int] | None) -> list[dict[str, str]]:
    """The inputs of points, those of a plane by their columns and rows."""
    if plane is None or len(inputs) != 2:
        return [{"along": "all", "values": packed(row)} for row in inputs]
    x, y = (row.reshape(plane) for row in inputs)
    return [{"along": "x", "values": packed(x[0])}, {"along": "y", "values": packed(y[:, 0])}]

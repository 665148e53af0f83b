"""Parts of the page's data (`live`), made of networks and points."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.networks.stack import Stack
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.quantize.recover.saved import arrays_of
from quantstudy.show.page.packed import packed, packed_codes, packed_networks, packed_ranges, packed_scales


def network_of(stack: Stack) -> dict[str, Any]:
    """An entry of `live.networks`."""
    activation = stack.activation
    bounds = {"cap": activation.cap, "floor": activation.floor, "ceiling": activation.ceiling}
    finite = {name: value if np.isfinite(value) else None for name, value in bounds.items()}
    return {"kernel": activation.kernel, **finite, "values": packed_networks(stack.arrays())}


def repaired_of(networks: Quantized) -> dict[str, Any]:
    """An entry of `live.repaired`."""
    found, arrays = {"scheme": str(networks.plan.scheme), "recipe": "polish"}, arrays_of(networks)
    if networks.plan.weights[0] is not None:
        found |= {"codes": packed_codes(arrays), "scales": packed_scales(arrays)}
    outputs = [f"layers.{layer}.output" for layer in range(networks.stack.hidden)]
    if f"{outputs[0]}.scale" in arrays:
        parts = ([arrays[f"{name}.{part}"] for name in outputs] for part in ("scale", "zero_point"))
        found["outputs"] = packed_ranges(*parts)
    return {**found, "values": packed_networks(arrays)}


def inputs_of(inputs: NDArray[np.float32], plane: tuple[int, int] | None) -> list[dict[str, str]]:
    """The inputs of points, those of a plane by their columns and rows."""
    if plane is None or len(inputs) != 2:
        return [{"along": "all", "values": packed(row)} for row in inputs]
    x, y = (row.reshape(plane) for row in inputs)
    return [{"along": "x", "values": packed(x[0])}, {"along": "y", "values": packed(y[:, 0])}]

"""Repaired networks as arrays: their parameters, and scale, zero point and codes of all that their plan quantizes."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quantstudy.activations.activation import Activation
from quantstudy.networks.stack import from_arrays
from quantstudy.quantize.plan import GIVEN, InputQuantizer, Plan
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.recover.recipe import Quantized

Arrays = dict[str, NDArray[Any]]


def arrays_of(networks: Quantized) -> Arrays:
    """Return `Stack.arrays` and, per quantized tensor as plans.parquet names it, what its integers mean.

    `TENSOR.scale` float32 and `TENSOR.zero_point` int32, [models, rows]: one row, or as many as the tensor has; of
    weights also `TENSOR.codes` [models, out, in], int8 or int16: each weight is its code times its scale. Quantizers
    that choose their ranges at run time, or cut inputs off, have no arrays.
    """
    found: Arrays = dict(networks.stack.arrays())
    for name, quantizer in networks.plan.by_tensor.items():
        if isinstance(quantizer, Quantizer):
            found[f"{name}.scale"] = _rows(quantizer.scale, np.float32)
            found[f"{name}.zero_point"] = _rows(quantizer.zero_point, np.int32)
    for layer, quantizer in enumerate(networks.plan.weights):
        if quantizer is not None:
            codes = quantizer.codes(networks.stack.weights[layer]).cpu().numpy()
            found[f"layers.{layer}.weight.codes"] = codes.astype(np.int8 if quantizer.format.bits <= 8 else np.int16)
    return found


def from_saved(activation: Activation, arrays: Mapping[str, NDArray[Any]], plan: Plan) -> Quantized:
    """Return the networks whose `arrays_of` these are.

    Args:
        activation: theirs.
        arrays: see `arrays_of`.
        plan: any plan of the same scheme, placement and shape, from which formats come and what is chosen at run time.

    Raises:
        KeyError: an array is missing.
    """
    stack = from_arrays(activation, arrays)

    def read(name: str, quantizer: InputQuantizer) -> Any:
        if not isinstance(quantizer, Quantizer):
            return quantizer
        scale, zero = (torch.from_numpy(np.array(arrays[f"{name}.{part}"])) for part in ("scale", "zero_point"))
        return replace(quantizer, scale=scale.unsqueeze(2), zero_point=zero.unsqueeze(2))

    found = {name: read(name, quantizer) for name, quantizer in plan.by_tensor.items()}
    layers, hidden = range(len(plan.weights)), range(stack.hidden)
    return Quantized(
        stack,
        replace(
            plan,
            weights=tuple(found[f"layers.{k}.weight"] for k in layers),
            preactivations=tuple(found[f"layers.{k}.preactivation"] for k in hidden),
            outputs=tuple(found[f"layers.{k}.output"] for k in hidden),
            inputs=found["inputs"],
            weight_observer=GIVEN,
        ),
    )


def _rows(values: torch.Tensor, kind: Any) -> NDArray[Any]:
    return np.ascontiguousarray(values.cpu().numpy().astype(kind)[..., 0])

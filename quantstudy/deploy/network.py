"""One quantized network as numbers: what every exporter writes, every engine computes and every file carries along.

Numbers alone, no torch: a file of a network can be read, and its integers looked at, wherever there is numpy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Integers:
    """How values are coded: value = (code − zero_point)·scale.

    The code of x is clamp(round(x·(1/scale)) + zero_point, low, high), in float32, ties to even.

    Attributes:
        scale: float32, the step between neighbouring values: [1], or of weights [1] or [out].
        zero_point: the code of 0, int32 of scale's shape; all 0 for weights.
        bits: of a code, 2 to 16.
        low: smallest code; for weights that leave the lowest one out −high.
        high: largest code.
        truncated: of inputs that are not rounded but cut off towards 0 (zero point 0): code = trunc(x·steps), see
            `quantize.quantizer.Truncation`.
    """

    scale: Floats
    zero_point: Codes
    bits: int
    low: int
    high: int
    truncated: bool = False


@dataclass(frozen=True)
class Layer:
    """One layer: z = weights·x + bias, and if it is hidden y = f(z), with what is quantized on the way.

    Attributes:
        weights: float32 [out, in], the values that the network computes with: of quantized ones exactly code·scale.
        codes: the weights' integers, int32 [out, in]; None where they stay float.
        coded: how the codes are meant; None with them.
        bias: float32 [out], never quantized here: engines that do so measure what it costs.
        slope: PReLU's, float32 [out]; None for all other functions.
        before: how z is quantized before f; None where it is not.
        after: how f(z) is quantized; None where it is not. The last layer has neither.
    """

    weights: Floats
    codes: Codes | None
    coded: Integers | None
    bias: Floats
    slope: Floats | None = None
    before: Integers | None = None
    after: Integers | None = None


@dataclass(frozen=True)
class Deployed:
    """One network.

    Attributes:
        activation: canonical name of f, with its cap: `relu@3`.
        layers: from the inputs on; the last one gives the logit (or one per class, or the numbers).
        inputs: how the network's inputs are quantized; None where they stay float.
        about: provenance, which can be printed as JSON, see `engine.export`; `scheme` is always there, for numbers
            also `task` = `regression` and `peak`, the range of the labels.
    """

    activation: str
    layers: tuple[Layer, ...]
    inputs: Integers | None = None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def neurons(self) -> tuple[int, ...]:
        """Inputs, neurons of the hidden layers, outputs."""
        return (self.layers[0].weights.shape[1], *(len(layer.bias) for layer in self.layers))

    @property
    def hidden(self) -> int:
        """Number of hidden layers."""
        return len(self.layers) - 1

    def entering(self, layer: int) -> Integers | None:
        """Return how what enters a layer is coded; None where that is float."""
        return self.inputs if layer == 0 else self.layers[layer - 1].after

    def told(self, **more: Any) -> "Deployed":
        """Return the network with more provenance."""
        return replace(self, about={**self.about, **more})

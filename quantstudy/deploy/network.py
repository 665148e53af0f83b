"""One quantized network as numbers: what every exporter writes, every engine computes and every file carries along.

Numbers alone, no torch: a file of a network can be read, and its integers looked at, wherever there is numpy.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantstudy.errors import StudyFailure

Floats = NDArray[np.float32]
Codes = NDArray[np.int32]

VERSION = 1
"""Of what `to_json` writes; a file of another one is refused."""


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


def to_json(network: Deployed) -> dict[str, Any]:
    """Return a network as JSON can hold it, and `from_json` reads it again bit for bit."""
    found = asdict(network, dict_factory=_plain)
    return {"quantstudy_network": VERSION, **found}


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # every float32 is a float64, which JSON's text gives back exactly
    return {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in pairs}


def from_json(told: Mapping[str, Any], where: str) -> Deployed:
    """Return the network that `to_json` wrote.

    Args:
        told: what it wrote.
        where: the file that it comes from, for messages.

    Raises:
        StudyFailure: something is missing, is of another shape or of another version.
    """
    if told.get("quantstudy_network") != VERSION:
        raise StudyFailure(f"{where} holds a network of version {told.get('quantstudy_network')}, not {VERSION}")
    try:
        layers = tuple(_layer(one) for one in told["layers"])
        return Deployed(str(told["activation"]), layers, _integers(told["inputs"]), dict(told["about"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudyFailure(f"{where} is damaged: {type(error).__name__}: {error}; export it again") from None


def _layer(told: Mapping[str, Any]) -> Layer:
    weights = np.array(told["weights"], dtype=np.float32)
    bias = np.array(told["bias"], dtype=np.float32)
    if weights.ndim != 2 or bias.shape != weights.shape[:1]:
        raise ValueError(f"weights of shape {weights.shape} with {bias.size} biases")
    codes = None if told["codes"] is None else np.array(told["codes"], dtype=np.int32)
    if codes is not None and codes.shape != weights.shape:
        raise ValueError(f"weights of shape {weights.shape} with codes of shape {codes.shape}")
    slope = None if told["slope"] is None else np.array(told["slope"], dtype=np.float32)
    before, after = _integers(told["before"]), _integers(told["after"])
    return Layer(weights, codes, _integers(told["coded"]), bias, slope, before, after)


def _integers(told: Mapping[str, Any] | None) -> Integers | None:
    if told is None:
        return None
    scale, zero_point = np.array(told["scale"], dtype=np.float32), np.array(told["zero_point"], dtype=np.int32)
    bits, low, high = (int(told[key]) for key in ("bits", "low", "high"))
    return Integers(scale, zero_point, bits, low, high, truncated=bool(told["truncated"]))


def text_of(network: Deployed) -> str:
    """Return `to_json` as text on one line, without NaN."""
    return json.dumps(to_json(network), separators=(",", ":"), allow_nan=False)


def network_of(text: str, where: str) -> Deployed:
    """Return the network whose `text_of` this is.

    Raises:
        StudyFailure: it is none, see `from_json`.
    """
    try:
        told = json.loads(text)
    except ValueError:
        raise StudyFailure(f"{where} is damaged: what it says of its network can't be read; export it again") from None
    if not isinstance(told, dict):
        raise StudyFailure(f"{where} is damaged: what it says of its network can't be read; export it again")
    return from_json(told, where)

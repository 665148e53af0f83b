"""A network as JSON and back, bit for bit, and the checks that what comes back fits together."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from quantstudy.deploy.network import Deployed, Integers, Layer
from quantstudy.errors import StudyFailure

VERSION = 1
"""Of what `to_json` writes; a file of another one is refused."""


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
        found = Deployed(str(told["activation"]), layers, _integers(told["inputs"]), dict(told["about"]))
        _check(found)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise StudyFailure(f"{where} is damaged: {reason}; export it again") from None
    return found


def _check(network: Deployed) -> None:
    """Check that the numbers of a network fit each other.

    Raises:
        ValueError: they don't.
    """
    if not network.layers:
        raise ValueError("no layers")
    for k, layer in enumerate(network.layers):
        out, into = layer.weights.shape
        if k and into != len(network.layers[k - 1].bias):
            raise ValueError(f"layer {k} has {into} inputs")
        finite = [layer.weights, layer.bias, *([] if layer.slope is None else [layer.slope])]
        if not all(np.isfinite(part).all() for part in finite):
            raise ValueError(f"layer {k} has numbers that are not finite")
        if (layer.codes is None) != (layer.coded is None):
            raise ValueError(f"layer {k} has codes without scales, or scales without codes")
        if layer.codes is not None and layer.coded is not None:
            _check_integers(layer.coded, (1, out))
            within = layer.coded.low <= layer.codes.min() and layer.codes.max() <= layer.coded.high
            values = layer.codes.astype(np.float32) * layer.coded.scale[:, None]
            if not within or layer.coded.zero_point.any() or not np.array_equal(values, layer.weights):
                raise ValueError(f"the weights of layer {k} are not their codes times their scales")
        if layer.slope is not None and len(layer.slope) != out:
            raise ValueError(f"layer {k} has {len(layer.slope)} slopes")
        for integers in (layer.before, layer.after):
            if integers is not None:
                _check_integers(integers, (1,))
    if network.inputs is not None:
        _check_integers(network.inputs, (1,))


def _check_integers(integers: Integers, sizes: tuple[int, ...]) -> None:
    high = 2 ** (integers.bits - 1) - 1
    if not 2 <= integers.bits <= 16 or integers.high != high or integers.low not in (-high, -high - 1):
        raise ValueError(f"{integers.bits} bits with codes from {integers.low} to {integers.high}")
    if (
        integers.scale.shape != integers.zero_point.shape
        or integers.scale.ndim != 1
        or len(integers.scale) not in sizes
    ):
        raise ValueError(f"scales of shape {integers.scale.shape}")
    if not (np.isfinite(integers.scale).all() and (integers.scale > 0).all()):
        raise ValueError("a scale that is no positive number")
    if (integers.zero_point < integers.low).any() or (integers.zero_point > integers.high).any():
        raise ValueError("a zero point that is no code")


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


def network_of(text: str | bytes, where: str) -> Deployed:
    """Return the network whose `text_of` this is.

    Raises:
        StudyFailure: it is none, see `from_json`.
    """
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise StudyFailure(f"{where} is damaged: what it says of its network can't be read; export it again") from None
    if not isinstance(told, dict):
        raise StudyFailure(f"{where} is damaged: what it says of its network can't be read; export it again")
    return from_json(told, where)

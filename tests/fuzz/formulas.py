"""Every activation again, in numpy, and how far the product's float32 values may lie from it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, expit, ndtr

Floats = NDArray[np.float64]

UNIT = 2.0**-24
"""Half a unit in the last place of a float32, as a share of it."""


@dataclass(frozen=True)
class Formula:
    """An activation without its cap.

    Attributes:
        value: f(x) in float64, x and the slopes being float32 numbers; NaN in, NaN out unless the function says else.
        apart: how far a float32 implementation may lie from it, before its result is rounded: of x and f(x).
        cap: the activation's own.
    """

    value: Callable[[Floats, Floats | None], Floats]
    apart: Callable[[Floats, Floats], Floats]
    cap: float = math.inf


def _exact(x: Floats, y: Floats) -> Floats:
    return np.zeros_like(y)


def _rounded(x: Floats, y: Floats) -> Floats:
    """Some units in the last place: what libraries promise of tanh and the like."""
    return 6 * UNIT * np.abs(y)


def _gate(error: float, end: float) -> Callable[[Floats, Floats], Floats]:
    """x times a gate that the kernels make with this error, exactly 0 or 1 beyond its end, where it nearly is."""

    def apart(x: Floats, y: Floats) -> Floats:
        beyond = np.maximum(4e-8, 2 * np.exp(-np.abs(x)))
        return np.where(np.abs(x) < end, error, beyond) * np.abs(x) + 2 * UNIT * np.abs(y)

    return apart


def _two_gates(x: Floats, y: Floats) -> Floats:
    """x times the difference of two gates, and three times one: both are 0 or 1 far out."""
    return 5 * UNIT * (np.minimum(np.abs(x), 20) + 3)


def _ramp(bound: float) -> Callable[[Floats, Floats], Floats]:
    def apart(x: Floats, y: Floats) -> Floats:
        return np.where(np.abs(x) < bound * (1 + 1e-6), 4 * UNIT * np.abs(x), 0.0)

    return apart


def _gated(bound: float) -> Formula:
    def value(x: Floats, slope: Floats | None) -> Floats:
        return x * np.clip((x + bound) / (2 * bound), 0.0, 1.0)

    return Formula(value, _ramp(bound))


def _plain(function: Callable[[Floats], Floats], apart: Callable[[Floats, Floats], Floats] = _exact) -> Formula:
    return Formula(lambda x, slope: function(x), apart)


def _leaky(slope: float) -> Callable[[Floats], Floats]:
    rounded = np.float64(np.float32(slope))
    return lambda x: np.where(x > 0, x, rounded * x)


def _elu(x: Floats) -> Floats:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(0.0, x)


def _silu(x: Floats) -> Floats:
    return x * expit(x)


def _gelu(x: Floats) -> Floats:
    return x * ndtr(x)


def _gelu_tanh(x: Floats) -> Floats:
    return x * expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


def _quick_gelu(x: Floats) -> Floats:
    return x * expit(1.702 * x)


def _less(gate: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """f(x) − f(x − 3) = x (g(x) − g(x − 3)) + 3 g(x − 3), which subtracts no large numbers."""
    return lambda x: x * (gate(x) - gate(x - 3)) + 3 * gate(x - 3)


def _relu(x: Floats) -> Floats:
    return np.maximum(x, 0.0)


def _hides_nan(x: Floats) -> Floats:
    y = np.where(np.isnan(x), 0.0, _relu(x))
    return np.where(y > np.finfo(np.float32).max, 1.0, y)


CATALOGUE: dict[str, Formula] = {
    "relu": _plain(_relu),
    "leaky_relu": _plain(_leaky(0.01)),
    "prelu": Formula(lambda x, slope: np.where(x > 0, x, slope * x), _exact),
    "silu": _plain(_silu, _gate(3e-7, 15.7)),
    "gelu": _plain(_gelu, _gate(8e-7, 5.5)),
    "gelu_tanh": _plain(_gelu_tanh, _gate(3e-7, 5.5)),
    "quick_gelu": _plain(_quick_gelu, _gate(3e-7, 9.2)),
    "hardswish": _gated(3.0),
    "hardgelu_uncapped": _gated(1.5),
    "hardgelu": Formula(_gated(1.5).value, _ramp(1.5), cap=3.0),
    "tanh": _plain(np.tanh, _rounded),
    "sigmoid": _plain(expit, _rounded),
    "relu6": Formula(lambda x, slope: _relu(x), _exact, cap=6.0),
    "hardtanh": _plain(lambda x: np.clip(x, -1.0, 1.0)),
    "mish": _plain(lambda x: x * np.tanh(_softplus(x)), _rounded),
    "elu": _plain(_elu, _rounded),
    "selu": _plain(lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * _elu(x)), _rounded),
    "squared_relu": _plain(lambda x: _relu(x) ** 2),
    "silu_bounded": _plain(_less(expit), _two_gates),
    "gelu_bounded": _plain(_less(ndtr), _two_gates),
}

TORCH: dict[str, Formula] = {
    "exp": _plain(np.exp, _rounded),
    "expm1": _plain(np.expm1, _rounded),
    "sinh": _plain(np.sinh, _rounded),
    "sin": _plain(np.sin, _rounded),
    "cos": _plain(np.cos, _rounded),
    "erf": _plain(erf, _rounded),
    "atan": _plain(np.arctan, _rounded),
    "sign": _plain(np.sign),
    "round": _plain(np.rint),
    "abs": _plain(np.abs),
    "square": _plain(np.square),
    "frac": _plain(lambda x: x - np.trunc(x)),
}

ZOO: dict[str, Formula] = {
    "step_relu": _plain(lambda x: _relu(x) + (x > 0)),
    "cube": _plain(lambda x: x**3, _rounded),
    "above": _plain(lambda x: _relu(x) + 1000.0),
    "tiny": _plain(lambda x: _relu(x) * np.float64(np.float32(1e-30))),
    "faint": _plain(lambda x: _relu(x) * np.float64(np.float32(1e-6))),
    "steep": _plain(lambda x: x * 1e4),
    "below": _plain(lambda x: -_relu(-x)),
    "lost_far": _plain(lambda x: np.where(np.abs(x) > 100, np.nan, _relu(x))),
    "hole": _plain(lambda x: np.where((x > 70) & (x < 71), np.nan, _relu(x))),
    "infinite_far": _plain(lambda x: np.where(x > 80, np.inf, _relu(x))),
    "hides_nan": _plain(_hides_nan),
    "closure": _plain(_leaky(0.2)),
    "other_closure": _plain(_leaky(-0.5)),
    "Inner.bent": _plain(lambda x: np.clip(x, -1.0, 2.0)),
    "partly": _plain(_leaky(0.3)),
    "short": _plain(lambda x: _relu(np.float64(np.float32(x - 0.5)))),
    "bounded": _plain(lambda x: np.minimum(_relu(x), 2.5)),
    "top_13": _plain(lambda x: np.clip(x, 0.0, 13.0)),
    "constant": _plain(lambda x: np.full_like(x, 0.5)),
    "flat": _plain(lambda x: x * 0.0 + 0.5),
    **dict.fromkeys(("prints", "counts", "without_gradient"), _plain(_relu)),
}
"""Those of the zoo whose values are known whenever they have some."""


def formula(name: str) -> Formula | None:
    """Return the formula of an activation as a study names it, its caps the tighter of the two; None if unknown."""
    base, at, cap = name.partition("@")
    room, _, inner = base.rpartition(":")
    found = {"": CATALOGUE, "torch": TORCH, "zoo": ZOO}[room].get(inner)
    if found is None or not at:
        return found
    return Formula(found.value, found.apart, min(found.cap, float(cap)))

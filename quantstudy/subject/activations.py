"""The activations: one entry each, with names that users type. Importing this file loads no torch.

Names: the canonical ones are the keys of `ACTIVATIONS`; `swish` is an alias of `silu`; `NAME@CAP` is the
activation capped at CAP, min(f(x), CAP), with the cap in its shortest form (`relu@3.0` is `relu@3`).
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from quantstudy.errors import BadInput, choices

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Activation:
    """One activation function f: R → R, applied elementwise.

    Attributes:
        name: canonical name, also the key of columns and files.
        kernel: name under which `quantstudy_kernels` knows the function (without its cap).
        kinks: inputs x at which the uncapped function has a kink (f' jumps), ascending; empty where it is smooth.
        identity_from: f(x) = x from this x on (below the cap); +inf where that never holds exactly.
        monotonic: f never falls.
        gates: f is exactly 0 on a half line, so that one neuron can switch itself off.
        floor: greatest lower bound of f, −inf if there is none.
        formula: the uncapped f(x) in plain text.
        source: the paper that f comes from.
        learned_slope: one slope per neuron is trained with the weights (PReLU).
        cap: f is min(kernel(x), cap).
    """

    name: str
    kernel: str
    kinks: tuple[float, ...]
    identity_from: float
    monotonic: bool
    gates: bool
    floor: float
    formula: str
    source: str
    learned_slope: bool = False
    cap: float = math.inf

    @property
    def ceiling(self) -> float:
        """Least upper bound of f."""
        return self.cap

    @property
    def bounded(self) -> bool:
        """Whether the output range is finite on both sides."""
        return math.isfinite(self.floor) and math.isfinite(self.ceiling)

    @property
    def smooth(self) -> bool:
        """Whether f' is continuous everywhere."""
        return not self.kinks and math.isinf(self.cap)

    @property
    def bends(self) -> tuple[float, ...]:
        """Every x at which f has a kink, the point where the cap binds included; empty for a smooth function."""
        if math.isinf(self.cap):
            return self.kinks
        binds = self.cap if self.cap >= self.identity_from else self._where_cap_binds()
        return (*(kink for kink in self.kinks if kink < binds), binds)

    def _where_cap_binds(self) -> float:
        import torch

        low, high = 0.0, max(8.0, 4.0 * self.cap)  # every f here rises from 0 on x > 0 and exceeds x/4 from 8 on
        uncapped = replace(self, cap=math.inf)
        for _ in range(100):
            middle = 0.5 * (low + high)
            below = float(uncapped(torch.tensor(middle, dtype=torch.float64))) < self.cap
            low, high = (middle, high) if below else (low, middle)
        return high

    def __call__(self, x: "Tensor", slope: "Tensor | None" = None) -> "Tensor":
        """Return f(x), of x's shape; `slope` must broadcast against x (PReLU only)."""
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward(x, self.kernel, slope=slope, cap=self.cap)

    def with_derivative(self, x: "Tensor", slope: "Tensor | None" = None) -> "tuple[Tensor, Tensor]":
        """Return f(x) and f'(x), each of x's shape."""
        from quantstudy_kernels import dispatch

        return dispatch.activation_forward_and_derivative(x, self.kernel, slope=slope, cap=self.cap)


def _entry(name: str, formula: str, source: str, **traits: Any) -> Activation:
    return Activation(**{"name": name, "kernel": name, "formula": formula, "source": source, **traits})


_RECTIFIER: dict[str, Any] = {"kinks": (0.0,), "identity_from": 0.0}
_SMOOTH: dict[str, Any] = {"kinks": (), "identity_from": math.inf, "monotonic": False, "gates": False}
_HARD_GELU: dict[str, Any] = {
    "kernel": "hardgelu_uncapped",
    "kinks": (-1.5, 1.5),
    "identity_from": 1.5,
    "monotonic": False,
    "gates": True,
    "floor": -3 / 16,
}
_NTC = "Vaidyanathan et al. 2023 (neural texture compression), arXiv 2305.17105"

ACTIVATIONS: dict[str, Activation] = {
    entry.name: entry
    for entry in (
        _entry("relu", "max(0, x)", "Nair & Hinton 2010", monotonic=True, gates=True, floor=0.0, **_RECTIFIER),
        _entry(
            "leaky_relu",
            "x if x > 0 else 0.01 x",
            "Maas et al. 2013",
            monotonic=True,
            gates=False,
            floor=-math.inf,
            **_RECTIFIER,
        ),
        _entry(
            "prelu",
            "x if x > 0 else s x, one learned s per neuron",
            "He et al. 2015, arXiv 1502.01852",
            monotonic=False,
            gates=False,
            floor=-math.inf,
            learned_slope=True,
            **_RECTIFIER,
        ),
        _entry("silu", "x sigmoid(x)", "Elfwing et al. 2018, arXiv 1702.03118", floor=-0.2784645427610738, **_SMOOTH),
        _entry("gelu", "x Phi(x)", "Hendrycks & Gimpel 2016, arXiv 1606.08415", floor=-0.16997120747990369, **_SMOOTH),
        _entry(
            "hardswish",
            "x clamp(x + 3, 0, 6) / 6",
            "Howard et al. 2019, arXiv 1905.02244",
            kinks=(-3.0, 3.0),
            identity_from=3.0,
            monotonic=False,
            gates=True,
            floor=-3 / 8,
        ),
        _entry("hardgelu", "min(3, x clamp(x + 1.5, 0, 3) / 3)", f"{_NTC}, capped", cap=3.0, **_HARD_GELU),
        _entry("hardgelu_uncapped", "x clamp(x + 1.5, 0, 3) / 3", _NTC, **_HARD_GELU),
    )
}
"""Every activation by its canonical name."""

ALIASES: dict[str, str] = {"swish": "silu", "leakyrelu": "leaky_relu"}
"""Other names that users type."""

DEFAULT_ACTIVATIONS: tuple[str, ...] = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
"""The seven of the article, in its order."""


BOUNDED, UNBOUNDED = "hardgelu", "hardgelu_uncapped"
"""The one of the article that is bounded on both sides, and the same function without its cap."""

CAPPED_BASES: tuple[str, ...] = ("relu", "silu", "gelu", "hardswish")
"""Those that are also studied with its cap, to tell what the bound does and what the shape."""


def parse_activation(text: str, field: str = "activations") -> Activation:
    """Return the activation that `text` names, capped if it says `NAME@CAP`.

    Raises:
        BadInput: unknown name, or a cap that is not a positive finite number.

    >>> parse_activation("Swish").name
    'silu'
    >>> parse_activation("relu@3.0").name, parse_activation("relu@3.0").bends
    ('relu@3', (0.0, 3.0))
    >>> parse_activation("hardgelu@1e6").name
    'hardgelu@1000000'
    """
    base, at, cap_text = text.strip().lower().partition("@")
    base = ALIASES.get(base, base)
    if base not in ACTIVATIONS:
        raise BadInput(field, text, choices(base, [*ACTIVATIONS, *ALIASES]) + ", or NAME@CAP")
    if not at:
        return ACTIVATIONS[base]
    try:
        cap = float(cap_text)
    except ValueError:
        cap = math.nan
    if not (math.isfinite(cap) and cap >= 1e-6 and cap <= 1e9):
        raise BadInput(field, text, "the cap after @ must be a number from 1e-06 to 1e+09")
    return capped(ACTIVATIONS[base], cap)


def capped(activation: Activation, cap: float) -> Activation:
    """Return min(f(x), cap) as an activation named `NAME@CAP`; its bends include the point where the cap binds.

    >>> capped(ACTIVATIONS["hardswish"], 3).bends
    (-3.0, 3.0)
    >>> capped(ACTIVATIONS["hardswish"], 4).bends
    (-3.0, 3.0, 4.0)
    """
    short = f"{cap:.9f}".rstrip("0").rstrip(".")
    binding = min(activation.cap, float(cap))
    return replace(
        activation, name=f"{activation.name}@{short}", cap=binding, formula=f"min({short}, {activation.formula})"
    )

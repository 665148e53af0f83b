"""The activations: one entry each, with names that users type. Importing this file loads no torch.

Names: the canonical ones are the keys of `ACTIVATIONS`; `swish` is an alias of `silu`; `module:name` is a torch
function, or an `Activation`, of any module that can be imported; `NAME@CAP` is the activation capped at CAP,
min(f(x), CAP), with the cap in its shortest form (`relu@3.0` is `relu@3`).
"""

import math
import re
from dataclasses import replace
from typing import Any

from quantstudy.activations.activation import Activation, entry
from quantstudy.activations.beyond import BEYOND
from quantstudy.errors import BadInput, choices

__all__ = [
    "ACTIVATIONS",
    "ALIASES",
    "BOUNDED",
    "CAPPED_BASES",
    "DEFAULT_ACTIVATIONS",
    "UNBOUNDED",
    "Activation",
    "canonical_name",
    "capped",
    "parse_activation",
]

SPELLED = re.compile(r"(?=.{3,100}$)[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
"""What `module:name` looks like; files are named after it (`folders.file_name`)."""

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
    one.name: one
    for one in (
        entry("relu", "max(0, x)", "Nair & Hinton 2010", monotonic=True, gates=True, floor=0.0, **_RECTIFIER),
        entry(
            "leaky_relu",
            "x if x > 0 else 0.01 x",
            "Maas et al. 2013",
            monotonic=True,
            gates=False,
            floor=-math.inf,
            **_RECTIFIER,
        ),
        entry(
            "prelu",
            "x if x > 0 else s x, one learned s per neuron",
            "He et al. 2015, arXiv 1502.01852",
            monotonic=False,
            gates=False,
            floor=-math.inf,
            learned_slope=True,
            **_RECTIFIER,
        ),
        entry("silu", "x sigmoid(x)", "Elfwing et al. 2018, arXiv 1702.03118", floor=-0.2784645427610738, **_SMOOTH),
        entry("gelu", "x Phi(x)", "Hendrycks & Gimpel 2016, arXiv 1606.08415", floor=-0.16997120747990369, **_SMOOTH),
        entry(
            "hardswish",
            "x clamp(x + 3, 0, 6) / 6",
            "Howard et al. 2019, arXiv 1905.02244",
            kinks=(-3.0, 3.0),
            identity_from=3.0,
            monotonic=False,
            gates=True,
            floor=-3 / 8,
        ),
        entry("hardgelu", "min(3, x clamp(x + 1.5, 0, 3) / 3)", f"{_NTC}, capped", cap=3.0, **_HARD_GELU),
        entry("hardgelu_uncapped", "x clamp(x + 1.5, 0, 3) / 3", _NTC, **_HARD_GELU),
        entry(
            "gelu_tanh",
            "0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))",
            "Hendrycks & Gimpel 2016, arXiv 1606.08415",
            floor=-0.17004075057125406,
            **_SMOOTH,
        ),
        entry(
            "quick_gelu",
            "x sigmoid(1.702 x)",
            "Hendrycks & Gimpel 2016, arXiv 1606.08415",
            floor=-0.16361018963635362,
            **_SMOOTH,
        ),
        *BEYOND,
    )
}
"""Every activation of this package by its canonical name."""

ALIASES: dict[str, str] = {
    "swish": "silu",
    "leakyrelu": "leaky_relu",
    "gelu-tanh": "gelu_tanh",
    "quickgelu": "quick_gelu",
}
"""Other names that users type."""

DEFAULT_ACTIVATIONS: tuple[str, ...] = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
"""The seven of the article, in its order."""


BOUNDED, UNBOUNDED = "hardgelu", "hardgelu_uncapped"
"""The one of the article that is bounded on both sides, and the same function without its cap."""

CAPPED_BASES: tuple[str, ...] = ("relu", "silu", "gelu", "hardswish")
"""Those that are also studied with its cap, to separate the effect of the bound from that of the shape."""


def parse_activation(text: str, field: str = "activations") -> Activation:
    """Return the activation that `text` names, capped if it says `NAME@CAP`.

    Raises:
        BadInput: unknown name, a function that is no activation, or a cap that is not a positive finite number.

    >>> parse_activation("Swish").name
    'silu'
    >>> parse_activation("relu@3.0").name, parse_activation("relu@3.0").bends
    ('relu@3', (0.0, 3.0))
    >>> parse_activation("hardgelu@1e6").name
    'hardgelu@1000000'
    >>> parse_activation("torch.nn.functional:softsign").ceiling
    1.0
    """
    base, cap = _parts(text, field)
    found = _outside(base, field) if ":" in base else ACTIVATIONS[base]
    return found if cap is None else capped(found, cap)


def canonical_name(text: str, field: str = "activations") -> str:
    """Return the name of the activation that `text` names; what is from outside is not looked for.

    Raises:
        BadInput: unknown name, one that is not spelled `module:function`, or a cap that is none.

    >>> canonical_name("Swish@3.0"), canonical_name("not.there:yet@2")
    ('silu@3', 'not.there:yet@2')
    """
    base, cap = _parts(text, field)
    return base if cap is None else _capped_name(base, cap)


def _parts(text: str, field: str) -> tuple[str, float | None]:
    """Return the canonical name without its cap, and the cap."""
    base, at, cap_text = text.strip().partition("@")
    base = _spelled(base, field) if ":" in base else _ours(base.lower(), text, field)
    if not at:
        return base, None
    try:
        cap = float(cap_text)
    except ValueError:
        cap = math.nan
    if not (math.isfinite(cap) and cap >= 1e-6 and cap <= 1e9):
        raise BadInput(field, text, "the cap after @ must be a number from 1e-06 to 1e+09")
    return base, cap


def _spelled(name: str, field: str) -> str:
    if not SPELLED.fullmatch(name):
        allowed = "a function is given as module:function, at most 100 letters, digits, '_', '.' and one ':'"
        raise BadInput(field, name, allowed)
    return name


def _ours(name: str, text: str, field: str) -> str:
    name = ALIASES.get(name, name)
    if name not in ACTIVATIONS:
        known = choices(name, [*ACTIVATIONS, *ALIASES])
        raise BadInput(field, text, f"{known}, or NAME@CAP, or module:function")
    return name


def _outside(name: str, field: str) -> Activation:
    from quantstudy.activations.functions import activation_at

    return activation_at(name, field)


def capped(activation: Activation, cap: float) -> Activation:
    """Return min(f(x), cap) as an activation named `NAME@CAP`; its bends include the point where the cap binds.

    >>> capped(ACTIVATIONS["hardswish"], 3).bends
    (-3.0, 3.0)
    >>> capped(ACTIVATIONS["hardswish"], 4).bends
    (-3.0, 3.0, 4.0)
    """
    name, binding = _capped_name(activation.name, cap), min(activation.cap, float(cap))
    return replace(activation, name=name, cap=binding, formula=f"min({name.rpartition('@')[2]}, {activation.formula})")


def _capped_name(name: str, cap: float) -> str:
    short = f"{cap:.9f}".rstrip("0").rstrip(".")
    return f"{name}@{short}"

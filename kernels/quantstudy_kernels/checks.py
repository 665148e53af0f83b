"""What every implementation refuses, in one place and without torch: names, slopes, caps, ranges."""

import difflib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATION_NAMES = (
    *("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped"),
    *("gelu_tanh", "quick_gelu"),
)
"""The canonical names; aliases such as ``swish`` are the caller's business."""

FROM_OUTPUT = ("relu", "leaky_relu", "prelu")
"""Activations that map no two inputs with different derivatives to one output (prelu: while its slopes are above 0)."""

LEAKY_SLOPE = 0.01

QUICK_GELU_RATE = 1.702
"""quick_gelu is x · sigmoid(1.702 x)."""

GELU_TANH_RATE = 1.5957691216057308
"""2 · sqrt(2/pi): gelu_tanh, 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x³))), is x · sigmoid(GELU_TANH_RATE (x + …))."""

GELU_TANH_CUBIC = 0.044715
GELU_TANH_END = 64.0
"""From this x² on gelu_tanh's sigmoid is 0 or 1 to the last bit of float64: x² may stay there, and never overflows."""

HARDGELU_CAP = 3.0


def effective_cap(name: str, x: "Tensor", slope: "Tensor | None", cap: float) -> float:
    """Check the arguments that all activation functions share and return the cap that applies.

    `hardgelu` is `hardgelu_uncapped` with a cap of its own, 3: the smaller of the two caps applies. `slope` is read by
    `prelu` only; the other activations ignore it.

    Raises:
        ValueError: unknown `name` (the message lists the nearest), an `x` that is not floating point, a `slope` that is
            missing for `prelu` or does not broadcast against `x`, a `cap` that is not above 0.
    """
    if name not in ACTIVATION_NAMES:
        near = difflib.get_close_matches(name, ACTIVATION_NAMES, n=3, cutoff=0.5)
        hint = f"nearest: {', '.join(near)}; " if near else ""
        raise ValueError(f"name: {name!r} is no activation; {hint}allowed: {', '.join(ACTIVATION_NAMES)}")
    if not x.is_floating_point():
        raise ValueError(f"x: dtype {x.dtype}; allowed: a floating point tensor")
    if name == "prelu":
        _check_slope(x, slope)
    if not cap > 0:
        raise ValueError(f"cap: {cap!r}; allowed: a number above 0, or inf for no cap")
    return min(cap, HARDGELU_CAP) if name == "hardgelu" else cap


def _check_slope(x: "Tensor", slope: "Tensor | None") -> None:
    if slope is None:
        raise ValueError("slope: None; prelu needs a tensor that broadcasts against x, e.g. [models, neurons, 1]")
    if slope.ndim > x.ndim or any(
        have not in (1, want) for have, want in zip(reversed(slope.shape), reversed(x.shape), strict=False)
    ):
        raise ValueError(f"slope: shape {list(slope.shape)}; allowed: one that broadcasts against x, {list(x.shape)}")
    if slope.dtype != x.dtype:
        raise ValueError(f"slope: dtype {slope.dtype}; allowed: that of x, {x.dtype}")


def check_same_shape(field: str, tensor: "Tensor", x: "Tensor") -> None:
    """Raise ValueError unless `tensor` (called `field` in the message) has the shape of `x`."""
    if tensor.shape != x.shape:
        raise ValueError(f"{field}: shape {list(tensor.shape)}; allowed: that of x, {list(x.shape)}")


def derivative_from_output_allowed(name: str, cap: float = math.inf) -> bool:
    """Whether f' follows from f(x) alone: for the rectifiers of `FROM_OUTPUT`, uncapped.

    The others are not monotonic, and a capped function has one output, but two derivatives, at the cap and above it.

    >>> derivative_from_output_allowed("relu"), derivative_from_output_allowed("relu", 3.0)
    (True, False)
    """
    return name in FROM_OUTPUT and not is_capped(cap)


def check_from_output(name: str, x: "Tensor", slope: "Tensor | None", cap: float) -> None:
    """Check the arguments of the functions that know the output alone.

    Raises:
        ValueError: as `effective_cap`; an activation whose derivative does not follow from its output; a slope of
            prelu that is not above 0 (reading the slopes makes a GPU wait).
    """
    effective_cap(name, x, slope, cap)
    if not derivative_from_output_allowed(name, cap):
        capped = f" capped at {cap:g}" if is_capped(cap) else ""
        raise ValueError(
            f"name: {name!r}{capped} has one output for several derivatives; "
            f"allowed: {', '.join(FROM_OUTPUT)}, without a cap"
        )
    if name == "prelu" and slope is not None and not bool((slope > 0).all()):
        raise ValueError(f"slope: {float(slope.min())!r} is the smallest; allowed from the output: above 0")


def check_float32(x: "Tensor") -> None:
    """Raise ValueError unless `x`, to be quantized, is float32."""
    if str(x.dtype) != "torch.float32":  # this module loads no torch
        raise ValueError(f"x: dtype {x.dtype}; allowed: torch.float32 (other precisions give other codes at ties)")


def check_range(quant_min: int, quant_max: int) -> None:
    """Raise ValueError unless `quant_min` < `quant_max` and both fit float32's exact integers."""
    limit = 2**24
    if not -limit <= quant_min < quant_max <= limit:
        raise ValueError(
            f"quant_min, quant_max: {quant_min!r}, {quant_max!r}; allowed: -2**24 <= quant_min < quant_max <= 2**24"
        )


def is_capped(cap: float) -> bool:
    """Whether `cap` can bind at all."""
    return cap < math.inf

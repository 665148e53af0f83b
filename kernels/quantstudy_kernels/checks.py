"""What every implementation refuses, in one place and without torch: names, slopes, caps, ranges."""

import difflib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ACTIVATION_NAMES = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped")
"""The canonical names; aliases such as ``swish`` are the caller's business."""

LEAKY_SLOPE = 0.01
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
        raise ValueError("slope: None; prelu needs a tensor that broadcasts against x, e.g. [models, width, 1]")
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

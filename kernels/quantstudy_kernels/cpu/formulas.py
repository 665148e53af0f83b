"""The one table of formulas of the CPU: each activation as (value, derivative), and what the loss needs, in float32.

Training, measuring and the functions of `cpu.activations` are all made of these, so that they agree to the last bit. No
branch and no library call: a rational function for the logistic, polynomials for the rest; an exponential instead would
cost silu and gelu a seventh of their training speed. The conventions at the bends are those of
`quantstudy_kernels.reference`; a NaN gives a NaN value. Caps are the caller's, hardgelu's own too.

The errors that are stated are the largest ones against float64 (`tests/kernels/test_cpu_formulas.py` holds them).
"""

import math
from collections.abc import Callable

from quantstudy_kernels.checks import (
    GELU_TANH_CUBIC,
    GELU_TANH_END,
    GELU_TANH_RATE,
    LEAKY_SLOPE,
    QUICK_GELU_RATE,
)
from quantstudy_kernels.cpu.lanes import (
    Lanes,
    by_sign,
    choose,
    fused,
    magnitude,
    polynomial,
    scaled_by_power,
    without_power,
)

LEAST_EXPONENT = -87.0
"""From here down e^x counts as 0: 2^n would leave the normal numbers."""

GATE_END = 15.65065
"""Where the rational function is 1/2 to the last bit."""

BELL_END = 30.0
"""From this x² on the density, 1.2e-7 there, counts as 0."""

_ROOT = 0.3989422804014327 ** (1 / 16)  # of the density at 0

ROUNDER = 1.5 * 2**23
"""Adding it leaves the rounded integer in the low bits of a float."""


def exp_of_negative(x: Lanes) -> Lanes:
    """Return e^x for x ≤ 0, to 4 units in the last place: 2^n split off, then Cephes' polynomial.

    Exactly 0 below −87, so that gates end; a NaN counts as that.
    """
    inside = choose(">", x, LEAST_EXPONENT, x, LEAST_EXPONENT)
    shifted = fused(inside, 1.4426950408889634, ROUNDER)
    n = shifted - ROUNDER
    r = fused(n, 2.12194440e-4, fused(n, -0.693359375, inside))
    p = polynomial(r, 1.3981999e-3, 8.3334519e-3, 4.1665795e-2, 1.6666665e-1, 0.5)
    power = scaled_by_power(fused(p, r * r, r + 1.0), shifted)
    return choose(">", x, LEAST_EXPONENT, power, 0.0)


def log1p_of_share(e: Lanes) -> Lanes:
    """Return log(1 + e) for 0 ≤ e ≤ 1: a polynomial fitted at Chebyshev's points, error 1.2e-7."""
    high = (0.005253458, -0.02958851, 0.07836167, -0.1367477)
    low = (0.19111431, -0.24844369, 0.3331927, -0.49999502, 1.0)
    return polynomial(e, *high, *low) * e


def log_from_one(x: Lanes) -> Lanes:
    """Return log(x) for x ≥ 1, as n · log 2 + log(1 + f) where x = 2ⁿ · (1 + f); infinity and NaN give themselves."""
    n, f = without_power(x)
    return choose("<", x, math.inf, fused(n, 0.6931471805599453, log1p_of_share(f)), x)


def logistic(x: Lanes) -> Lanes:
    """Return 1 / (1 + e^−x), as 1/2 + x · P(x²) / Q(x²); error 2.5e-7, exactly 0 and 1 from |x| = `GATE_END` on."""
    u = choose("<", x, -GATE_END, -GATE_END, x)
    u = choose(">", u, GATE_END, GATE_END, u)
    s = u * u
    p = polynomial(s, 4.3669342e-8, 4.571478e-5, 8.063187e-3, 0.24999985)
    q = polynomial(s, 9.3137133e-10, 3.6755956e-6, 1.4818268e-3, 0.11558539, 1.0)
    return (u * p) / q + 0.5


def normal(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return the normal distribution Φ(x) and its density φ(x); errors 7e-7, exact where x² ≥ `BELL_END` (0 or 1, 0).

    The density is the 16th power of a polynomial for its 16th root, the tail 1 − Φ(|x|) that times a polynomial in
    1 / (1 + 0.33 |x|), as in Abramowitz and Stegun 7.1.26.
    """
    s = x * x
    fourth, third, second = 0.035787919 / 32**4, -0.16533151 / 32**3, 0.49989430 / 32**2
    e = polynomial(s, *(_ROOT * c for c in (fourth, third, second, -0.99999724 / 32, 0.999999996)))
    for _ in range(4):
        e = e * e
    density = choose("<", s, BELL_END, e, 0.0)
    t = 1.0 / fused(magnitude(x), 0.33, 1.0)
    tail = polynomial(t, -0.27788575, 0.95228062, -0.24316561, 0.51799920, 0.30408554) * (t * density)
    return by_sign(x, tail, 1 - tail), density


def _step(x: Lanes, low: float | Lanes) -> Lanes:
    """Return 1 where x > 0, `low` where x ≤ 0, NaN where NaN."""
    return choose(">", x, 0, 1.0, choose("<=", x, 0, low, x))


def _relu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    return choose("<=", x, 0, 0.0, x), _step(x, 0.0)


def _leaky_relu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    return choose(">", x, 0, x, x * LEAKY_SLOPE), _step(x, LEAKY_SLOPE)


def prelu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    """Return x, or slope · x where x ≤ 0."""
    return choose(">", x, 0, x, x * slope), _step(x, slope)


def _silu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    gate = logistic(x)
    y = x * gate
    return y, fused(y, 1 - gate, gate)


def _gelu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    share, density = normal(x)
    return x * share, fused(x, density, share)


def _ramp(x: Lanes, rate: float) -> Lanes:
    gate = fused(x, rate, 0.5)
    gate = choose("<", gate, 0, 0.0, gate)
    return choose(">", gate, 1, 1.0, gate)


def _hardswish(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    gate = _ramp(x, 1 / 6)
    return x * gate, gate + choose("<", magnitude(x), 3.0, x * (1 / 6), 0.0)


def _hardgelu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    gate = _ramp(x, 1 / 3)
    return x * gate, gate + choose("<=", magnitude(x), 1.5, x * (1 / 3), 0.0)  # ±1.5 themselves are inside


def _gelu_tanh(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    """By an exponential: the derivative multiplies gate · (1 − gate) by up to 35, and the rational's error with it."""
    s = x * x
    s = choose("<", s, GELU_TANH_END, s, GELU_TANH_END)
    u = x * fused(s, GELU_TANH_RATE * GELU_TANH_CUBIC, GELU_TANH_RATE)
    e = exp_of_negative(-1.0 * magnitude(u))
    above = 1.0 / (e + 1.0)
    below = e * above
    y, gate = by_sign(x, x * below, x * above), by_sign(x, below, above)
    return y, fused(x * (below * above), fused(s, 3 * GELU_TANH_RATE * GELU_TANH_CUBIC, GELU_TANH_RATE), gate)


def _quick_gelu(x: Lanes, slope: Lanes) -> tuple[Lanes, Lanes]:
    gate = logistic(x * QUICK_GELU_RATE)
    y = x * gate
    return y, fused(y * QUICK_GELU_RATE, 1 - gate, gate)


Formula = Callable[[Lanes, Lanes], tuple[Lanes, Lanes]]
"""Of the pre-activations and of prelu's slope: the uncapped value and its derivative."""

FORMULAS: dict[str, Formula] = {
    "relu": _relu,
    "leaky_relu": _leaky_relu,
    "prelu": prelu,
    "silu": _silu,
    "gelu": _gelu,
    "hardswish": _hardswish,
    "hardgelu": _hardgelu,
    "hardgelu_uncapped": _hardgelu,
    "gelu_tanh": _gelu_tanh,
    "quick_gelu": _quick_gelu,
}
"""By name, as `quantstudy_kernels.ACTIVATION_NAMES` has them; the three whose derivative is 1 or a slope come first."""

BY_KIND: tuple[Formula, ...] = tuple(dict.fromkeys(FORMULAS.values()))
"""Every formula once; its place is its number in compiled code."""

KINDS: dict[str, int] = {name: BY_KIND.index(formula) for name, formula in FORMULAS.items()}
"""Name of an activation → number of its formula in compiled code."""

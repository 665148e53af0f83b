"""The scalar formulas that the CPU kernels are made of, in float32, written so that loops over them are vectorized.

No branch, no call: an exponential and a normal distribution as polynomials, each activation as `(value, derivative)`.
The conventions at the bends are those of `quantstudy_kernels.reference`; a NaN gives a NaN value and any derivative.
Caps are the caller's, but for hardgelu's own.

The errors that are stated are the largest ones against float64 (`tests/kernels/test_cpu_maths.py` holds them).
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from quantstudy_kernels.cpu.jit import CONTRACT, compiled

_f = np.float32
ZERO, HALF, ONE, THREE = _f(0), _f(0.5), _f(1), _f(3)
LEAKY = _f(0.01)
_SIXTH, _THIRD, _BEND = _f(1 / 6), _f(1 / 3), _f(1.5)

_LOG2_E, _LN2_HIGH, _LN2_LOW = _f(1.4426950408889634), _f(0.693359375), _f(-2.12194440e-4)
_ROUNDER = _f(1.5 * 2**23)
"""Adding it leaves the rounded integer in the low bits of a float."""
_LEAST = _f(-87.0)
_E2, _E3, _E4, _E5, _E6 = _f(0.5), _f(1.6666665e-1), _f(4.1665795e-2), _f(8.3334519e-3), _f(1.3981999e-3)

_L1, _L2, _L3, _L4 = _f(-0.49999502), _f(0.3331927), _f(-0.24844369), _f(0.19111431)
_L5, _L6, _L7, _L8 = _f(-0.1367477), _f(0.07836167), _f(-0.02958851), _f(0.005253458)

_GATE_END = _f(16.0)
_P0, _P1, _P2, _P3 = _f(0.24999982), _f(8.0631864e-3), _f(4.5714780e-5), _f(4.3669335e-8)
_Q1, _Q2, _Q3, _Q4 = _f(0.11558539), _f(1.4818268e-3), _f(3.6755956e-6), _f(9.3137133e-10)

_BELL_END = _f(30.0)
_ROOT = 0.3989422804014327 ** (1 / 16)
_B0, _B1, _B2 = _f(_ROOT * 0.999999996), _f(_ROOT * -0.99999724 / 32), _f(_ROOT * 0.49989430 / 32**2)
_B3, _B4 = _f(_ROOT * -0.16533151 / 32**3), _f(_ROOT * 0.035787919 / 32**4)
_TAIL = _f(0.33)
_T1, _T2, _T3 = _f(0.30408554), _f(0.51799920), _f(-0.24316561)
_T4, _T5 = _f(0.95228062), _f(-0.27788575)


@intrinsic
def _bits(context: Any, x: Any) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.int32(types.float32), codegen


@intrinsic
def _from_bits(context: Any, x: Any) -> Any:
    def codegen(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), codegen


@compiled(fastmath=CONTRACT, inline=True)
def exp_of_negative(x: Any) -> Any:
    """e^x for x ≤ 0 (Cephes' polynomial after 2^n is split off), to 4 units in the last place; 1.6e-38 below −87."""
    x = x if x > _LEAST else _LEAST
    rounded = x * _LOG2_E + _ROUNDER
    n = rounded - _ROUNDER
    r = (x - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_E6 * r + _E5) * r + _E4) * r + _E3) * r + _E2) * (r * r) + (r + ONE)
    return _from_bits(np.int32(_bits(p) + (_bits(rounded) << 23)))


@compiled(fastmath=CONTRACT, inline=True)
def log1p_of_share(e: Any) -> Any:
    """log(1 + e) for 0 ≤ e ≤ 1: a polynomial fitted at Chebyshev's points, error 1.2e-7."""
    p = (((_L8 * e + _L7) * e + _L6) * e + _L5) * e + _L4
    return ((((p * e + _L3) * e + _L2) * e + _L1) * e + ONE) * e


@compiled(fastmath=CONTRACT, inline=True)
def logistic(x: Any) -> Any:
    """1 / (1 + e^−x), as 1/2 + x · P(x²) / Q(x²) up to |x| = 16; error 2.5e-7."""
    u = min(max(x, -_GATE_END), _GATE_END)
    s = u * u
    p = ((_P3 * s + _P2) * s + _P1) * s + _P0
    q = (((_Q4 * s + _Q3) * s + _Q2) * s + _Q1) * s + ONE
    return (u * p) / q + HALF


@compiled(fastmath=CONTRACT, inline=True)
def normal(x: Any) -> Any:
    """The normal distribution Φ(x) and its density φ(x); errors 7e-7.

    The density is the 16th power of a polynomial for its 16th root, the tail 1 − Φ(|x|) that times a polynomial in
    1 / (1 + 0.33 |x|), as in Abramowitz and Stegun 7.1.26.
    """
    s = min(x * x, _BELL_END)
    e = (((_B4 * s + _B3) * s + _B2) * s + _B1) * s + _B0
    e = e * e
    e = e * e
    e = e * e
    density = e * e
    t = ONE / (_TAIL * abs(x) + ONE)
    tail = ((((_T5 * t + _T4) * t + _T3) * t + _T2) * t + _T1) * (t * density)
    return (ONE - tail if x > ZERO else tail), density


@compiled(fastmath=CONTRACT, inline=True)
def relu(x: Any) -> Any:
    """max(x, 0)."""
    return (ZERO if x <= ZERO else x), (ONE if x > ZERO else ZERO)


@compiled(fastmath=CONTRACT, inline=True)
def leaky(x: Any, slope: Any) -> Any:
    """x, times a slope where x ≤ 0."""
    d = ONE if x > ZERO else slope
    return x * d, d


@compiled(fastmath=CONTRACT, inline=True)
def silu(x: Any) -> Any:
    """x / (1 + e^−x)."""
    gate = logistic(x)
    y = x * gate
    return y, gate + y * (ONE - gate)


@compiled(fastmath=CONTRACT, inline=True)
def gelu(x: Any) -> Any:
    """x · Φ(x)."""
    share, density = normal(x)
    return x * share, share + x * density


@compiled(fastmath=CONTRACT, inline=True)
def hardswish(x: Any) -> Any:
    """x · clamp(x/6 + 1/2, 0, 1)."""
    gate = min(max(x * _SIXTH + HALF, ZERO), ONE)
    return x * gate, gate + (x * _SIXTH if abs(x) < THREE else ZERO)


@compiled(fastmath=CONTRACT, inline=True)
def hardgelu(x: Any, cap: Any) -> Any:
    """min(x · clamp(x/3 + 1/2, 0, 1), cap)."""
    gate = min(max(x * _THIRD + HALF, ZERO), ONE)
    y, d = x * gate, gate + (x * _THIRD if abs(x) <= _BEND else ZERO)
    return (cap if y > cap else y), (ZERO if y > cap else d)

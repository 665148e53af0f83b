"""The functions of a header that do not depend on a layer: rounding, clamping, and the activation."""

from quantstudy.deploy.c.text import array
from quantstudy.deploy.integer.functions import (
    COARSE,
    ENTRY_FRACTION,
    FINE,
    RAMP_BITS,
    TABLE_FRACTION,
    Function,
)
from quantstudy.deploy.integer.numbers import Rescale
from quantstudy.deploy.integer.plan import Integral

UPPER = """\
/* x * multiplier / 2^shift, rounded once: halves up. The shift is 33 or more: half the product is enough. */
static inline int32_t NAME_rescaled(int32_t x, int32_t multiplier, int shift)
{
    const int32_t upper = (int32_t)(((int64_t)x * multiplier) >> 32);
    return (upper + ((int32_t)1 << (shift - 33))) >> (shift - 32);
}
"""

FIRST = """\
/* The lower of two weights in a byte, with its sign. */
static inline int32_t NAME_first(int8_t both)
{
    return (int32_t)((uint32_t)both << 28) >> 28;
}
"""

CLAMPED = """\
static inline KIND NAME_clampedBITS(KIND x, KIND low, KIND high)
{
    return x < low ? low : x > high ? high : x;
}
"""

RAMP = """\
/* z * clamp(z + END, 0, 2 * END) / DIVISOR */
static inline int32_t NAME_function(int32_t z, int32_t end, int fraction)
{
    int32_t upper;
    if (z >= end)
        return z;
    if (z <= -end)
        return 0;
    upper = (int32_t)(((int64_t)z * (z + end) * RECIPROCAL) >> 32);
    return (upper + ((int32_t)1 << (fraction + BITS - 33))) >> (fraction + BITS - 32);
}
"""

SMOOTH = """\
/* relu(z) - d(|z|); d comes from a table and straight lines between its entries, and is 0 beyond it. */
static inline int32_t NAME_function(int32_t z, int up)
{
TABLE
    const int32_t y = z > 0 ? z : 0;
    int32_t place = z < 0 ? -z : z;
    int32_t first = 0, d;
    int shift = FINE_BITS;
    if (place >= END >> up)
        return y;
    place *= (int32_t)1 << up;
    if (place >= BEND) {
        place -= BEND;
        first = FINE_STEPS;
        shift = COARSE_BITS;
    }
    first += place >> shift;
    place &= ((int32_t)1 << shift) - 1;
    d = FINER * ((int32_t)table[first + 1] - table[first]);
    d = FINER * (int32_t)table[first] + ((d * place + ((int32_t)1 << (shift - 1))) >> shift);
    if (up > 0)
        d = (d + (((int32_t)1 << up) >> 1)) >> up;
    return y - d;
}
"""


def helpers(net: Integral, layers: str) -> str:
    """Return the functions that layers call.

    Args:
        net: what is written.
        name: what every name begins with.
        layers: the text of all layers, which says what they need.
    """
    function = net.hidden[0].function if net.hidden else None
    offered = {
        "first": FIRST,
        "rescaled": UPPER,
        "clamped": CLAMPED.replace("KIND", "int32_t").replace("BITS", ""),
        "clamped64": CLAMPED.replace("KIND", "int64_t").replace("BITS", "64"),
        "function": "" if function is None else _function(function),
    }
    return "\n".join(text for called, text in offered.items() if f"NAME_{called}(" in layers)


def rescaled(value: str, by: Rescale, multiplier: str) -> str:
    """Return a value rescaled: of 32 bits where the upper half of the product is enough, else of 64."""
    if by.upper:
        return f"NAME_rescaled({value}, {multiplier}, {by.shift})"
    # no function for this: asked to shift 64 bits by a number that it does not know it would call a library
    return f"(((int64_t){value} * {multiplier} + {1 << (by.shift - 1)}) >> {by.shift})"


def _function(function: Function) -> str:
    if function.table is not None:
        fine, coarse = function.table_steps
        bend = FINE << fine
        told = {
            "TABLE\n": "\n".join(array("int16_t", "table", function.table)) + "\n",
            "END": bend + (COARSE << coarse),
        }
        told |= {
            "BEND": bend,
            "FINE_BITS": fine,
            "FINER": 1 << (TABLE_FRACTION - ENTRY_FRACTION),
            "COARSE_BITS": coarse,
            "FINE_STEPS": FINE,
        }
        return _filled(SMOOTH, told)
    if function.ramp is not None:
        return _filled(RAMP, {"RECIPROCAL": function.ramp[1], "BITS": RAMP_BITS})
    return ""


def _filled(text: str, told: dict[str, object]) -> str:
    for key in sorted(told, key=len, reverse=True):
        text = text.replace(key, str(told[key]))
    return text


def called(function: Function, slope: str) -> list[str]:
    """Return the lines that make y of z; `slope`: how the neuron's slope is written."""
    if function.table is not None:
        made = f"NAME_function(z, {TABLE_FRACTION - function.fraction})"
    elif function.ramp is not None:
        made = f"NAME_function(z, {function.ramp[0]}, {function.fraction})"
    elif function.slopes is not None:
        by = Rescale(function.slopes, function.slope_shift)
        made = f"z < 0 ? (int32_t){rescaled('z', by, slope)} : z"
    else:
        made = "z > 0 ? z : 0"
    if function.cap is None:
        return [f"const int32_t y = {made};"]
    return [f"const int32_t f = {made};", f"const int32_t y = f > {function.cap} ? {function.cap} : f;"]

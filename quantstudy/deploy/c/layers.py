"""The layers of a header: one function each."""

import numpy as np

from quantstudy.deploy.c.functions import called, rescaled
from quantstudy.deploy.c.text import array, packed
from quantstudy.deploy.integer.numbers import INT32, Coded, Rescale, Whole
from quantstudy.deploy.integer.plan import REACH, Hidden, Integral, fits_int32
from quantstudy.deploy.integer.sums import Sums


def kind(wide: bool) -> str:
    """Return the type of codes."""
    return "int16_t" if wide else "int8_t"


def wide_codes(net: Integral) -> bool:
    """Whether what hidden layers give is kept in 16 bits."""
    return any(hidden.leaving.wide for hidden in net.hidden)


def _needs_64(hidden: Hidden) -> bool:
    """Whether codes of a hidden layer may leave 32 bits before they are clamped."""
    if hidden.out is not None:
        return not fits_int32(hidden.out, REACH)
    return not fits_int32(hidden.scaled, INT32)


def layer(net: Integral, k: int) -> str:
    """Return the function of a layer, NAME_layerK(in, out)."""
    sums, last = net.sums[k], k == len(net.hidden)
    coded = net.network.layers[k].coded
    assert coded is not None
    nibbles = coded.bits <= 4
    tables, body = _sum(sums, nibbles)
    if last:
        more, ends = _output(net.outputs)
    else:
        more, ends = _hidden(net.hidden[k])
    outs, ins = sums.weights.shape
    given = "int16_t" if k == 0 else kind(wide_codes(net))
    made = "int32_t" if last else kind(wide_codes(net))
    return "\n".join(
        [
            f"/* layer {k}: {ins} inputs, {outs} outputs, weights of {coded.bits} bits{', two in a byte' * nibbles} */",
            f"static inline void NAME_layer{k}(const {given} *in, {made} *out)",
            "{",
            *tables,
            *more,
            "    int j;",
            f"    for (j = 0; j < {outs}; j++) {{",
            *(f"        {line}" for line in (*body, *ends)),
            "    }",
            "}",
            "",
        ]
    )


def _sum(sums: Sums, nibbles: bool) -> tuple[list[str], list[str]]:
    """Return the tables of a layer's sums, and the lines that make s of neuron j."""
    ins = sums.weights.shape[1]
    stored = packed(sums.weights) if nibbles else sums.weights
    row = stored.shape[1]
    tables = [*array("int8_t", "weights", stored.flatten()), *array("int32_t", "bias", sums.bias)]
    lines = [f"const int8_t *w = weights + {row} * j;"]
    if nibbles:
        lines += _nibbles(ins)
    else:
        lines += _bytes(ins)
    extra = int(sums.extra[0])
    if (sums.extra == extra).all():
        scaled = f"sum * {1 << extra}" if extra > 0 else f"(sum >> {-extra})" if extra < 0 else "sum"
    else:
        tables += array("int8_t", "extra", sums.extra)
        scaled = "(extra[j] < 0 ? sum >> -extra[j] : sum * ((int32_t)1 << extra[j]))"
    return tables, [*lines, f"const int32_t s = {scaled} + bias[j];"]


def _bytes(ins: int) -> list[str]:
    lines = ["int32_t sum = 0;"]
    if ins > 1:
        lines += [
            "int i;",
            f"for (i = 0; i < {ins - ins % 2}; i += 2) {{",
            "    sum += (int32_t)w[i] * in[i];",
            "    sum += (int32_t)w[i + 1] * in[i + 1];",
            "}",
        ]
    return [*lines, f"sum += (int32_t)w[{ins - 1}] * in[{ins - 1}];"] if ins % 2 else lines


def _nibbles(ins: int) -> list[str]:
    lines = ["int32_t sum = 0;"]
    if ins > 1:
        lines += [
            "int i;",
            f"for (i = 0; i < {ins // 2}; i++) {{",
            "    sum += NAME_first(w[i]) * in[2 * i];",
            "    sum += (int32_t)(w[i] >> 4) * in[2 * i + 1];",
            "}",
        ]
    return [*lines, f"sum += NAME_first(w[{ins // 2}]) * in[{ins - 1}];"] if ins % 2 else lines


def _multipliers(found: Rescale) -> tuple[list[str], str]:
    """Return the table of multipliers, and how that of neuron j is written."""
    if len(found.multiplier) == 1:
        return [], str(int(found.multiplier[0]))
    return array("int32_t", "multiplier", found.multiplier), "multiplier[j]"


def _output(outputs: Rescale | None) -> tuple[list[str], list[str]]:
    if outputs is None:
        return [], ["out[j] = s;"]
    tables, multiplier = _multipliers(outputs)
    return tables, [f"out[j] = (int32_t){rescaled('s', outputs, multiplier)};"]


def _hidden(hidden: Hidden) -> tuple[list[str], list[str]]:
    tables, multiplier = _multipliers(hidden.scaled)
    scaled = rescaled("s", hidden.scaled, multiplier)
    if hidden.function is None:
        assert hidden.codes is not None
        assert hidden.table is not None
        tables += array(kind(hidden.leaving.wide), "table", hidden.table.flatten())
        place = _code(scaled, hidden.codes, _needs_64(hidden), -hidden.codes.low)
        row = f"{hidden.table.shape[1]} * j + " if len(hidden.table) > 1 else ""
        return tables, [f"const int32_t z = (int32_t){place};", f"out[j] = table[{row}z];"]
    assert hidden.out is not None
    more, slope = _slopes(hidden.function.slopes)
    code = rescaled("y", hidden.out, str(int(hidden.out.multiplier[0])))
    lines = [
        f"const int32_t z = (int32_t){scaled};",
        *called(hidden.function, slope),
        f"out[j] = ({kind(hidden.leaving.wide)}){_code(code, hidden.leaving, _needs_64(hidden), 0)};",
    ]
    return [*tables, *more], lines


def _slopes(slopes: Whole | None) -> tuple[list[str], str]:
    if slopes is None:
        return [], ""
    if np.all(slopes == slopes[0]):
        return [], str(int(slopes[0]))
    return array("int32_t", "slope", slopes), "slope[j]"


def _code(value: str, coded: Coded, long: bool, more: int) -> str:
    """Return a value as a code plus `more`, clamped."""
    point, low, high = coded.zero_point + more, coded.low + more, coded.high + more
    moved = f" + {point}" if point > 0 else f" - {-point}" if point < 0 else ""
    if long:
        return f"NAME_clamped64({value}{moved}, {low}, {high})"
    return f"NAME_clamped((int32_t){value}{moved}, {low}, {high})"

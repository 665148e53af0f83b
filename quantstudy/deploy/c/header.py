"""One header in C99: no floats, no memory from a heap, nothing included but <stdint.h>."""

from quantstudy.deploy.as_json import text_of
from quantstudy.deploy.c.carried import carried
from quantstudy.deploy.c.functions import helpers
from quantstudy.deploy.c.layers import kind, layer, wide_codes
from quantstudy.deploy.c.text import comment
from quantstudy.deploy.integer.plan import Integral
from quantstudy.records.files import sha256

SHIFTS = """\
/* Negative numbers have to be as almost every compiler has them: in two's complement, and >> rounds down. */
typedef char NAME_needs_arithmetic_shifts[(-1 >> 1) == -1 && (int32_t)UINT32_C(0xffffffff) == -1 ? 1 : -1];
"""

ARGMAX = """\
/* The number of the class; of equal outputs the first one's. */
static inline int NAME_class(const int32_t *outputs)
{
    int best = 0, i;
    for (i = 1; i < OUTPUTS; i++)
        if (outputs[i] > outputs[best])
            best = i;
    return best;
}
"""

SIGN = """\
/* The number of the class: 1 where the only output is above 0. */
static inline int NAME_class(const int32_t *outputs)
{
    return outputs[0] > 0;
}
"""


def header(net: Integral, name: str) -> str:
    """Return the header of a network, all of whose names begin with `name`."""
    layers = "\n".join(layer(net, k) for k in range(len(net.sums)))
    neurons = net.network.neurons
    # two networks of one name must clash where they meet, not one of them be left out in silence
    guard = f"{name.upper()}_{sha256(text_of(net.network).encode())[:8].upper()}_H"
    told = "\n".join(["/*", *(f" * {line}".rstrip() for line in _told(net, name)), " */\n"])
    parts = [
        f"#ifndef {guard}\n#define {guard}\n\n#include <stdint.h>\n",
        f"#define {name.upper()}_INPUTS {neurons[0]}\n#define {name.upper()}_OUTPUTS {neurons[-1]}\n",
        SHIFTS,
        helpers(net, layers),
        layers,
        _run(net),
        *([] if is_regression(net) else [_class(neurons[-1])]),
        "#endif\n",
    ]
    code = "\n".join(part for part in parts if part).replace("NAME", name)
    return f"{told}{code}\n{carried(net.network)}"


def is_regression(net: Integral) -> bool:
    """Whether outputs are numbers, not classes."""
    return net.network.about.get("task") == "regression"


def _class(outputs: int) -> str:
    return SIGN if outputs == 1 else ARGMAX.replace("OUTPUTS", str(outputs))


def _run(net: Integral) -> str:
    neurons = net.network.neurons
    lines, given = list[str](), "inputs"
    if net.hidden:
        lines.append(f"    {kind(wide_codes(net))} {', '.join(_buffers(net))};")
    for k in range(len(net.hidden)):
        made = "ab"[k % 2]
        lines.append(f"    NAME_layer{k}({given}, {made});")
        given = made
    lines.append(f"    NAME_layer{len(net.hidden)}({given}, outputs);")
    told = f"/* From {neurons[0]} inputs to {neurons[-1]} outputs, scaled as is said above. */"
    return "\n".join(
        [told, "static inline void NAME_run(const int16_t *inputs, int32_t *outputs)", "{", *lines, "}", ""]
    )


def _buffers(net: Integral) -> list[str]:
    hidden = net.network.neurons[1:-1]
    return [f"{one}[{max(hidden[start::2])}]" for start, one in ((0, "a"), (1, "b")) if hidden[start::2]]


def _told(net: Integral, name: str) -> list[str]:
    network, inputs = net.network, net.inputs
    if net.input_fraction is not None:
        how = f"inputs[i] = x * {2**net.input_fraction}, rounded to the nearest whole number, halves to even"
    elif network.inputs is not None and network.inputs.truncated:
        how = f"inputs[i] = x * {(inputs.high - inputs.low + 1) / 2}, cut off towards 0"
    else:
        moved = f", {'plus' if inputs.zero_point > 0 else 'minus'} {abs(inputs.zero_point)}" * bool(inputs.zero_point)
        how = f"inputs[i] = x / {inputs.scale!r}, rounded, halves to even{moved}"
    sizes = "-".join(map(str, network.neurons))
    return [
        f"Written by quantstudy export: a quantized network, {sizes}, {network.activation}, in integers only.",
        f"  {how}, then clamped from {inputs.low} to {inputs.high};",
        f"  {name}_run(inputs, outputs);",
        f"  the last layer gives outputs[i] * {net.output_scale!r}.",
        "",
        *comment({key: told for key, told in network.about.items() if key != "study"}),  # which is carried below
    ]

"""A main around the header: it reads points as text, or codes as bytes, and prints what the network says."""

import re

import numpy as np

from quantstudy.deploy.c.header import is_regression
from quantstudy.deploy.c.layers import kind, wide_codes
from quantstudy.deploy.integer.plan import Integral

MAIN = """\
/*
 * Written by quantstudy export. Reads points from standard input and prints what STEM.h says of them.
 *
 *   cc -std=c99 -O2 STEM_main.c -o STEM && echo "POINT" | ./STEM
 *
 * Without arguments: one point a line, its inputs as numbers with blanks between them; OUTPUTS_TOLD.
 * With b: inputs as int16_t, already coded as STEM.h says; out come its int32_t.
 * With a: the same, and before them the codes that leave every hidden layer, as int32_t.
 * With 0, 1, ...: what enters that layer as int16_t codes; out come what leaves it, as int32_t.
 */
#include "STEM.h"

#include <stdio.h>
#include <stdlib.h>

CODE

static void written(int32_t value)
{
    fwrite(&value, sizeof value, 1, stdout);
}

static int text(void)
{
    int16_t inputs[INPUTS];
    int32_t outputs[OUTPUTS];
    double x;
    int i, found;
    for (;;) {
        for (i = 0; i < INPUTS; i++) {
            found = scanf("%lf", &x);
            if (found == EOF && i == 0)
                return 0;
            if (found != 1) {
                fprintf(stderr, "a point needs INPUTS numbers\\n");
                return 1;
            }
            inputs[i] = code(x);
        }
        NAME_run(inputs, outputs);
        for (i = 0; i < OUTPUTS; i++)
            printf("%.9g%s", outputs[i] * SCALE, i + 1 < OUTPUTS ? " " : "");
        ENDING
    }
}

static int binary(int all)
{
    int16_t inputs[INPUTS];
    int32_t outputs[OUTPUTS];
    int i;
BUFFERS
    while (fread(inputs, sizeof inputs, 1, stdin) == 1) {
        if (all) {
LAYERS
        }
        NAME_run(inputs, outputs);
        for (i = 0; i < OUTPUTS; i++)
            written(outputs[i]);
    }
    return 0;
}

FORCED
int main(int argc, char **argv)
{
    if (argc < 2)
        return text();
    switch (argv[1][0] > '9' ? argv[1][0] : atoi(argv[1])) {
    case 'a':
        return binary(1);
    case 'b':
        return binary(0);
CASES
    default:
        fprintf(stderr, "no argument, a, b, or the number of a layer is needed\\n");
        return 2;
    }
}
"""

NEAREST = """\
/* The code of an input: the nearest, halves to even. */
static int16_t code(double x)
{
    const double v = VALUE;
    const double low = LOW, high = HIGH;
    double whole;
    if (!(v > low))
        return (int16_t)low;
    if (v >= high)
        return (int16_t)high;
    whole = (double)(int32_t)v;
    whole -= whole > v;
    if (v - whole > 0.5 || (v - whole == 0.5 && (int32_t)whole % 2 != 0))
        whole += 1;
    return (int16_t)whole;
}"""

CUT = """\
/* The code of an input: cut off towards 0. */
static int16_t code(double x)
{
    const double v = (float)x * STEPSf;
    return (int16_t)(!(v > LOW) ? LOW : v > HIGH ? HIGH : v);
}"""

LAYER = """\
static int layer_K(void)
{
    int16_t given[INS];
    int i;
COPIED    MADE out[OUTS];
    while (fread(given, sizeof given, 1, stdin) == 1) {
TAKEN        NAME_layerK(ENTERING, out);
        for (i = 0; i < OUTS; i++)
            written(out[i]);
    }
    return 0;
}
"""


def main_file(net: Integral, name: str, stem: str) -> str:
    """Return the main beside a header: `name` begins all names in it, `stem` is its file's name without `.h`."""
    neurons, width = net.network.neurons, kind(wide_codes(net))
    classes = not is_regression(net)
    ins = ["inputs", *(f"c{k}" for k in range(len(net.hidden)))]
    calls = [
        f"            NAME_layer{k}({ins[k]}, c{k});\n"
        f"            for (i = 0; i < {neurons[k + 1]}; i++)\n                written(c{k}[i]);"
        for k in range(len(net.hidden))
    ]
    told = {
        "CODE": _code(net),
        "BUFFERS": "\n".join(f"    {width} c{k}[{neurons[k + 1]}];" for k in range(len(net.hidden))),
        "LAYERS": "\n".join(calls),
        "FORCED": "\n".join(_forced(net, k, width) for k in range(len(net.sums))),
        "CASES": "\n".join(f"    case {k}:\n        return layer_{k}();" for k in range(len(net.sums))),
        "ENDING": 'printf(" %d\\n", NAME_class(outputs));' if classes else 'printf("\\n");',
        "OUTPUTS_TOLD": "out come its outputs" + (" and its class" if classes else ""),
        "POINT": " ".join(["0.5"] * min(neurons[0], 3)) + (" ..." if neurons[0] > 3 else ""),
        "INPUTS": str(neurons[0]),
        "OUTPUTS": str(neurons[-1]),
        "SCALE": repr(net.output_scale),
    }
    text = MAIN
    for key in sorted(told, key=len, reverse=True):
        text = text.replace(key, told[key])
    return re.sub("STEM|NAME", lambda found: {"STEM": stem, "NAME": name}[found[0]], text)


def _code(net: Integral) -> str:
    inputs, low, high = net.inputs, net.inputs.low, net.inputs.high
    if net.network.inputs is not None and net.network.inputs.truncated:
        steps = repr((high - low + 1) / 2)
        return CUT.replace("STEPS", steps).replace("LOW", str(low)).replace("HIGH", str(high))
    if net.input_fraction is not None:
        value = f"x * {2**net.input_fraction}"
    else:
        # in float32, and the zero point after rounding, as the study has it
        inverse = np.float32(1) / np.float32(inputs.scale)
        value = f"(float)x * {float(inverse)!r}f"
        low, high = low - inputs.zero_point, high - inputs.zero_point
        found = NEAREST.replace("VALUE", value).replace("LOW", str(low)).replace("HIGH", str(high))
        for end in ("low", "high", "whole") if inputs.zero_point else ():
            found = found.replace(f"return (int16_t){end};", f"return (int16_t)({end} + {inputs.zero_point});")
        return found
    return NEAREST.replace("VALUE", value).replace("LOW", str(low)).replace("HIGH", str(high))


def _forced(net: Integral, k: int, width: str) -> str:
    ins, outs = net.network.neurons[k : k + 2]
    copied = k > 0 and width == "int8_t"
    told = {
        "COPIED": "    int8_t in[INS];\n" if copied else "",
        "TAKEN": "        for (i = 0; i < INS; i++)\n            in[i] = (int8_t)given[i];\n" if copied else "",
        "ENTERING": "in" if copied else "given",
        "MADE": "int32_t" if k == len(net.hidden) else width,
    }
    text = LAYER
    for key, value in told.items():
        text = text.replace(key, value)
    return text.replace("INS", str(ins)).replace("OUTS", str(outs)).replace("K", str(k))

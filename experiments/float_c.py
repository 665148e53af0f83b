"""The same network as plain C in float32, as one would write it by hand: what integers are compared with."""

from collections.abc import Iterable

from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed, Layer

FORMULAS = {
    "relu": "z > 0.0f ? z : 0.0f",
    "leaky_relu": "z > 0.0f ? z : 0.01f * z",
    "prelu": "z > 0.0f ? z : slope[j] * z",
    "silu": "z / (1.0f + expf(-z))",
    "gelu": "0.5f * z * (1.0f + erff(0.70710678f * z))",
    "hardswish": "z >= 3.0f ? z : z <= -3.0f ? 0.0f : z * (z + 3.0f) * (1.0f / 6.0f)",
    "hardgelu_uncapped": "z >= 1.5f ? z : z <= -1.5f ? 0.0f : z * (z + 1.5f) * (1.0f / 3.0f)",
}


def header(network: Deployed) -> str:
    """Return a header with `network_run(const float *inputs, float *outputs)`."""
    activation = parse_activation(network.activation)
    neurons = network.neurons
    formula = FORMULAS[str(activation.kernel)]
    needs = "#include <math.h>\n" if "expf" in formula or "erff" in formula else ""
    parts = ["#ifndef NETWORK_H", "#define NETWORK_H", needs]
    for k, layer in enumerate(network.layers):
        parts.append(_layer(layer, k, formula if k < network.hidden else "", activation.cap))
    calls, given = list[str](), "inputs"
    for k in range(len(network.layers)):
        made = "outputs" if k == network.hidden else "ab"[k % 2]
        calls.append(f"    layer{k}({given}, {made});")
        given = made
    width = max(neurons[1:-1])
    parts += [
        "static inline void network_run(const float *inputs, float *outputs)",
        "{",
        f"    float a[{width}], b[{width}];" if network.hidden > 1 else f"    float a[{width}];",
        *calls,
        "}",
        "#endif",
    ]
    return "\n".join(parts) + "\n"


def _layer(layer: Layer, k: int, formula: str, cap: float) -> str:
    outs, ins = layer.weights.shape
    tables = [_array("weights", layer.weights.flatten()), _array("bias", layer.bias)]
    if layer.slope is not None:
        tables.append(_array("slope", layer.slope))
    ends = ["out[j] = z;"] if not formula else [f"const float y = {formula};"]
    if formula:
        ends.append("out[j] = y;" if cap == float("inf") else f"out[j] = y > {_number(cap)} ? {_number(cap)} : y;")
    lines = [
        f"static inline void layer{k}(const float *in, float *out)",
        "{",
        *(f"    {table}" for table in tables),
        "    int i, j;",
        f"    for (j = 0; j < {outs}; j++) {{",
        "        float z = bias[j];",
        f"        for (i = 0; i < {ins}; i++)",
        f"            z += weights[{ins} * j + i] * in[i];",
        *(f"        {{ {' '.join(ends)} }}".splitlines()),
        "    }",
        "}",
    ]
    return "\n".join(lines)


def _array(name: str, values: Iterable[float]) -> str:
    numbers = [_number(float(value)) for value in values]
    return f"static const float {name}[{len(numbers)}] = {{ {', '.join(numbers)} }};"


def _number(value: float) -> str:
    return f"{value!r}f"

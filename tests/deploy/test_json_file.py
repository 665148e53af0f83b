"""The JSON: it follows its schema, gives the network again, and holds all that integers need."""

import json
from typing import Any

import numpy as np
import pytest

from quantstudy.deploy import json_file
from quantstudy.deploy.as_json import text_of
from quantstudy.deploy.integer.emulate import emulated, input_codes
from quantstudy.deploy.integer.plan import integral
from quantstudy.deploy.network import Deployed
from quantstudy.errors import StudyFailure
from tests.deploy.random_networks import SEVEN, network, plane

TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "integer": int,
    "number": (int, float),
}
CHECKED = {"type", "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "minimum",
           "maximum", "const", "oneOf", "$ref"}  # fmt: skip
SAID = {"$schema", "$id", "$defs", "title", "description"}


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "") -> list[str]:
    """What of a value is not as a schema has it; only the keywords in CHECKED are known."""
    assert set(schema) <= CHECKED | SAID, set(schema)
    if "$ref" in schema:
        return faults(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    if "oneOf" in schema:
        tried = [faults(value, one, root, where) for one in schema["oneOf"]]
        return [] if sum(not found for found in tried) == 1 else [f"{where}: not one of them", *tried[-1]]
    if "const" in schema:
        return [] if value == schema["const"] and type(value) is type(schema["const"]) else [f"{where}: {value}"]
    kinds = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
    if not any(isinstance(value, TYPES[kind]) and (kind == "boolean" or value is not True) for kind in kinds):
        return [f"{where}: {type(value).__name__}, not {kinds}"]
    found = []
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{where}: {key} is missing" for key in schema.get("required", []) if key not in value]
        unknown = [key for key in value if key not in known] if "additionalProperties" in schema else []
        found += [f"{where}: {key} is unknown" for key in unknown]
        for key in known.keys() & value.keys():
            found += faults(value[key], known[key], root, f"{where}/{key}")
    elif isinstance(value, list):
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
            found.append(f"{where}: {len(value)} items")
        for i, item in enumerate(value):
            found += faults(item, schema["items"], root, f"{where}/{i}")
    elif isinstance(value, int | float):
        inside = schema.get("minimum", -np.inf) <= value <= schema.get("maximum", np.inf)
        found += [] if inside else [f"{where}: {value} is out of range"]
    return found


def networks() -> list[Deployed]:
    """One of each kind."""
    found = [network(name, "w4a8", (2, 5, 3, 1), seed, slopes=(0.9, -0.7)) for seed, name in enumerate(SEVEN)]
    found += [network("silu@1", "w8a8", (3, 4, 10), 1, input_bits=8), network("relu", "w4", (2, 3, 1), 2)]
    found += [network("prelu", "w8a8", (2, 4, 1), 3, placement=placement) for placement in ("pre", "both")]
    return [*found, network("gelu", "w8a8", (2, 4, 3), 4, about={"task": "regression", "peak": 1.5})]


def test_files_follow_their_schema() -> None:
    schema = json_file.schema()
    for told in networks():
        assert faults(json.loads(json_file.written(told)), schema, schema) == []


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("activation",), 3, "/activation: int, not ['string']"),
        (("more",), 1, ": more is unknown"),
        (("integer", "layers", 0, "bias"), [], "/integer/layers/0/bias: 0 items"),
        (("integer", "layers", 0, "bias", 1), 2**31, "/integer/layers/0/bias/1: 2147483648 is out of range"),
        (("integer", "layers", 1, "weights", 0, 0), 0.5, "/integer/layers/1/weights/0/0: float, not ['integer']"),
        (("layers", 0, "after", "truncated"), 0, "/layers/0/after/truncated: int, not ['boolean']"),
        (("quantstudy_network",), 2, "/quantstudy_network: 2"),
    ],
)
def test_the_schema_sees_what_is_wrong(path: tuple[str | int, ...], value: Any, told: str) -> None:
    schema, found = json_file.schema(), json.loads(json_file.written(network("silu", "w4a8")))
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert told in faults(found, schema, schema)


def test_the_network_is_read_again() -> None:
    for told in networks():
        assert text_of(json_file.read(json_file.written(told), "net.json")) == text_of(told)
    for data in (b"{", b"[]", b"{}"):
        with pytest.raises(StudyFailure, match=r"net\.json"):
            json_file.read(data, "net.json")


def test_float_activations_have_no_integers() -> None:
    assert json_file.described(network("relu", "w4"))["integer"] is None


def rescaled(x: int, found: dict[str, Any], j: int) -> int:
    m, shift = found["multiplier"][j % len(found["multiplier"])], found["shift"]
    return (x * m + (1 << (shift - 1))) >> shift


def function(z: int, f: dict[str, Any], j: int) -> int:
    """f as the schema describes it, from the file alone."""
    y, q = max(z, 0), f["fraction_bits"]
    if f["slopes"] and z < 0:
        y = (z * f["slopes"][j % len(f["slopes"])] + (1 << (f["slope_shift"] - 1))) >> f["slope_shift"]
    elif f["table"]:
        place, (fine, coarse) = abs(z) << (18 - q), f["table_steps"]
        if place < (192 << fine) + (64 << coarse):
            first, step = (0, fine) if place < 192 << fine else (192, coarse)
            place -= 0 if step == fine and first == 0 else 192 << fine
            at, part = first + (place >> step), place & ((1 << step) - 1)
            low, high = 4 * f["table"][at], 4 * f["table"][at + 1]
            d = low + (((high - low) * part + (1 << (step - 1))) >> step)
            y -= (d + (1 << (17 - q))) >> (18 - q) if q < 18 else d
    elif f["ramp_end"]:
        end = f["ramp_end"]
        inside = (z * (z + end) * f["ramp_reciprocal"] + (1 << (24 + q))) >> (25 + q)
        y = z if z >= end else 0 if z <= -end else inside
    return y if f["cap"] is None else min(y, f["cap"])


def computed(told: dict[str, Any], codes: list[int]) -> list[int]:
    """The outputs of one point, from what a file holds and nothing else."""
    for layer in told["layers"]:
        sums = [sum(w * c for w, c in zip(row, codes, strict=True)) for row in layer["weights"]]
        rows = zip(sums, layer["extra_bits"], layer["bias"], strict=True)
        s = [(x << e if e >= 0 else x >> -e) + b for x, e, b in rows]
        hidden = layer["hidden"]
        if hidden is None:
            return s if told["outputs"] is None else [rescaled(x, told["outputs"], j) for j, x in enumerate(s)]
        codes = []
        for j, x in enumerate(s):
            z, out = rescaled(x, hidden["preactivation"], j), hidden["codes"]
            if hidden["code_table"]:
                before, tables = hidden["preactivation_codes"], hidden["code_table"]
                code = min(max(z + before["zero_point"], before["low"]), before["high"])
                codes.append(tables[j % len(tables)][code - before["low"]])
            else:
                y = rescaled(function(z, hidden["function"], j), hidden["out"], j)
                codes.append(min(max(y + out["zero_point"], out["low"]), out["high"]))
    raise AssertionError("the last layer has something hidden")


def test_what_the_file_holds_is_enough() -> None:
    for told in networks():
        found = json.loads(json_file.written(told))["integer"]
        if found is None:
            continue
        net = integral(told)
        codes = input_codes(net, plane(9, told.neurons[0], 40) * np.float32(1.3))
        expected = emulated(net, codes).outputs
        assert [computed(found, point) for point in codes.T.tolist()] == expected.T.tolist()

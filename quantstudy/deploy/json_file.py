"""A network as JSON that any language reads: integers, scales, shifts and tables, by a schema that is published.

The schema is `network.schema.json` beside this file.
"""

import json
from importlib.resources import files
from typing import Any

import numpy as np

from quantstudy.deploy.as_json import network_of, to_json
from quantstudy.deploy.integer.numbers import Coded, Rescale
from quantstudy.deploy.integer.plan import Hidden, Integral, integral
from quantstudy.deploy.integer.sums import Sums
from quantstudy.deploy.network import Deployed
from quantstudy.errors import BadInput

SCHEMA = "network.schema.json"


def written(network: Deployed) -> bytes:
    """Return the file of a network: what `as_json.to_json` says of it, and its integer arithmetic beside it.

    `integer` is null where weights or activations stay float, so that integers alone can't compute it.
    """
    return (json.dumps(described(network), indent=1, allow_nan=False) + "\n").encode()


def described(network: Deployed) -> dict[str, Any]:
    """Return the same as plain dicts and lists."""
    try:
        net = integral(network)
    except BadInput:
        return {"$schema": SCHEMA, **to_json(network), "integer": None}
    return {"$schema": SCHEMA, **to_json(network), "integer": _integer(net)}


def read(data: bytes, where: str) -> Deployed:
    """Return the network of a file.

    Raises:
        StudyFailure: it is no such file, or damaged.
    """
    return network_of(data, where)


def schema() -> dict[str, Any]:
    """Return the published schema (JSON Schema, draft 2020-12)."""
    found: dict[str, Any] = json.loads(files("quantstudy.deploy").joinpath(SCHEMA).read_text(encoding="utf-8"))
    return found


def _integer(net: Integral) -> dict[str, Any]:
    hidden = [*(_hidden(one) for one in net.hidden), None]
    return {
        "inputs": {**_coded(net.inputs), "fraction_bits": net.input_fraction},
        "layers": [{**_sums(sums), "hidden": after} for sums, after in zip(net.sums, hidden, strict=True)],
        "outputs": None if net.outputs is None else _rescale(net.outputs),
        "output_scale": net.output_scale,
    }


def _sums(sums: Sums) -> dict[str, Any]:
    return {
        "weights": sums.weights.tolist(),
        "bias": sums.bias.tolist(),
        "extra_bits": sums.extra.tolist(),
        "unit": sums.unit.tolist(),
    }


def _hidden(hidden: Hidden) -> dict[str, Any]:
    function, table = hidden.function, hidden.table
    return {
        "preactivation": _rescale(hidden.scaled),
        "preactivation_codes": None if hidden.codes is None else _coded(hidden.codes),
        "code_table": None if table is None else table.tolist(),
        "function": None
        if function is None
        else {
            "name": function.name,
            "fraction_bits": function.fraction,
            "slopes": _list(function.slopes),
            "slope_shift": None if function.slopes is None else function.slope_shift,
            "table": _list(function.table),
            "table_steps": None if function.table is None else list(function.table_steps),
            "ramp_end": None if function.ramp is None else function.ramp[0],
            "ramp_reciprocal": None if function.ramp is None else function.ramp[1],
            "cap": function.cap,
        },
        "out": None if hidden.out is None else _rescale(hidden.out),
        "codes": _coded(hidden.leaving),
    }


def _list(values: Any) -> list[int] | None:
    return None if values is None else np.asarray(values).tolist()


def _rescale(found: Rescale) -> dict[str, Any]:
    return {"multiplier": found.multiplier.tolist(), "shift": found.shift}


def _coded(coded: Coded) -> dict[str, Any]:
    return {"scale": coded.scale, "zero_point": coded.zero_point, "low": coded.low, "high": coded.high}

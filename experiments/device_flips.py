"""How often the C file decides otherwise than the simulated path, and why: every activation at three schemes.

Each network is compiled and run at every point where the run measures it. Written down are flips, the operations that
they are put down to, differences from the emulator (there must be none), and, with every layer given what the
simulated path hands on, the largest difference of a code and the flips that are left. From the root of a checkout:
`python -m experiments.device_flips`, or `python -m experiments.device_flips RUN...` for runs that are there, of one
target each. It writes results/device/flips.json and a table in docs/device.md.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from experiments.blocks import with_block
from experiments.deployed_networks import Exported, networks, runs
from quantstudy.deploy.attribution import attributed
from quantstudy.deploy.c.compiled import FLAGS, compiled, compiler_version
from quantstudy.deploy.decisions import differ
from quantstudy.deploy.integer.emulate import answers, emulated, input_codes, leaving, outputs
from quantstudy.deploy.integer.exchanges import exchanges
from quantstudy.deploy.integer.plan import Design, integral
from quantstudy.deploy.steps import Values, after, codes_of, replay, simulated_steps

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "device" / "flips.json"
PAGE = ROOT / "docs" / "device.md"
SCHEMES = ("w8a8", "w4a8", "w4a4")
TARGETS = ("islands", "digits", "texture")
SEEDS = 3
EXTRA = (0, 8)
"""Bits for the bias behind the point of sums, with which flips are counted too: fewer than int32 holds."""

MARKS = (
    "<!-- results/device/flips: made by experiments/device_flips.py, do not edit -->",
    "<!-- end of results/device/flips -->",
)


def main(folders: list[Path]) -> None:
    """Compare the networks of some runs and keep what came out."""
    with runs(folders, TARGETS, SEEDS) as found_in:
        rows = [compared(one) for folder in found_in for one in networks(folder, SCHEMES, SEEDS)]
    found = {"rows": rows, "compiler": compiler_version(), "flags": list(FLAGS)}
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(with_block(PAGE.read_text(), MARKS, table(found)))
    print(f"written to {TO.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


def compared(one: Exported) -> dict[str, Any]:
    """Return what the C file of one network does otherwise than the emulator and than the simulated path."""
    net = integral(one.network)
    codes = input_codes(net, one.points)
    emulator = emulated(net, codes)
    with compiled(net) as program:
        layers = program.layers(codes)
    apart = [int((a != b).sum()) for a, b in zip(layers, (*emulator.codes, emulator.outputs), strict=True)]
    logit = answers(net, layers[-1])
    names = Counter(attributed(one.network, one.points, logit, exchanges(net)).tolist())
    names.pop("", None)
    told = replay(one.network, simulated_steps(one.network), one.points)
    worst, entering = 0, codes
    for k, layer in enumerate(one.network.layers[:-1]):
        assert layer.after is not None
        simulated = codes_of(told.values[after(k)], layer.after).astype(np.int64)
        worst = max(worst, int(np.abs(leaving(net, k, entering) - simulated).max()))
        entering = simulated
    forced = differ(one.network, told.logit, answers(net, outputs(net, entering)))
    return {
        "target": one.network.about["target"],
        "activation": one.activation,
        "scheme": one.scheme,
        "seed": one.seed,
        "points": one.points.shape[1],
        "flips": sum(names.values()),
        "operations": dict(sorted(names.items())),
        "apart_from_emulator": sum(apart),
        "largest_code_difference": worst,
        "flips_given_codes": int(forced.sum()),
        "flips_with_extra": {str(extra): _flips(one, told.logit, Design(extra=extra)) for extra in EXTRA},
    }


def _flips(one: Exported, logit: Values, design: Design) -> int:
    """Return the flips of a poorer design, by the emulator."""
    net = integral(one.network, design)
    found = answers(net, emulated(net, input_codes(net, one.points)).outputs)
    return int(differ(one.network, logit, found).sum())


def table(found: dict[str, Any]) -> str:
    """The table in docs/device.md: per target and activation, from what is kept alone."""
    lines = [
        f"| target | activation | flips at {', '.join(SCHEMES)} (seeds 0 to {SEEDS - 1} each) | operations |",
        "|---|---|---|---|",
    ]
    rows = found["rows"]
    for target, activation in dict.fromkeys((row["target"], row["activation"]) for row in rows):
        own = [row for row in rows if (row["target"], row["activation"]) == (target, activation)]
        flips = [" ".join(str(row["flips"]) for row in own if row["scheme"] == scheme) for scheme in SCHEMES]
        names = sum((Counter(row["operations"]) for row in own), Counter[str]())
        told = ", ".join(f"{name} {count}" for name, count in names.most_common()) or "–"
        lines.append(f"| {target} | {activation} | {' · '.join(flips)} | {told} |")
    points = {row["target"]: row["points"] for row in rows}
    told = ", ".join(f"{target} {count}" for target, count in points.items())
    return "\n".join(
        [
            *lines,
            "",
            f"Points of each network: {told}. Numbers that C and the emulator give apart: "
            f"{sum(row['apart_from_emulator'] for row in rows)}. Each layer given what the simulated path hands on: "
            f"codes differ by {max(row['largest_code_difference'] for row in rows)} at most, and "
            f"{sum(row['flips_given_codes'] for row in rows)} decisions flip. {found['compiler']}.",
            "",
            *(_poorer(rows, str(extra)) for extra in EXTRA),
        ]
    )


def _poorer(rows: list[dict[str, Any]], extra: str) -> str:
    """Return what a bias with so many bits costs, range over the networks of a scheme."""
    told, islands = [], [row for row in rows if row["target"] == "islands"]
    for scheme in SCHEMES:
        found = [row["flips_with_extra"][extra] for row in islands if row["scheme"] == scheme]
        told.append(f"{min(found)} to {max(found)} at {scheme}")
    return f"With {extra} extra bits for the bias, not as many as int32 holds, flips on islands are {', '.join(told)}."


if __name__ == "__main__":
    main([Path(folder) for folder in sys.argv[1:]])

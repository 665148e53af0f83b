"""What engines make of the networks of the default study, and what onnxruntime makes of graphs written otherwise.

Runs the default study, `quantstudy verify` on it at three schemes, and two naive graphs of the same networks, in a
scratch folder; keeps results/engines/engines.json and its tables in docs/engines.md. From the root of a checkout:
`python -m experiments.engines`, or `python -m experiments.engines RUN` for a run that is there.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiments.blocks import with_block
from experiments.naive_graphs import NAIVE, naive
from experiments.scratch import scratch_run
from quantstudy import open_run
from quantstudy.deploy.engines import ENGINES
from quantstudy.deploy.parity import parity
from quantstudy.engine.export import network_of
from quantstudy.engine.quantized import points_at, prepared
from quantstudy.records.provenance import commit, processor
from quantstudy.records.run import Run
from quantstudy.words.engines import called, differing

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "engines" / "engines.json"
PAGE = ROOT / "docs" / "engines.md"
SCHEMES = ("w8a8", "w4a8", "w4a4")
NAIVE_SCHEMES = (*SCHEMES, "w4")
SEEDS = 3
MARKS = (
    "<!-- results/engines: made by experiments/engines.py, do not edit -->",
    "<!-- end of results/engines -->",
)


def main(folder: Path | None) -> None:
    """Run the engines on a run's networks and keep what came out."""
    with scratch_run(folder) as copy:
        options = ("--schemes", ",".join(SCHEMES), "--seeds", str(SEEDS))
        command = (sys.executable, "-m", "quantstudy", "verify", str(copy), *options)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = open_run(copy)
        rows = run.verdict()["engines"]["rows"]
        found = {
            "seeds": SEEDS,
            "engines": [row for row in rows if row["recipe"] == "plain" and row["scheme"] in SCHEMES],
            "naive": [row for scheme in NAIVE_SCHEMES for row in of_naive_graphs(run, scheme)],
            "processor": processor(),
            "commit": commit(),
        }
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps(found, indent=1) + "\n")
    PAGE.write_text(with_block(PAGE.read_text(), MARKS, tables(found)))
    print(f"written to {TO.relative_to(ROOT)} and {PAGE.relative_to(ROOT)}")


def of_naive_graphs(run: Run, scheme: str) -> list[dict[str, Any]]:
    """Flips of every activation's first networks, by what is written otherwise, at the measured points."""
    rows = []
    for name in run.config.activations:
        networks = prepared(run, name, scheme, seeds=range(SEEDS))
        for graph, change in NAIVE.items():
            by: dict[str, int] = {}
            points = 0
            for place in range(SEEDS):
                network, where = network_of(run.config, networks, place), points_at(networks, place)["measured"]
                found = parity(ENGINES["onnx"], naive(network, change), network, where)
                points += found.points
                for operation, count in found.flips.items():
                    by[operation] = by.get(operation, 0) + count
            rows.append({"activation": name, "scheme": scheme, "graph": graph, "points": points, "by": by})
    return rows


def tables(found: dict[str, Any]) -> str:
    """The tables in docs/engines.md, from what is kept alone."""
    lines = [
        f"Seven activations, {found['seeds']} networks each, measured and held-out points together:",
        "",
        "| engine | scheme | decided otherwise | most of one network | by | codes off layer by layer |",
        "|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in found["engines"]:
        groups.setdefault((called(row), row["scheme"]), []).append(row)
    for (engine, scheme), rows in sorted(groups.items(), key=lambda pair: (pair[0][0], SCHEMES.index(pair[0][1]))):
        flips, points = (sum(row[key] for row in rows) for key in ("flips", "points"))
        by = _added([row["by"] for row in rows])
        cells = [engine, scheme, f"{flips:,} of {points:,}", str(max(row["worst"] for row in rows)), by, _codes(rows)]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "The same networks in QDQ graphs that are written otherwise, measured points, all networks together:",
        "",
        "| written otherwise | scheme | relu | the six others | by |",
        "|---|---|---|---|---|",
    ]
    for graph in NAIVE:
        for scheme in NAIVE_SCHEMES:
            rows = [row for row in found["naive"] if (row["graph"], row["scheme"]) == (graph, scheme)]
            split = [[row for row in rows if (row["activation"] == "relu") == relu] for relu in (True, False)]
            counts = [
                f"{sum(sum(row['by'].values()) for row in part):,} of {sum(row['points'] for row in part):,}"
                for part in split
            ]
            lines.append(f"| {' | '.join([graph, scheme, *counts, _added([row['by'] for row in rows])])} |")
    return "\n".join(lines)


def _added(counts: list[dict[str, int]]) -> str:
    names = dict.fromkeys(name for one in counts for name in one)
    added = {name: sum(one.get(name, 0) for one in counts) for name in names}
    return ", ".join(f"{count:,} {name}" for name, count in sorted(added.items(), key=lambda pair: -pair[1])) or "–"


def _codes(rows: list[dict[str, Any]]) -> str:
    if any(row["forced"] is None for row in rows):
        return differing(None)
    added = {key: sum(row["forced"][key] for row in rows) for key in ("codes", "differ")}
    return differing({**added, "lsb": max(row["forced"]["lsb"] for row in rows)})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

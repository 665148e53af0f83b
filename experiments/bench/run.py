"""Where does the time of `quantstudy run --bits 4` go, and how much memory does it take at most?

Runs the default study into scratch folders: cold (an empty cache of its own: networks are trained, kernels compiled),
and with trained stacks and compiled kernels in that cache. The seconds of a stage are those of the manifest. Memory
is the proportional set size (PSS: shared pages are counted once) of all processes together, looked up ten times a
second in a run of its own, since looking costs time. From the root of a checkout:
`python -m experiments.bench.run [--json FILE] [--cold]`; `--cold` leaves the runs from the cache out.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quantstudy.engine.executors import available_cores
from quantstudy.records.provenance import described, processor, versions

COMMAND = [sys.executable, "-m", "quantstudy", "run", "--bits", "4"]
ROUNDS = 3
"""How often the run from the cache, `--help` and each import are timed; the median counts."""
EVERY = 0.1
"""Seconds between two looks at the memory."""
IMPORTS = {
    "the command line": "import quantstudy.cli.app",
    "what starts workers": "import quantstudy.cli.app, quantstudy.engine.pipeline, quantstudy.cli.terminal",
    "a worker: torch and the rest": "import quantstudy.engine.worker",
    "a worker: torchao on top": (
        "import quantstudy.engine.worker, quantstudy.quantize.torchao_import as torchao; torchao.quantization()"
    ),
    "gathering": "import quantstudy.engine.collect",
    "judging": "import quantstudy.judge.verdict",
    "drawing": "import quantstudy.show.figures.catalogue, quantstudy.show.page.report",
    "drawing, seaborn": "import quantstudy.show.figures.catalogue, quantstudy.show.page.report, seaborn",
}
"""What the processes of a run import; each is timed in a process of its own, less the time of an empty one."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write the JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--cold", action="store_true", help="only the runs from an empty cache")
    asked = parser.parse_args(arguments)
    nothing = _median_time("pass")
    found: dict[str, Any] = {
        "command": "quantstudy run --bits 4",
        "processor": described(processor()),
        "cores": available_cores(),
        "versions": versions(),
        "help_s": _median([_timed([sys.executable, "-m", "quantstudy", "--help"]) for _ in range(ROUNDS)]),
        "imports_s": {what: round(_median_time(code) - nothing, 3) for what, code in IMPORTS.items()},
        "runs": {},
    }
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        cold = [run_once(top / "cold", top / "cache")]
        found["runs"]["cold"] = summary(cold) | {"peak_pss_mb": peak_memory(top / "cold-watched", top / "other-cache")}
        if not asked.cold:
            cached = [run_once(top / f"cached{number}", top / "cache") for number in range(ROUNDS)]
            found["runs"]["cached"] = summary(cached) | {"peak_pss_mb": peak_memory(top / "watched", top / "cache")}
    print_table(found)
    if asked.json is not None:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(found, indent=1) + "\n")


def run_once(folder: Path, cache: Path) -> dict[str, Any]:
    """Run the default study once; return its wall-clock seconds (`total_s`) and its manifest."""
    seconds = _timed([*COMMAND, "--out", str(folder)], **_caches(cache))
    return {"total_s": seconds, "manifest": json.loads((folder / "manifest.json").read_text())}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how long the median run and its stages took.

    `rest` is what no stage covers: Python's start, the command line, the versions, the printed verdict, the end.
    `cells` are the seconds that the cells of a stage took together, wherever they ran: where they fall short of the
    stage's seconds times the workers, workers were starting or waiting.
    """
    middle = sorted(runs, key=lambda run: float(run["total_s"]))[(len(runs) - 1) // 2]
    seconds = dict(middle["manifest"]["seconds"])
    seconds["rest"] = middle["total_s"] - sum(seconds.values())
    busy: dict[str, float] = {}
    for key, note in middle["manifest"]["cells"].items():
        stage = key.partition("-")[0]
        busy[stage] = busy.get(stage, 0.0) + note.get("seconds", 0.0)
    return {
        "total_s": round(middle["total_s"], 2),
        "all_s": [round(run["total_s"], 2) for run in runs],
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "cells": {name: round(value, 2) for name, value in busy.items()},
    }


def peak_memory(folder: Path, cache: Path) -> float:
    """Run the default study once; return the most memory that its processes took together, in MB (PSS)."""
    process = subprocess.Popen(
        [*COMMAND, "--out", str(folder)],
        env=os.environ | _caches(cache),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    most = 0.0
    while process.poll() is None:
        most = max(most, sum(map(pss, session(process.pid))))
        time.sleep(EVERY)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, COMMAND)
    return round(most, 0)


def _caches(folder: Path) -> dict[str, str]:
    """Return the environment that keeps trained stacks and compiled kernels in a folder, wherever they were before."""
    return {"XDG_CACHE_HOME": str(folder), "NUMBA_CACHE_DIR": ""}


def session(leader: int) -> list[int]:
    """Return the processes of a session, by the id of the process that leads it."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[3]) == leader:
                found.append(int(stat.parent.name))
    return found


def pss(process: int) -> float:
    """Return a process's proportional set size in MB; 0 once it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def print_table(found: dict[str, Any]) -> None:
    """Print what was measured, seconds and MB."""
    print(f"{found['command']} on {found['processor']}, {found['cores']} cores; seconds")
    names = list(found["runs"])
    stages = list(found["runs"][names[0]]["seconds"])
    print(f"{'':<32}" + "".join(f"{name:>10}" for name in names))
    for stage in stages:
        print(f"{stage:<32}" + "".join(f"{found['runs'][name]['seconds'].get(stage, 0.0):>10.2f}" for name in names))
    print(f"{'total':<32}" + "".join(f"{found['runs'][name]['total_s']:>10.2f}" for name in names))
    print(f"{'peak memory, MB (PSS)':<32}" + "".join(f"{found['runs'][name]['peak_pss_mb']:>10.0f}" for name in names))
    print(f"{'quantstudy --help':<32}{found['help_s']:>10.2f}")
    for what, seconds in found["imports_s"].items():
        print(f"{'import, ' + what:<32}{seconds:>10.2f}")


def _median_time(code: str) -> float:
    return _median([_timed([sys.executable, "-W", "ignore", "-c", code]) for _ in range(ROUNDS)])


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def _timed(command: list[str], **environment: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, env=os.environ | environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()

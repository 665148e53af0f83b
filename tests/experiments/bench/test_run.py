"""The benchmark of a whole run: what it makes of manifests and of the memory of processes, and a small run of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from experiments.bench import run as bench_run

BLOCK = """
import sys, time
block = bytearray(b'x' * 2**26)
print('ready', flush=True)
sys.stdin.read()
"""


def run(total: float, **cells: float) -> dict[str, Any]:
    notes = {key.replace("_", "-"): {"state": "done", "seconds": seconds} for key, seconds in cells.items()}
    return {"total_s": total, "manifest": {"seconds": {"train": 1.0, "measure": 2.5}, "cells": notes}}


def test_the_median_run_is_told_and_what_no_stage_covers() -> None:
    found = bench_run.summary([run(9.0), run(4.0, train_relu=0.5, train_silu=0.25, measure_relu=2.0), run(3.7)])
    assert found == {
        "total_s": 4.0,
        "all_s": [9.0, 4.0, 3.7],
        "seconds": {"train": 1.0, "measure": 2.5, "rest": 0.5},
        "cells": {"train": 0.75, "measure": 2.0},
    }


def test_the_memory_of_every_process_of_a_session_counts() -> None:
    process = subprocess.Popen(
        ["sh", "-c", f'"{sys.executable}" -c "$1"; true', "sh", BLOCK],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    members = bench_run.session(process.pid)
    assert len(members) == 2
    assert os.getpid() not in members
    assert bench_run.pss(process.pid) < 20
    assert 64 < sum(map(bench_run.pss, members)) < 100
    process.stdin.close()
    process.wait()
    process.stdout.close()
    assert bench_run.session(process.pid) == []
    assert bench_run.pss(process.pid) == 0


@pytest.mark.slow
def test_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small = (
        "--activations",
        "relu",
        "--seeds",
        "1",
        "--steps",
        "20",
        "--grid",
        "17",
        "--hidden",
        "4",
        "--jobs",
        "1",
        "--quick",
    )
    monkeypatch.setattr(bench_run, "COMMAND", [*bench_run.COMMAND, *small])
    monkeypatch.setattr(bench_run, "ROUNDS", 1)
    monkeypatch.setattr(bench_run, "IMPORTS", {"json": "import json"})
    bench_run.main(["--json", str(tmp_path / "new" / "run.json")])
    found = json.loads((tmp_path / "new" / "run.json").read_text())
    cold, cached = found["runs"]["cold"], found["runs"]["cached"]
    for run in (cold, cached):  # which of the two takes longer is up to whoever else is at work
        assert run["total_s"] > run["seconds"]["measure"] > 0
    assert cold["cells"]["train"] > 1 > cached["cells"]["train"]  # compiled, and taken from the cache
    assert 150 < cached["peak_pss_mb"] < 1500
    assert (
        -0.5 < found["imports_s"]["json"] < 1
    )  # the difference of two starts of Python, which may be a little negative
    printed = capsys.readouterr().out
    assert f"{cached['total_s']:.2f}" in printed
    assert "import, json" in printed

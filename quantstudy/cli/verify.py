"""What `quantstudy verify` does once its arguments are read: run engines, keep what they compute, print."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quantstudy.cli.layout import say
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.deploy.stacks import require_deployable_scheme
from quantstudy.engine.verify import Verified, verify, verify_file
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.run import Run
from quantstudy.words.engines import engine_lines
from quantstudy.words.exported import named


def do_verify(run: Run, activations: Sequence[str], schemes: Sequence[str], seeds: int, *, as_json: bool) -> None:
    """Run a run's networks by every installed engine, add what is found to the run, and print it.

    Raises:
        BadInput: an engine's file can't hold such networks.
        StudyFailure: the folder is in use, or a file does not hold what it should.
        OSError: disk full, read-only folder.
    """
    for scheme in schemes:
        for name in activations:
            require_deployable_scheme(parse_scheme(scheme), name)
    with stage_progress() as progress:
        verify(run, activations, schemes, seeds, progress=progress, notify=notify)
    rows = [row for row in run.verdict()["engines"]["rows"] if row["scheme"] in schemes]
    if as_json:
        print(json.dumps({"run": str(run.folder), "engines": rows}, indent=1))
        return
    for line in engine_lines(rows):
        say(line)
    say(f"figures and page: {run.folder / 'report.html'}")


def do_verify_file(file: Path, *, as_json: bool) -> None:
    """Run an exported file by its engine and print how far it keeps to the network that it was exported from.

    Raises:
        StudyFailure: the file is damaged, or was not written by `quantstudy export`, or no engine here runs it.
        BadInput: the data of its study can't be read, or have changed.
    """
    from quantstudy.engine.verify import summed

    found = verify_file(file)
    rows = summed(found)
    if as_json:
        print(json.dumps({"file": str(file), "network": _about(found), "engines": rows}, indent=1))
        return
    say(f"{file} holds what it says: {named(found[0].network.about)}; its integers, scales and biases are all there.")
    for line in engine_lines(rows):
        say(line)


def _about(found: Sequence[Verified]) -> dict[str, Any]:
    return dict(found[0].network.about)

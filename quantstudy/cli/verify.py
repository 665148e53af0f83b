"""What `quantstudy verify` does once its arguments are read: run engines, keep what they compute, print."""

import json
from collections.abc import Sequence
from pathlib import Path

from quantstudy.cli.layout import say
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.deploy.stacks import require_deployable_scheme
from quantstudy.engine.verify import summed, verify
from quantstudy.engine.verify_file import verify_file
from quantstudy.errors import StudyFailure
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
        rows = verify(run, activations, schemes, seeds, progress=progress, notify=notify)
    if not rows:
        raise StudyFailure(f"no engine that is installed runs networks at {', '.join(schemes)}; nothing was added")
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
    network, found = verify_file(file)
    rows = summed(found) if found else []
    if as_json:
        print(json.dumps({"file": str(file), "network": dict(network.about), "engines": rows}, indent=1))
        return
    say(f"{file} is sound: {named(network.about)}; it computes with the numbers that it carries, as well as it tells.")
    for line in engine_lines(rows) or ["No engine here reads it: it was not run."]:
        say(line)

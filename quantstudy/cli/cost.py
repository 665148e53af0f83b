"""What `quantstudy cost` does once its arguments are read: measure, let the run be judged by it, print."""

import json
from typing import Any

from quantstudy.activations.catalogue import parse_activation
from quantstudy.cli.cost_table import print_cost
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.cost.table import cost_table
from quantstudy.engine.pipeline import redo
from quantstudy.records.files import locked
from quantstudy.records.origins import require_same_functions
from quantstudy.records.run import Run
from quantstudy.records.store import write_json


def do_cost(names: tuple[str, ...], run: Run | None, *, as_json: bool) -> None:
    """Measure what activations cost and print it.

    Args:
        names: of the activations.
        run: a finished run, in whose folder the table takes the place of the one there and which is judged again by
            it; or None.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: a function from outside is another one than when the run was made.
        StudyFailure: the folder of the run is in use.
        OSError: disk full, read-only folder.
    """
    if run is None:
        table = _measured(names)
    else:
        require_same_functions(run, names, "cost would be that of the new one")
        with locked(run.folder, notify):
            table = _measured(names)
            write_json(run.folder / "cost.json", table)
            with stage_progress() as progress:
                redo(run, progress=progress)
    if as_json:
        print(json.dumps(table, indent=1))
    else:
        print_cost(table)


def _measured(names: tuple[str, ...]) -> dict[str, Any]:
    with stage_progress() as progress:
        table = cost_table([parse_activation(name) for name in names], progress=progress)
    if not table["counted"]:
        notify("Triton is not installed here (it exists for Linux only): no instructions are counted")
    return table

"""What `quantstudy compare` does once its arguments are read: open both runs, compare, print."""

import json
from pathlib import Path

from quantstudy.cli.terminal import print_comparison, tell_changes
from quantstudy.engine.compare import compare_runs
from quantstudy.records.run import open_run


def do_compare(run_a: Path, run_b: Path, out: Path | None, *, as_json: bool) -> None:
    """Compare two finished runs and print which differences are real.

    Args:
        run_a: folder of the one.
        run_b: folder of the other; B − A is shown.
        out: where compare.json and the figure go; None is a folder named after both.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: a folder holds no finished run, or nothing in the two can be paired.
        StudyFailure: a record is missing or damaged.
        OSError: disk full, read-only folder.
    """
    runs = open_run(run_a, "RUN_A"), open_run(run_b, "RUN_B")
    tell_changes(*runs)
    found, folder = compare_runs(*runs, out)
    if as_json:
        print(json.dumps({"compare": str(folder), **found}, indent=1))
    else:
        print_comparison(found, folder)

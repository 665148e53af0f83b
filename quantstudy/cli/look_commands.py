"""The commands that look at finished runs, or at one that goes on: parse, call, print, as `app` does."""

from pathlib import Path
from typing import Annotated

import typer

from quantstudy.cli.exits import resumable, this_command
from quantstudy.cli.options import MOST_JOBS, folder_of, option, whole

commands = typer.Typer()

MOST_PORT = 65535


@commands.command()
def report(
    folder: Annotated[
        str,
        typer.Argument(metavar="DIR", help="The folder of a finished run; or a sweep's, finished or not, or its URL."),
    ],
    jobs: Annotated[str | None, option("Processes that draw; 1 = this one. Default: 2, or one per core.", "N")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")] = False,
) -> None:
    """Judge and draw a finished run again from its records, without training; a read-only one is shown as it is.

    Of a sweep what its cells say so far is judged and drawn along every axis.
    """
    from quantstudy.engine.executors import available_cores
    from quantstudy.records.run import open_run

    processes = whole("jobs", jobs, min(available_cores(), 2), MOST_JOBS)
    if "://" in folder or (Path(folder) / "sweep.toml").is_file():
        from quantstudy.cli.sweep_report import do_sweep_report

        do_sweep_report(folder, as_json=as_json)
        return
    finished = open_run(Path(folder))
    from quantstudy.cli.run import do_report

    do_report(finished, processes, as_json=as_json)


@commands.command()
def show(
    folder: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, finished or not.")],
    port: Annotated[str | None, option("Where, from 1 on. Default: the system chooses one that is free.", "N")] = None,
) -> None:
    """Serve a run's page to this machine alone; while the run goes on it shows how far it is. Ctrl-C ends it.

    The folder is only read; the networks of an activation can be looked at as soon as they are trained.
    """
    at = whole("port", port, 0, MOST_PORT)
    with resumable(this_command):
        from quantstudy.cli.show import do_show

        do_show(Path(folder), at)


@commands.command()
def compare(
    run_a: Annotated[str, typer.Argument(metavar="RUN_A", help="The folder of a finished run.")],
    run_b: Annotated[str, typer.Argument(metavar="RUN_B", help="Another, with the same islands; B − A is shown.")],
    out: Annotated[str | None, option("Folder. Default results/compare-XXXXXXXX-XXXXXXXX.", "DIR")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON and nothing else.")] = False,
) -> None:
    """Compare two finished runs, paired by seed: what differs in them, and which differences are real."""
    from quantstudy.cli.compare import do_compare

    do_compare(Path(run_a), Path(run_b), folder_of(out), as_json=as_json)


@commands.command()
def compact(
    store: Annotated[
        str, typer.Argument(metavar="DIR|URL", help="The folder of a sweep, or s3://BUCKET/… and the like.")
    ],
) -> None:
    """Put the tables of a sweep's cells into one file for each activation, from which parts can be read quickly.

    Cells may be added meanwhile, and the same command adds them; nobody else may compact at the same time.
    """
    with resumable(this_command):
        from quantstudy.cli.compact import do_compact

        do_compact(store)

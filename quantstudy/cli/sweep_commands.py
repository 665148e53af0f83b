"""The commands of sweeps: parse, call, print, as `app` does."""

from pathlib import Path
from typing import Annotated

import typer

from quantstudy.cli.exits import resumable, this_command
from quantstudy.cli.options import MOST_JOBS, names_in, option, whole
from quantstudy.config.checks import real_number, whole_number
from quantstudy.errors import BadInput

commands = typer.Typer()

Engine = Annotated[
    str | None,
    option(
        "Where cells run: processes; dask; or module:function, which returns a concurrent.futures.Executor. Default "
        "processes.",
        "NAME",
    ),
]
Address = Annotated[str | None, option("Of a dask scheduler: tcp://HOST:PORT. Default: one of its own.", "URL")]
Deadline = Annotated[
    str | None,
    option("Seconds after which a cell is handed out again. Default: 20 times the estimate, at least 300.", "SECONDS"),
]


@commands.command()
def sweep(
    study: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP.toml",
            help="A study file with a table named sweep of lists: hidden = [[8, 8, 8], [16, 16]], frequency = [2, 3], "
            "target = […]; in it tune = \\[rates], recipes = \\[names].",
        ),
    ],
    out: Annotated[
        str | None, option("Folder, or s3://BUCKET/… and the like. Default results/NAME-sweep-XXXXXXXX.", "DIR|URL")
    ] = None,
    engine: Engine = None,
    address: Address = None,
    jobs: Annotated[str | None, option("Workers on this machine; 1 = this one. Default: one per core.", "N")] = None,
    deadline: Deadline = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells, and how long those take that are not there yet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else on standard output.")] = False,
) -> None:
    """Run a study under every combination of the listed values, each activation of each one cell with all its seeds.

    What is there already is not run again: the same command goes on where it was stopped, on any machine.
    """
    from quantstudy.config.sweep import read_sweep

    asked = read_sweep(Path(study))
    if out == "":
        raise BadInput("out", out, "the path of a folder, or a URL, is needed")
    place = out or str(Path("results") / asked.folder_name)
    seconds = None if deadline is None else real_number("deadline", deadline, 0.1, 1e7)
    with resumable(this_command):
        from quantstudy.cli.sweep import do_plan, do_sweep
        from quantstudy.engine.executors import available_cores

        if dry_run:
            do_plan(asked, place, as_json=as_json)
            return
        workers = whole("jobs", jobs, min(available_cores(), asked.cells), MOST_JOBS)
        do_sweep(asked, place, engine or "processes", address, workers, seconds, as_json=as_json)


@commands.command()
def tasks(
    targets: Annotated[
        str | None,
        option("Tasks, separated by commas, as --target takes them. Default: all that the package has.", "NAMES"),
    ] = None,
    seeds: Annotated[str | None, option("Paired seeds. Default 32.", "N")] = None,
    bits: Annotated[str | None, option("Bits of weights and activations, 2 to 16. Default 4.", "B")] = None,
    out: Annotated[str | None, option("Folder, or a URL. Default results/tasks-XXXXXXXX.", "DIR|URL")] = None,
    jobs: Annotated[str | None, option("Worker processes; 1 = this one. Default: one per core.", "N")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the cells, and how long those take that are not there yet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON and nothing else.")] = False,
) -> None:
    """Does the answer carry over? Train, quantize and compare the activations on other tasks, each at its best rate.

    What is there already is not run again: the same command goes on where it was stopped.
    """
    from quantstudy.config.tasks import BEYOND, KNOWN, folder_name, tasks_sweep
    from quantstudy.quantize.formats import MAX_BITS, MIN_BITS

    if out == "":
        raise BadInput("out", out, "the path of a folder, or a URL, is needed")
    width = 4 if bits is None else whole_number("bits", bits, MIN_BITS, MAX_BITS)
    named = (*KNOWN, *BEYOND) if targets is None else names_in(targets)
    asked = tasks_sweep(whole("seeds", seeds, 32, 10_000), width, named)
    place = out or str(Path("results") / folder_name(asked))
    with resumable(this_command):
        from quantstudy.engine.executors import available_cores

        if dry_run:
            from quantstudy.cli.sweep import do_plan

            do_plan(asked, place, as_json=as_json)
            return
        from quantstudy.cli.tasks import do_tasks

        processes = whole("jobs", jobs, min(available_cores(), asked.cells), MOST_JOBS)
        do_tasks(asked, place, processes, as_json=as_json)

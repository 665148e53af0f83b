"""The command line: parse, call, print. Nothing here computes; torch is loaded only where cells run."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from quantstudy.cli import claim_options, deploy_commands, look_commands, recover_options, sweep_commands
from quantstudy.cli import run_options as options
from quantstudy.cli.exits import command_for, resumable, run_and_exit, this_command
from quantstudy.cli.options import MOST_JOBS, folder_of, jobs_of, names_in, option, require_device, whole
from quantstudy.cli.streams import notify
from quantstudy.config.presets import preset_named
from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import read_toml
from quantstudy.errors import BadInput
from quantstudy.quantize.recover.names import parse_recipes
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.files import resume_command

app = typer.Typer(
    help="Which activation function should I deploy at 8 or 4 bits, and how sure can I be?",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    no_args_is_help=False,
)

_DEFAULT = StudyConfig()


@app.command()
def run(
    study: Annotated[
        str | None, typer.Argument(metavar="[STUDY.toml]", help="A study file; options given here override it.")
    ] = None,
    preset: options.Preset = None,
    target: options.TargetName = None,
    task: options.Task = None,
    label: options.Label = None,
    bits: options.Bits = None,
    schemes: options.Schemes = None,
    activations: options.Activations = None,
    seeds: options.Seeds = None,
    steps: options.Steps = None,
    batch: options.Batch = None,
    lr: options.Rate = None,
    grid: options.Grid = None,
    hidden: options.Hidden = None,
    input_bits: options.InputBits = None,
    device: options.Device = None,
    trainer: options.Trainer = None,
    out: options.Out = None,
    jobs: options.Jobs = None,
    quick: options.Quick = False,
    until_decided: options.UntilDecided = False,
    max_seeds: options.MaxSeeds = None,
    fresh: options.Fresh = False,
    as_json: options.AsJson = False,
) -> None:
    """Train, quantize, measure, judge and draw; ends in figures, a page and a verdict.

    Weights and the outputs of hidden layers are quantized.
    Biases, the logit and, unless --input-bits says otherwise, the inputs stay float.
    What has not learned in float (see learned in a study file) is not deployable.

    The same command goes on where it was stopped and ends with the same numbers.
    """
    asked = {"target": target, "task": task, "label": label, "input_bits": input_bits}
    asked |= {"seeds": seeds, "steps": steps, "batch": batch, "lr": lr, "grid": grid, "hidden": hidden}
    given = read_toml(Path(study), notify=notify) if study is not None else StudyConfig()
    config = (given if preset is None else given.with_options(**preset_named(preset))).with_options(
        **asked,
        bits=None if bits is None else ",".join(bits),
        schemes=schemes,
        activations=None if activations is None else names_in(activations),
        trainer=trainer,
        quick=quick or None,
        until_decided=until_decided or None,
        max_seeds=max_seeds,
        device=device,
    )
    if max_seeds is not None and not config.until_decided:
        raise BadInput("max_seeds", max_seeds, "only together with --until-decided")
    folder = folder_of(out) or Path("results") / config.run_name
    processes = jobs_of(config, jobs)
    with resumable(lambda: command_for(config, folder)):
        from quantstudy.cli.run import do_run

        require_device(config)
        do_run(config, folder, processes, fresh=fresh, as_json=as_json)


@app.command("activations")
def list_activations() -> None:
    """List every activation with its traits."""
    from quantstudy.cli.terminal import print_activations

    print_activations()


@app.command("cost")
def measure_cost(
    activations: Annotated[
        str | None,
        option(
            "Names, separated by commas; NAME@CAP caps one. Default: those of the run in --out, else "
            f"{', '.join(_DEFAULT.activations)}.",
            "NAMES",
        ),
    ] = None,
    out: Annotated[
        str | None,
        option(
            "Folder of a finished run: its cost.json is replaced by what is measured here, and it is judged again.",
            "DIR",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the table as JSON and nothing else.")] = False,
) -> None:
    """Measure what each activation costs: GPU instructions (no GPU needed), bytes kept for backward, time."""
    names = None if activations is None else names_in(activations)
    asked = _DEFAULT.with_options(activations=names).activations
    finished = None
    if out is not None:
        from quantstudy.records.run import open_run

        finished = open_run(Path(out), "out")
        asked = finished.config.activations if names is None else asked
    from quantstudy.cli.cost import do_cost

    do_cost(asked, finished, as_json=as_json)


@app.command()
def multiverse(
    study: Annotated[
        str,
        typer.Argument(
            metavar="STUDY.toml",
            help="A study file. A table named multiverse in it may hold lists for lr, frequency, hidden, placement, "
            "observer and metric; the study's own value is always among them.",
        ),
    ],
    out: Annotated[str | None, option("Folder. Default results/NAME-multiverse-XXXXXXXX.", "DIR")] = None,
    jobs: Annotated[str | None, option("Worker processes; 1 = this one. Default: one per core.", "N")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the folder first.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON and nothing else.")] = False,
) -> None:
    """Does the answer survive? Repeat a study under other rates, islands, widths, placements, observers and metrics.

    The same command goes on where it was stopped. Given the study.toml of a finished run, its verdict will quote this.
    """
    from quantstudy.config.multiverse import read_multiverse

    to = folder_of(out)
    asked = read_multiverse(Path(study))
    folder, processes = to or Path("results") / asked.folder_name, jobs_of(asked.base, jobs)
    with resumable(lambda: resume_command(folder, Path(study), command="multiverse")):
        from quantstudy.cli.multiverse import do_multiverse

        require_device(asked.base)
        do_multiverse(asked, Path(study), folder, processes, fresh=fresh, as_json=as_json)


@app.command()
def recover(
    folder: recover_options.Folder,
    scheme: recover_options.SchemeName = None,
    recipes: recover_options.Recipes = None,
    activations: recover_options.Activations = None,
    jobs: recover_options.Jobs = None,
    as_json: recover_options.AsJson = False,
) -> None:
    """Repair the quantized networks of a run: what wins bits back, at what cost, and which activation is best then.

    What is found is added to the run: recover.parquet, the repaired networks, the verdict, a figure, the page.
    The same command goes on where it was stopped; what is there already is not done again.
    """
    from quantstudy.engine.repairs import activations_of
    from quantstudy.records.folders import require_weights
    from quantstudy.records.run import open_run

    asked = parse_recipes(recover_options.RECIPES if recipes is None else recipes)
    named = None if scheme is None else parse_scheme(scheme)
    require_weights(Path(folder))
    finished = open_run(Path(folder), "RUN")
    config = finished.config
    names = config.activations if activations is None else activations_of(config, names_in(activations))
    processes = jobs_of(config, jobs)
    with resumable(this_command):
        from quantstudy.cli.recover import do_recover

        wanted = parse_scheme(config.focus_scheme) if named is None else named
        do_recover(finished, wanted, asked, names, processes, as_json=as_json)


@app.command()
def claim(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A claim: a file of experiments/claims/, without .py.")],
    seeds: claim_options.Seeds = None,
    out: claim_options.Folder = None,
    jobs: claim_options.Jobs = None,
    fresh: claim_options.Again = False,
    as_json: claim_options.AsJson = False,
) -> None:
    """Measure one claim of the article: supported, in part, no effect that matters, reversed or undecided."""
    from quantstudy.claims.checkout import known

    _claims([known(name)], seeds, out, jobs, fresh=fresh, as_json=as_json)


@app.command()
def claims(
    seeds: claim_options.Seeds = None,
    out: claim_options.Folder = None,
    jobs: claim_options.Jobs = None,
    fresh: claim_options.Again = False,
    as_json: claim_options.AsJson = False,
) -> None:
    """Measure every claim of the article and what stands beside (minutes); goes on where it was stopped."""
    from quantstudy.claims.checkout import NAMES

    _claims(NAMES, seeds, out, jobs, fresh=fresh, as_json=as_json)


def _claims(
    names: Sequence[str], seeds: str | None, out: str | None, jobs: str | None, *, fresh: bool, as_json: bool
) -> None:
    from quantstudy.claims.checkout import root
    from quantstudy.engine.executors import available_cores

    root()
    paired, folder = whole("seeds", seeds, claim_options.SEEDS, 1000), folder_of(out)
    processes = whole("jobs", jobs, available_cores(), MOST_JOBS)
    with resumable(this_command):
        from quantstudy.cli.claims import do_claims

        do_claims(names, paired, folder, processes, fresh=fresh, as_json=as_json)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"quantstudy {version('quantstudy')}")
        raise typer.Exit


app.add_typer(look_commands.commands)
app.add_typer(sweep_commands.commands)
app.add_typer(deploy_commands.commands)


@app.callback()
def _global_options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit: see `exits`."""
    run_and_exit(app)


if __name__ == "__main__":
    main()

"""The commands that lead to a device: parse, call, print, as `app` does, which takes them up."""

from pathlib import Path

import typer

from quantstudy.cli import deploy_options as options
from quantstudy.cli.exits import resumable, this_command
from quantstudy.cli.options import names_in, whole
from quantstudy.errors import BadInput, choices
from quantstudy.quantize.scheme import parse_scheme

commands = typer.Typer()


@commands.command()
def export(
    folder: options.Folder,
    activation: options.Activation,
    scheme: options.SchemeName,
    form: options.Format,
    out: options.Out,
    recipe: options.Recipe = "plain",
    seed: options.Seed = "best",
    as_json: options.AsJson = False,
) -> None:
    """Write one network of a run into a file that an engine runs, with all that belongs to it.

    Weights, scales and zero points are those of the simulated path, which decided what is deployable.
    """
    from quantstudy.deploy.formats import FORMATS
    from quantstudy.records.run import open_run, require_weights

    if form not in FORMATS:
        raise BadInput("format", form, choices(form, FORMATS))
    to = _file(out)
    require_weights(Path(folder))
    finished = open_run(Path(folder), "RUN")
    with resumable(this_command):
        from quantstudy.cli.export import do_export

        do_export(finished, activation, scheme, recipe, seed, form, to, as_json=as_json)


@commands.command()
def verify(
    given: options.RunOrFile,
    activations: options.Activations = None,
    schemes: options.Schemes = None,
    seeds: options.Seeds = None,
    as_json: options.AsJson = False,
) -> None:
    """Do real engines compute what was simulated? Run networks by each that is installed; every flip gets its cause.

    Of a run: what is found is added to it, parity.parquet, a figure, the page.
    Of a file: its integers are audited, and its engine is compared with the network that it was exported from.
    """
    path = Path(given)
    if path.is_file():
        asked = {"activations": activations, "schemes": schemes, "seeds": seeds}
        for field, value in asked.items():
            if value is not None:
                raise BadInput(field, value, "a file holds one network; this option goes with a run")
        from quantstudy.cli.verify import do_verify_file

        do_verify_file(path, as_json=as_json)
        return
    from quantstudy.engine.repairs import activations_of
    from quantstudy.records.run import open_run, require_weights

    require_weights(path, "RUN|FILE")
    finished = open_run(path, "RUN|FILE")
    config = finished.config
    names = config.activations if activations is None else activations_of(config, names_in(activations))
    wanted = (config.focus_scheme, "w8a8") if schemes is None else names_in(schemes)
    parsed = tuple(dict.fromkeys(str(parse_scheme(name)) for name in wanted))
    number = whole("seeds", seeds, options.SEEDS, config.seeds)
    with resumable(this_command):
        from quantstudy.cli.verify import do_verify

        do_verify(finished, names, parsed, min(number, config.seeds), as_json=as_json)


def _file(out: str) -> Path:
    """Return the path of a file to be written.

    Raises:
        BadInput: it is a folder, or lies in none.
    """
    path = Path(out)
    if out == "" or path.is_dir():
        raise BadInput("out", out, "the path of a file is needed")
    if not path.parent.is_dir():
        raise BadInput("out", out, f"{path.parent} is not a folder")
    return path

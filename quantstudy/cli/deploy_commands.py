"""The commands that lead to a device: parse, call, print, as `app` does, which takes them up."""

from pathlib import Path

import typer

from quantstudy.cli import deploy_options as options
from quantstudy.cli.exits import resumable, this_command
from quantstudy.errors import BadInput, choices

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

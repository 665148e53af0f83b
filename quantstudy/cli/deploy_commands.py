"""The commands that lead to a device: parse, call, print, as `app` does, which takes them up."""

from pathlib import Path

import typer

from quantstudy.cli import deploy_options as options
from quantstudy.cli import gate_options
from quantstudy.cli.exits import resumable, this_command
from quantstudy.cli.options import names_in, whole
from quantstudy.config.gate import gate_of
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
    from quantstudy.records.folders import require_place, require_weights
    from quantstudy.records.run import open_run

    if form not in FORMATS:
        raise BadInput("format", form, choices(form, FORMATS))
    to, end = Path(out), FORMATS[form].end
    require_place(to, "out")
    if not to.name.endswith(end) or to.name == end:
        raise BadInput("out", out, f"a file whose name ends in {end} is needed for {form}")
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
    if not path.exists():
        allowed = "it is not there; the folder of a finished run, or a file that quantstudy export has written"
        raise BadInput("RUN|FILE", given, allowed)
    if path.is_file():
        asked = {"activations": activations, "schemes": schemes, "seeds": seeds}
        for field, value in asked.items():
            if value is not None:
                raise BadInput(field, value, "a file holds one network; this option goes with a run")
        from quantstudy.cli.verify import do_verify_file

        do_verify_file(path, as_json=as_json)
        return
    from quantstudy.engine.repairs import activations_of
    from quantstudy.records.folders import require_weights
    from quantstudy.records.run import open_run

    require_weights(path, "RUN|FILE")
    finished = open_run(path, "RUN|FILE")
    config = finished.config
    names = config.activations if activations is None else activations_of(config, names_in(activations))
    wanted = (config.focus_scheme, "w8a8") if schemes is None else names_in(schemes)
    parsed = tuple(dict.fromkeys(str(parse_scheme(name)) for name in wanted))
    number = whole("seeds", seeds, options.SEEDS, config.seeds)
    with resumable(this_command):
        from quantstudy.cli.verify import do_verify

        do_verify(finished, names, parsed, number, as_json=as_json)


@commands.command()
def gate(
    run: gate_options.Target,
    max_flip_rate: gate_options.FlipRate = None,
    max_accuracy_drop: gate_options.AccuracyDrop = None,
    max_psnr_drop: gate_options.PsnrDrop = None,
    min_accuracy: gate_options.LeastAccuracy = None,
    assurance: gate_options.Assurance = None,
    scheme: gate_options.SchemeName = None,
    activation: gate_options.Activation = None,
    recipe: gate_options.Recipe = None,
    network: gate_options.Network = None,
    baseline: gate_options.Baseline = None,
    config: gate_options.Config = None,
    junit: gate_options.Junit = None,
    markdown: gate_options.Markdown = None,
    as_json: gate_options.AsJson = False,
) -> None:
    """Do the networks hold these limits? Exits with 0: pass, 3: fail, 4: undecided, with the seeds still needed.

    Pass: it is shown that enough of the networks trained this way are within all limits at once; fail: that too few
    are. Either is wrong with a probability of 5 % at most; a threshold on a mean has no such bound.
    Divergence (KL) is no limit: logits may move far where no decision changes, and little where many do.
    """
    given = {
        **{"max_flip_rate": max_flip_rate, "max_accuracy_drop": max_accuracy_drop, "max_psnr_drop": max_psnr_drop},
        **{"min_accuracy": min_accuracy, "assurance": assurance, "scheme": scheme, "activation": activation},
        **{"recipe": recipe, "network": network, "baseline": baseline, "junit": junit, "markdown": markdown},
    }
    asked = gate_of(None if config is None else Path(config), given)
    from quantstudy.deploy.gate.files import require_places
    from quantstudy.engine.gate import require_fits

    require_fits(run, asked)
    require_places(asked)
    from quantstudy.cli.gate import do_gate

    raise typer.Exit(do_gate(run, asked, as_json=as_json))

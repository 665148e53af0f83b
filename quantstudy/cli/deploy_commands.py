"""The commands that lead to a device: parse, call, print, as `app` does, which takes them up."""

from pathlib import Path

import typer

from quantstudy.cli import gate_options
from quantstudy.config.gate import gate_of

commands = typer.Typer()


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
    from quantstudy.deploy.gate_files import require_places
    from quantstudy.engine.gate import require_fits

    require_fits(run, asked)
    require_places(asked)
    from quantstudy.cli.gate import do_gate

    raise typer.Exit(do_gate(run, asked, as_json=as_json))

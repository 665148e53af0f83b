"""The options of `quantstudy gate`, each with its help."""

from typing import Annotated

import typer

from quantstudy.cli.options import option

Target = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="The folder of a finished run; or a table (.csv, .parquet, .npz) of a network of your own: the columns "
        "label, float and quantized, the classes at each held-out point.",
    ),
]
FlipRate = Annotated[str | None, option("Largest share of points whose class changes, 0 to 1.", "SHARE")]
AccuracyDrop = Annotated[
    str | None, option("Largest loss of held-out accuracy, 0 to 1: 0.01 is one point of a hundred.", "SHARE")
]
PsnrDrop = Annotated[str | None, option("Largest loss of held-out PSNR, for a target of numbers.", "DB")]
LeastAccuracy = Annotated[str | None, option("Least held-out accuracy after quantization, 0 to 1.", "SHARE")]
Assurance = Annotated[
    str | None,
    option("Share of the networks trained this way that must be within all limits. Default: the run's.", "SHARE"),
]
SchemeName = Annotated[str | None, option("How they are quantized: w4a4, w8a8, … Default: the run's focus.", "NAME")]
Activation = Annotated[
    str | None,
    option("Theirs. Default: the best of the run, for which bounds are wider since it was chosen by them.", "NAME"),
]
Recipe = Annotated[
    str | None, option("Gate networks repaired by this recipe: polish, … (see quantstudy recover).", "NAME")
]
Network = Annotated[
    str | None, option("Gate the one network of this seed: a bound of its loss over the held-out points.", "SEED")
]
Baseline = Annotated[
    str | None,
    option(
        "Another run with the same data and seeds: limits hold for how much worse RUN is, paired by seed, instead of "
        "for what quantization costs.",
        "RUN2",
    ),
]
Config = Annotated[
    str | None,
    option("A TOML file of these options, with _ for -; those given here override it.", "GATE.toml", "--config"),
]
Junit = Annotated[str | None, option("Write the outcome as JUnit XML; one that is undecided is an error.", "FILE")]
Markdown = Annotated[str | None, option("Write the outcome as Markdown, for the summary of a build.", "FILE")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON and nothing else.")]

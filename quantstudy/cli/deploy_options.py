"""The options of `quantstudy export` and `quantstudy verify`, each with its help."""

from typing import Annotated

import typer

from quantstudy.cli.options import option

SEEDS = 3
"""Networks of each activation that engines run."""

Folder = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
Activation = Annotated[str, option("The activation function: one of the run's.", "NAME", "--activation")]
SchemeName = Annotated[str, option("How the network is quantized: w4, w4a4, w4a8, w8a8, …", "NAME", "--scheme")]
Recipe = Annotated[
    str, option("By what it was repaired, see quantstudy recover; plain for nothing. Default plain.", "NAME")
]
Seed = Annotated[
    str,
    option(
        "Which of its networks; best: picked on half of the held-out points, judged on the rest. Default best.", "N"
    ),
]
Format = Annotated[
    str,
    option("What is written: onnx (QDQ), onnx-int (integer products), c (C99) or json.", "NAME", "--format"),
]
Out = Annotated[str, option("The file. Its README goes beside it, as FILE.md.", "FILE", "--out")]
RunOrFile = Annotated[
    str, typer.Argument(metavar="RUN|FILE", help="The folder of a finished run, or a file that export has written.")
]
Activations = Annotated[str | None, option("Some of the run's, separated by commas. Default: all.", "NAMES")]
Schemes = Annotated[
    str | None,
    option("How the networks are quantized, separated by commas. Default: the run's focus, and w8a8.", "NAMES"),
]
Seeds = Annotated[str | None, option(f"Networks of each activation: the first so many. Default {SEEDS}.", "N")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON and nothing else.")]

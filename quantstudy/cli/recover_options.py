"""The options of `quantstudy recover`, each with its help."""

from typing import Annotated

import typer

from quantstudy.cli.options import option
from quantstudy.quantize.recover.names import PARTS

RECIPES = "polish,qat+polish"
"""What is tried where no recipes are named."""

Folder = Annotated[str, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
SchemeName = Annotated[
    str | None, option("How the networks are quantized: w4a4, w4a8, w4a8dyn, … Default: the run's focus.", "NAME")
]
Recipes = Annotated[
    str | None,
    option(
        f"What repairs them, separated by commas: parts joined by +, in this order: {', '.join(PARTS)}. "
        f"qat@9000 trains on for 9000 steps, polish@50000 searches longer. Default {RECIPES}.",
        "NAMES",
    ),
]
Activations = Annotated[str | None, option("Some of the run's, separated by commas. Default: all.", "NAMES")]
Jobs = Annotated[str | None, option("Worker processes; 1 = this one. Default: one per core.", "N")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else.")]

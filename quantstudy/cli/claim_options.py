"""The options of `quantstudy claim` and `quantstudy claims`, each with its help."""

from typing import Annotated

import typer

from quantstudy.cli.options import option

SEEDS = 32
Seeds = Annotated[str | None, option(f"Paired seeds, or repetitions. Default {SEEDS}.", "N")]
Folder = Annotated[str | None, option("Folder of the tables. Default results/claims of the checkout.", "DIR")]
Jobs = Annotated[str | None, option("Worker processes; 1 = this one. Default: one per core.", "N")]
Again = Annotated[bool, typer.Option("--fresh", help="Measure again what was measured before.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON and nothing else.")]

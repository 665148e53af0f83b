"""The options of `quantstudy run`, each with its help; most are fields of a study and override its file."""

from typing import Annotated

import typer

from quantstudy.cli.options import listed, option
from quantstudy.config.presets import PRESETS
from quantstudy.config.study import StudyConfig
from quantstudy.targets.catalogue import FIRST, TARGETS

_DEFAULT = StudyConfig()

TargetName = Annotated[
    str | None,
    option(
        f"What is learnt: {', '.join(one.name for one in FIRST)}, or one of {len(TARGETS) - len(FIRST)} more "
        "(docs/using.md); IMAGE[:threshold]; TABLE.csv, .parquet or .npz; or module:function of x and y. "
        f"Default {_DEFAULT.target}.",
        "NAME",
        "--target",
    ),
]
Task = Annotated[
    str | None,
    option("classes or regression, for a target of yours: light and dark, or the colours. Default classes.", "NAME"),
]
Label = Annotated[str | None, option("Column of a table that is predicted. Default label.", "COLUMN")]
InputBits = Annotated[
    str | None, option("Bits of the network's inputs, 2 to 16, or none. Default none.", "B", "--input-bits")
]
Bits = Annotated[
    list[str] | None,
    option(
        "Bits of weights and activations, 2 to 16; repeat it or separate by commas. 8 always runs beside; above 8 "
        f"only the simulated path exists. Default {listed(_DEFAULT.bits)}.",
        "B",
        "--bits",
    ),
]
Schemes = Annotated[
    str | None,
    option(
        "Schemes beside those of --bits, separated by commas: w4a8, wf8af8. w are weights, a activations, behind it "
        "bits, or f8 (e4m3) or f8e5m2 for floats of 8 bits; dyn behind a8: ranges per token.",
        "NAMES",
    ),
]
Activations = Annotated[
    str | None,
    option(
        "Names, separated by commas; NAME@CAP caps one, module:function is any torch function. Default "
        f"{', '.join(_DEFAULT.activations)}.",
        "NAMES",
    ),
]
Seeds = Annotated[
    str | None,
    option(f"Number of seeds (data and first weights). Default {_DEFAULT.seeds}.", "N"),
]
Steps = Annotated[
    str | None, option(f"Training steps. Default {_DEFAULT.steps}, or the target's own, as of the next four.", "N")
]
Batch = Annotated[str | None, option(f"Points per training step. Default {_DEFAULT.batch}.", "N")]
Rate = Annotated[str | None, option(f"Peak learning rate of Adam. Default {_DEFAULT.lr}.", "RATE")]
Grid = Annotated[str | None, option(f"Pixels along one side of the plane. Default {_DEFAULT.grid}.", "N")]
Hidden = Annotated[
    str | None, option(f"Widths of the hidden layers, in neurons. Default {listed(_DEFAULT.hidden)}.", "W,W,…")
]
Device = Annotated[str | None, option("auto, cpu or cuda. Default auto.", "NAME")]
Trainer = Annotated[str | None, option("fused (compiled) or reference (stacked torch, slow). Default fused.", "NAME")]
Preset = Annotated[
    str | None,
    option(f"Settings that belong together, which other options override: {', '.join(PRESETS)}.", "NAME"),
]
Out = Annotated[str | None, option("Run folder. Default results/NAME-XXXXXXXX, the same for the same study.", "DIR")]
Jobs = Annotated[
    str | None, option("Worker processes; 1 = this one. Default: one per core. Does not change numbers.", "N")
]
Quick = Annotated[
    bool,
    typer.Option("--quick", help="Schemes only: leave out sensitivity, placement, bit cliff and cause."),
]
UntilDecided = Annotated[
    bool,
    typer.Option(
        "--until-decided",
        help="Add seeds, 16 at a time, until the best is told apart from all others and known to be deployable or not, "
        "by rules that allow for looking after every batch.",
    ),
]
MaxSeeds = Annotated[str | None, option(f"Where --until-decided gives up. Default {_DEFAULT.max_seeds}.", "N")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Empty the run folder first; trained networks stay in the cache.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdict as JSON and nothing else on standard output.")]

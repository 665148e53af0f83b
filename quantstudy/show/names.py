"""The figures of a run by name, and where they lie; loads nothing that draws."""

from pathlib import Path
from typing import TYPE_CHECKING

from quantstudy.config.questions import QUESTIONS
from quantstudy.words.page import FIGURE_QUESTIONS

if TYPE_CHECKING:
    from quantstudy.records.run import Run

VARIED = tuple(question.section for question in QUESTIONS)
"""Figures of what is asked beyond the schemes; a quick run has none of them."""

DRAWN = ("maps", "folds")
"""Figures of what a network draws: on a plane, or as a curve."""

ADDED = {"recover": "recover.parquet", "engines": "parity.parquet"}
"""Figures of what commands of their own add to a run, and the record that it must have."""

FIGURE_NAMES = tuple(FIGURE_QUESTIONS)
"""Names of the figures, in the order of the page; each is a file figures/NAME.png and a key of `catalogue.FIGURES`."""


def figure_names(run: "Run") -> tuple[str, ...]:
    """Return the names of the figures that a run has.

    A quick one lacks VARIED, one without plane or curve DRAWN, one without their records ADDED.
    """
    config = run.config
    left_out = (VARIED if config.quick else ()) + (() if config.has_plane or config.has_curve else DRAWN)
    left_out += tuple(name for name, record in ADDED.items() if not (run.folder / record).exists())
    return tuple(name for name in FIGURE_NAMES if name not in left_out)


def figure_files(run: "Run") -> list[Path]:
    """Return the paths of a run's figures, whether they exist or not."""
    return [figure_file(run, name) for name in figure_names(run)]


def figure_file(run: "Run", name: str) -> Path:
    """Return the path of one of a run's figures, whether it exists or not."""
    return run.folder / "figures" / f"{name}.png"

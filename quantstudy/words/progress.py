"""How far a run has come, in one sentence for the page that shows it meanwhile."""

from pathlib import Path
from typing import Any

from quantstudy.records.files import resume_command
from quantstudy.records.progress import Progress
from quantstudy.words.numbers import plural

DOING = {
    "train": "training networks",
    "measure": "quantizing and measuring",
    "vary": "varying what is quantized",
    "recover": "repairing networks",
    "picture": "evaluating the median seed",
    "draw": "judging and drawing",
}
"""What a run does in each stage."""

PARTS = {"draw": "file"}
"""What a stage's units are called; `part` where it is not said."""

LONG = 300.0
"""Seconds without anything finished from which on the sentence says so: a part of the default study takes some ten."""


def stages_of(progress: Progress) -> list[dict[str, Any]]:
    """Return the stages for JSON, each with what is told of it.

    >>> from quantstudy.records.progress import Stage
    >>> stages_of(Progress((Stage("train", 3, 14),), (), 0, 2.0))
    [{'stage': 'train', 'done': 3, 'total': 14, 'text': 'training networks: 3 of 14'}]
    """
    return [
        {
            "stage": stage.name,
            "done": stage.done,
            "total": stage.total,
            "text": f"{DOING[stage.name]}: {stage.done} of {stage.total}",
        }
        for stage in progress.stages
    ]


def progress_sentence(progress: Progress, folder: Path) -> str:
    """Return what a run is doing, how far it is, and how to go on if it may have been stopped.

    >>> from quantstudy.records.progress import Stage
    >>> stages = (Stage("train", 14, 14), Stage("measure", 3, 28))
    >>> progress_sentence(Progress(stages, (), 0, 2.0), Path("results/mine"))
    'This run is quantizing and measuring: 3 of 28 parts are done.'
    """
    stage = progress.current or progress.stages[-1]
    parts = plural(stage.total, PARTS.get(stage.name, "part"))
    said = f"This run is {DOING[stage.name]}: {stage.done} of {parts} {'is' if stage.done == 1 else 'are'} done."
    if progress.idle < LONG:
        return said
    waited = plural(int(progress.idle // 60), "minute")
    return f"{said} Nothing was finished for {waited}; if it was stopped, go on with {resume_command(folder)}"

"""What the commands' options have in common: how they look in help, and checks of what config has no field for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from quantstudy.config.checks import whole_number
from quantstudy.errors import BadInput

if TYPE_CHECKING:
    from quantstudy.config.study import StudyConfig

MOST_JOBS = 256


def option(text: str, metavar: str, *names: str) -> Any:
    """Return an option with a help text and a word for its value; defaults stand in the text."""
    return typer.Option(*names, help=text, metavar=metavar, show_default=False)


def listed(values: tuple[Any, ...]) -> str:
    """Return values as they are typed."""
    return ",".join(str(value) for value in values)


def names_in(text: str) -> tuple[str, ...]:
    """Return names that are separated by commas."""
    return tuple(part.strip() for part in text.split(","))


def folder_of(out: str | None) -> Path | None:
    """Return the folder that was asked for, if one was.

    Raises:
        BadInput: an empty name.
    """
    if out == "":
        raise BadInput("out", out, "the path of a folder is needed")
    return None if out is None else Path(out)


def whole(field: str, given: str | None, default: int, most: int) -> int:
    """Return a whole number from 1 on.

    Raises:
        BadInput: it is none, or more than `most`.
    """
    return default if given is None else whole_number(field, given, 1, most)


def jobs_of(config: "StudyConfig", given: str | None) -> int:
    """Return how many worker processes run a study: by default one per core, and one beside a GPU.

    Raises:
        BadInput: no whole number, or too many.
    """
    from quantstudy.engine.executors import available_cores

    if given is None:
        return 1 if config.device == "cuda" else min(available_cores(), len(config.activations))
    return whole("jobs", given, 1, MOST_JOBS)


def require_device(config: "StudyConfig") -> None:
    """Check that there is the device that was asked for by name.

    Raises:
        BadInput: `cuda` without a CUDA device.
    """
    if config.device != "cuda":
        return
    import torch

    if not torch.cuda.is_available():
        raise BadInput("device", "cuda", "no CUDA device is there; auto or cpu")

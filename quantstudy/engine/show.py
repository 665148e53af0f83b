"""A run's page, made anew from its folder whenever it would be another one, for `quantstudy show`. Loads no torch.

The folder is only read, without a lock: a run may go on in it, end, or be begun anew. A look that finds it between two
states is repeated, and if that does not help the page says why there is none now.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from quantstudy.engine.begun import progress_of, trained_of
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.folders import held_study, manifest_of
from quantstudy.records.progress import Progress
from quantstudy.records.run import Run, as_it_was_run, open_run
from quantstudy.show.names import figure_files
from quantstudy.show.serve import Page, Site, Unavailable
from quantstudy.words.progress import progress_sentence, stages_of

T = TypeVar("T")

FIELD = "RUN"
"""The argument that names the folder."""

TRIES, PAUSE = 3, 0.05
"""How often a folder is looked into before there is nothing to show, and seconds in between."""

FINISHED = "This run is finished."


@dataclass(frozen=True)
class Look:
    """What a run's folder holds at one moment.

    Attributes:
        run: the run.
        version: changes whenever its page would be another one, but for its progress, which the page asks for.
        progress: how far it is; None if it is finished.
    """

    run: Run
    version: str
    progress: Progress | None


def site_of(folder: Path) -> Site:
    """Return the site of a run, begun or finished.

    Raises:
        BadInput: no run there, one of another format version, or a study.toml that was edited.
        StudyFailure: a record of a finished run is missing or damaged.
    """
    if look_at(folder).progress is None:
        open_run(folder, FIELD)
    made: dict[tuple[Any, ...], Page] = {}
    one_at_a_time = threading.Lock()

    def page() -> Page:
        with one_at_a_time:
            look = look_at(folder)
            key = (look.version, look.progress and look.progress.stages)
            if key not in made:
                new = page_of(look)
                made.clear()
                made[key] = new
            return made[key]

    return Site(
        page=partial(_tried, page),
        state=partial(_tried, partial(state_of, folder)),
        file=lambda name: _tried(partial(_file, folder, name)),
    )


def look_at(folder: Path) -> Look:
    """Look into a run's folder.

    Raises:
        BadInput: see `site_of`.
        StudyFailure: its manifest is damaged.
        OSError: a file is gone meanwhile.
    """
    config = held_study(folder, FIELD) if (folder / "manifest.json").is_file() else None
    if config is None:
        raise BadInput(FIELD, str(folder), "a run folder is needed (it holds study.toml and manifest.json)")
    manifest = manifest_of(folder)
    measured = manifest.get("state") == "complete"
    run = as_it_was_run(Run(folder, config)) if measured else Run(folder, config)
    drawn = _stamp(folder / "report.html")  # written last, whenever it is judged and drawn (again)
    if measured and drawn and (folder / "verdict.json").is_file():
        return Look(run, _digest(manifest["study"], drawn), None)
    progress = progress_of(run, measured=measured)
    return Look(run, _digest(manifest["study"], progress.trained, progress.seeds), progress)


def page_of(look: Look) -> Page:
    """Return the page of a run as it was looked at."""
    if look.progress is None:
        from quantstudy.show.page.report import page_text

        text = page_text(open_run(look.run.folder, FIELD), served=True)
    else:
        from quantstudy.show.page.begun import begun_text

        text = begun_text(look.run, look.progress, trained_of(look.run, look.progress))
    return Page(text.encode("utf-8", "backslashreplace"), look.version)  # its folder's name may be no text


def state_of(folder: Path) -> dict[str, Any]:
    """Return the state of a run, for JSON: `state`, `version`, `progress` by stages and a `sentence`."""
    look = look_at(folder)
    if look.progress is None:
        return {"state": "complete", "version": look.version, "progress": [], "sentence": FINISHED}
    sentence = progress_sentence(look.progress, folder)
    return {"state": "running", "version": look.version, "progress": stages_of(look.progress), "sentence": sentence}


def _file(folder: Path, name: str) -> Path | None:
    """Return one of a run's figures by its path within the folder, None for all else, links out of it included."""
    run = look_at(folder).run
    path = {f"figures/{path.name}": path for path in figure_files(run)}.get(name)
    if path is None or not path.is_file():
        return None
    return path if os.path.realpath(path) == os.path.join(os.path.realpath(folder), "figures", path.name) else None


def _stamp(path: Path) -> tuple[int, ...]:
    """Return what tells a file from another of its name; empty if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _tried(look: Callable[[], T]) -> T:
    """Return what a look finds, at one of a few times.

    Raises:
        Unavailable: it found nothing at any of them.
    """
    for left in reversed(range(TRIES)):
        try:
            return look()
        except (BadInput, StudyFailure, OSError, KeyError, ValueError) as error:
            if not left:
                raise Unavailable(_reason(error)) from error
            time.sleep(PAUSE)
    raise AssertionError


def _reason(error: Exception) -> str:
    if isinstance(error, BadInput):
        return f"There is no run to show now: {error.value}: {error.allowed}."
    if isinstance(error, OSError) and error.filename is not None:
        return f"The run can't be read now: {error.filename}: {error.strerror}."
    return f"The run can't be shown now: {error}."

"""Folders of runs: which files they may hold, which study they belong to, whether they may be written or emptied."""

import json
import shutil
from pathlib import Path
from typing import Any

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.questions import QUESTIONS
from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import read_toml
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.files import file_sha256, resume_command

FORMAT = 7
"""Version of the run folder's layout; a folder of another version is refused."""

VARIATIONS = tuple(question.name for question in QUESTIONS)
"""Tables of the analyses beyond the schemes; a quick run has none."""

RECORDS = (
    *("masks.npz", "labels.npz", "metrics.parquet", "histograms.parquet", "plans.parquet", "maps.npz"),
    *(f"{name}.parquet" for name in VARIATIONS),
    *("ranges.parquet", "recover.parquet", "parity.parquet"),
)
"""Files that figures and verdicts are made from; the manifest holds their digests."""

OURS = (
    *("study.toml", "manifest.json", "verdict.json", "cost.json", "report.html", *RECORDS, ".lock"),
    *("multiverse.json", "multiverse.parquet"),
)

OUR_FOLDERS = {"weights": ".safetensors", "recover": ".safetensors", "figures": ".png", "cells": ""}
"""Folders inside the run folder, and the suffix of the files that a run writes there."""


def file_name(activation: str) -> str:
    """Return an activation's name as used in file names: `-` for `:`, since not every file system allows a colon.

    >>> file_name("mine:wave@3")
    'mine-wave@3'
    """
    return activation.replace(":", "-")


def weights_file(activation: str) -> str:
    """Return the path of an activation's weights within a run folder."""
    return f"weights/{file_name(activation)}.safetensors"


def repaired_file(activation: str, scheme: str, recipe: str) -> str:
    """Return the path of repaired networks within a run folder.

    >>> repaired_file("relu@3", "w4a4", "qat@9000+polish")
    'recover/relu@3.w4a4.qat@9000+polish.safetensors'
    """
    return f"recover/{file_name(activation)}.{scheme}.{recipe}.safetensors"


def is_repair(name: str) -> bool:
    """Whether a record of a run holds what `quantstudy recover` adds: its table, or repaired networks."""
    return name == "recover.parquet" or name.startswith("recover/")


def is_added(name: str) -> bool:
    """Whether a record of a run holds what a command of its own adds: `quantstudy recover`, or `quantstudy verify`."""
    return is_repair(name) or name == "parity.parquet"


def held_study(folder: Path, field: str = "out") -> StudyConfig | None:
    """Return the study whose run a folder holds, begun or finished, None if the folder is absent or empty.

    Args:
        folder: the folder to look into.
        field: the option or argument that named it.

    Raises:
        BadInput: as `held_file`, or this version can't read the study.
    """
    file = held_file(folder, field)
    return None if file is None else read_toml(file, field)


def held_file(folder: Path, field: str = "out") -> Path | None:
    """Return the study file of a folder that a run was begun in, None if the folder is absent or empty.

    Args:
        folder: the folder to look into.
        field: the option or argument that named it.

    Raises:
        BadInput: the path is a file, holds something else, holds a run of another format version or arithmetic, or its
            study.toml is not the one that the run was made with.
    """
    if not is_folder(folder, field):
        return None
    names = names_in(folder)
    if not names:
        return None
    if names == {"study.toml"}:  # killed before the manifest was written
        return folder / "study.toml"
    if "manifest.json" not in names:
        raise BadInput(field, str(folder), "a new or empty folder, or one of an earlier run of the same study")
    manifest = manifest_of(folder)
    if "format" not in manifest and (names & {"sweep.toml"}):
        other = "it holds a sweep and no run; choose another folder"
        raise BadInput(field, str(folder), other if field == "out" else "a run is needed, and it holds a sweep")
    # a run must not mix numbers of two revisions of the arithmetic, nor be judged by code for another revision
    for what, now, does in (("format", FORMAT, "writes"), ("arithmetic", REVISION, "computes with")):
        if manifest.get(what) != now:
            way_out = (
                "choose another folder, or --fresh to empty this one"
                if field == "out"
                else "run the study again, into another folder or with --fresh"
            )
            held = f"it holds a run of {what} {manifest.get(what)}, this version {does} {what} {now}"
            raise BadInput(field, str(folder), f"{held}; {way_out}")
    if file_sha256(folder / "study.toml") != manifest.get("study"):
        raise BadInput(
            field,
            str(folder / "study.toml"),
            "it was edited after the run began; run the edited study into another folder, or --fresh to empty this one",
        )
    return folder / "study.toml"


def require_weights(folder: Path, field: str = "RUN") -> None:
    """Check that a run's folder holds the float weights of all of its activations, if it is one.

    Raises:
        BadInput: some are missing.
    """
    config = held_study(folder, field) if (folder / "manifest.json").is_file() else None
    for name in config.activations if config else ():
        if not (folder / weights_file(name)).is_file():
            allowed = f"a run with its float weights is needed, and {weights_file(name)} is missing"
            raise BadInput(field, str(folder), f"{allowed}; make it again with {resume_command(folder)}")


def require_same_study(folder: Path, config: StudyConfig) -> None:
    """Check that a run of a study may go into a folder.

    Raises:
        BadInput: the folder holds another study, or something else.
    """
    held = held_study(folder)
    if held is not None and held != config:
        raise BadInput("out", str(folder), "it holds another study; choose another folder, or --fresh to empty it")


def require_emptiable(folder: Path) -> None:
    """Check that a folder is absent, empty, or holds a run and nothing else.

    Raises:
        BadInput: it is a file, or holds files that no run writes.
    """
    if not is_folder(folder, "out"):
        return
    names = names_in(folder)
    strangers = sorted(names - {*OURS, *OUR_FOLDERS})
    for inner, ending in OUR_FOLDERS.items():
        if (folder / inner).is_dir():
            strangers += sorted(f"{inner}/{name}" for name in names_in(folder / inner) if not name.endswith(ending))
    if strangers:
        raise BadInput("out", str(folder), f"--fresh empties run folders only, and this one also holds {strangers[0]}")
    if "manifest.json" not in names and not names <= {"study.toml"}:
        raise BadInput("out", str(folder), "--fresh empties run folders only, and this one has no manifest.json")


def empty_run(folder: Path) -> None:
    """Remove the files of a run, and nothing else, from a folder; the cache of trained networks stays.

    Raises:
        BadInput: the folder holds files that no run writes.
    """
    require_emptiable(folder)
    # The manifest goes last, so that a folder that was emptied halfway is still recognized as a run's.
    left = folder.iterdir() if folder.is_dir() else ()
    for path in sorted(left, key=lambda path: path.name == "manifest.json"):
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()


def is_folder(path: Path, field: str) -> bool:
    """Whether a path is a folder; False if there is nothing yet and a folder can be made there.

    Raises:
        BadInput: the path or one of its parents is a file or a broken link.
    """
    there = next(above for above in (path, *path.parents, Path("/")) if above.exists() or above.is_symlink())
    if not there.exists():
        raise BadInput(field, str(path), f"a folder is needed, and {there} is a link to nothing")
    if not there.is_dir():
        raise BadInput(field, str(path), f"a folder is needed, and {there} is a file")
    return there == path


def require_place(path: Path, field: str) -> None:
    """Check that a file that a user names can be written, or replaced, where that is.

    Raises:
        BadInput: a folder, a device or a link stands there, its folder is not there, or it is a run's, which holds its
            records alone.
    """
    if not path.name or path.is_dir():
        raise BadInput(field, str(path), "the path of a file is needed, and this is a folder")
    if not path.parent.is_dir():
        raise BadInput(field, str(path), f"a file in a folder that is there, and {path.parent} is none")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise BadInput(field, str(path), "a new or a plain file is needed, and there is a link or a device")
    for above in path.resolve().parents:
        if (above / "manifest.json").is_file() and (above / "study.toml").is_file():
            raise BadInput(field, str(path), f"another folder is needed: {above} is that of a run, with its own files")


def names_in(folder: Path) -> set[str]:
    """Return the names of a folder's entries, without the lock and temporary files."""
    return {path.name for path in folder.iterdir() if path.name != ".lock" and not path.name.endswith(".part")}


def manifest_of(folder: Path) -> dict[str, Any]:
    """Return manifest.json of a run's folder.

    Raises:
        StudyFailure: it is damaged.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
    except ValueError:
        raise StudyFailure(f"{folder / 'manifest.json'} is damaged; --fresh empties the folder") from None
    if not isinstance(manifest, dict):
        raise StudyFailure(f"{folder / 'manifest.json'} is damaged; --fresh empties the folder")
    return manifest

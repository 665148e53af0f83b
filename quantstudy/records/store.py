"""Writing a run folder: its study file, its manifest and its records, each file atomically."""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.study import StudyConfig
from quantstudy.records.files import file_sha256, sha256, write_atomically
from quantstudy.records.folders import FORMAT, OUR_FOLDERS, require_same_study
from quantstudy.records.run import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray


def start_run(folder: Path, config: StudyConfig, provenance: Mapping[str, Any]) -> Run:
    """Return the run of a study in a folder, made if it is new; if it holds the same study, the run is resumed.

    Raises:
        BadInput: the folder holds another study, or something else.
    """
    require_same_study(folder, config)
    run = Run(folder, config)
    prepare_folder(run, config.to_toml().encode(), provenance)
    return run


def prepare_folder(run: Run, study: bytes, provenance: Mapping[str, Any]) -> None:
    """Prepare a run's folder: remove a killed process's temporary files, write study file and manifest if it is new."""
    folder = run.folder
    for place in (folder, *(folder / inner for inner in OUR_FOLDERS)):
        for half_written in place.glob(".*.part"):  # left by a killed process: no other writes here under our lock
            if half_written.is_dir():
                shutil.rmtree(half_written, ignore_errors=True)
            else:
                half_written.unlink()
    if not (folder / "manifest.json").exists():
        write_atomically(folder / "study.toml", study)
        about = {"format": FORMAT, "arithmetic": REVISION, "state": "running", "study": sha256(study)}
        write_manifest(run, about | dict(provenance) | {"cells": {}, "files": {}})


def write_manifest(run: Run, manifest: Mapping[str, Any]) -> None:
    """Write manifest.json."""
    write_json(run.folder / "manifest.json", manifest)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write strict JSON (no NaN), atomically."""
    write_atomically(path, (json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def write_records(run: Run, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write several files of the run folder, each atomically; return their digests by name."""
    for name, data in files.items():
        path = run.folder / name
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, data)
    return {name: sha256(data) for name, data in files.items()}


def add_records(run: Run, files: Mapping[str, bytes], **about: Any) -> None:
    """Add records to those of a finished run, or replace them, and say so in its manifest.

    The manifest says first what will be there: a kill at any moment leaves records that it knows. Then comes
    `settle_records`.

    Args:
        run: the run.
        files: their bytes by name.
        about: what else the manifest says from then on.
    """
    settle_records(run)
    write_manifest(run, run.manifest() | {"adding": {name: sha256(data) for name, data in files.items()}})
    write_records(run, files)
    settle_records(run, **about)


def settle_records(run: Run, **about: Any) -> None:
    """Let the manifest know what is there of the records that were being added, finished or killed."""
    manifest = run.manifest()
    if "adding" in manifest:
        adding = manifest.pop("adding")
        there = {name: digest for name, digest in adding.items() if file_sha256(run.folder / name) == digest}
        write_manifest(run, manifest | {"files": manifest["files"] | there} | about)


def npz(arrays: "Mapping[str, NDArray[Any]]") -> bytes:
    """Return arrays as the bytes of a compressed .npz file."""
    import numpy as np

    buffer = io.BytesIO()
    save: Callable[..., None] = np.savez_compressed
    save(buffer, **arrays)
    return buffer.getvalue()

"""Cells of a running study: each is committed by one rename, whole or not at all."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from quantstudy.records.files import sha256, sync_folder, write_atomically


def store_cell(folder: Path, key: str, files: Mapping[str, bytes]) -> None:
    """Commit the files of one finished cell by a single rename: after a kill the cell is whole or not there."""
    cells = folder / "cells"
    cells.mkdir(exist_ok=True)
    beside = cells / f".{key}.{os.getpid()}.part"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    digests = {name: sha256(data) for name, data in files.items()}
    for name, data in {**files, "digests.json": json.dumps(digests).encode()}.items():
        write_atomically(beside / name, data)
    shutil.rmtree(cells / key, ignore_errors=True)
    beside.replace(cells / key)
    sync_folder(cells)


def load_cell(folder: Path, key: str) -> dict[str, bytes] | None:
    """Return the files of one cell, None if it is not there or damaged."""
    cell = folder / "cells" / key
    try:
        digests = json.loads((cell / "digests.json").read_bytes())
        files = {name: (cell / name).read_bytes() for name in digests}
    except (OSError, ValueError):
        return None
    return files if all(sha256(data) == digests[name] for name, data in files.items()) else None


def has_cell(folder: Path, key: str) -> bool:
    """Whether a cell is there; its files may be damaged, which reading them would show."""
    return (folder / "cells" / key / "digests.json").is_file()


def drop_cells(folder: Path) -> None:
    """Remove the cells of a finished run: its records hold all of their content."""
    shutil.rmtree(folder / "cells", ignore_errors=True)

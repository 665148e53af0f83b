"""Compare two finished runs and write the comparison into a folder: compare.json and compare.png."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from quantstudy.errors import BadInput
from quantstudy.judge.compare import Side, compare
from quantstudy.judge.differing import MADE_WITH, require_same_target
from quantstudy.records.files import sha256, write_atomically
from quantstudy.records.folders import is_folder, names_in
from quantstudy.records.provenance import described
from quantstudy.records.run import Run
from quantstudy.records.store import write_json

OURS = ("compare.json", "compare.png")
"""The files of a comparison's folder."""


def compare_runs(first: Run, second: Run, out: Path | None = None) -> tuple[dict[str, Any], Path]:
    """Compare two finished runs, write compare.json and compare.png, each atomically; return comparison and folder.

    The comparison is that of `judge.compare` with `runs` in front: `folder`, `id` and `seeds` of `a` and `b`.

    Args:
        first: run A; differences are B − A.
        second: run B; may be the same.
        out: folder to write into, made if it is not there; None is results/compare-AAAAAAAA-BBBBBBBB with the ids of
            the two runs. An older comparison of the same two runs in it is overwritten.

    Raises:
        BadInput: nothing can be paired, or the folder is a file or holds something else; nothing is written.
        OSError: disk full, read-only folder.
    """
    require_same_target(first.config, second.config)
    runs = {
        key: {"folder": str(run.folder), "id": run_id(run.manifest()), "seeds": len(run.manifest()["seeds"])}
        for key, run in (("a", first), ("b", second))
    }
    ids = [str(run["id"]) for run in runs.values()]
    folder = Path("results") / f"compare-{'-'.join(ids)}" if out is None else out
    _require_place(folder, ids)
    found = {"runs": runs, **compare(_side(first), _side(second))}

    from quantstudy.show.canvas.page import png
    from quantstudy.show.figures.compare.draw import comparison

    picture = png(comparison(found))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "compare.json", found)  # first: it names the runs that this folder belongs to
    write_atomically(folder / "compare.png", picture)
    return found, folder


def run_id(manifest: Mapping[str, Any]) -> str:
    """Return eight hex digits of a digest of a run's study, records and versions.

    They distinguish runs of one study by two commits, and stay the same when a run is moved or judged again.
    """
    said = {key: manifest.get(key) for key in ("study", "files", "versions", *MADE_WITH)}
    return sha256(json.dumps(said, sort_keys=True).encode())[:8]


def _side(run: Run) -> Side:
    import numpy as np

    masks = run.folder / "masks.npz"  # of two classes on a plane; else the labels
    file, key = (masks, "mask") if masks.exists() else (run.folder / "labels.npz", "labels")
    with np.load(file) as stored:
        learnt = stored[key]
    manifest = run.manifest()
    manifest["processor"] = described(manifest["processor"])  # a comparison has the processor in words
    return Side(run.config, manifest, run.verdict(), run.summaries(), learnt)


def _require_place(folder: Path, ids: list[str]) -> None:
    """Check that a folder can be made, is empty, or holds a comparison of the same runs and nothing else."""
    names = names_in(folder) if is_folder(folder, "out") else set()
    if not names:
        return
    strangers = sorted(names - {*OURS})
    if strangers:
        raise BadInput("out", str(folder), f"a new or empty folder is needed, and this one holds {strangers[0]}")
    if _held(folder / "compare.json") != ids:
        raise BadInput("out", str(folder), "it holds a comparison of other runs; choose another folder")


def _held(path: Path) -> list[str] | None:
    try:
        runs = json.loads(path.read_bytes())["runs"]
        return [str(runs[key]["id"]) for key in ("a", "b")]
    except (OSError, ValueError, TypeError, KeyError):
        return None

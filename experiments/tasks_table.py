"""Keeps what `quantstudy tasks` found, and the README's table of it.

    quantstudy tasks --out results/tasks-all
    python -m experiments.tasks_table results/tasks-all

Without a folder the README is made again from what is kept.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.blocks import with_block
from quantstudy.errors import BadInput
from quantstudy.records.files import file_sha256
from quantstudy.records.loose import TABLE, WEIGHTS
from quantstudy.words.foretold import prediction
from quantstudy.words.numbers import real
from quantstudy.words.tasks import cause, curve, finding, kinds

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "results" / "tasks"
MARKS = ("<!-- results/tasks: made by experiments/tasks_table.py, do not edit -->", "<!-- end of results/tasks -->")


def main(folder: Path | None) -> None:
    """Keep tasks.json, the settings and the figure of a folder, and write the README's block.

    Args:
        folder: of a finished `quantstudy tasks`; None: what is kept stays.

    Raises:
        BadInput: the folder holds no finished one.
    """
    if folder is not None:
        keep(folder)
    found = json.loads((KEPT / "tasks.json").read_text())
    path = ROOT / "README.md"
    path.write_text(with_block(path.read_text(), MARKS, block(found)))


def keep(folder: Path) -> None:
    """Copy what is small of a finished folder, and keep a digest per activation of its tables and networks.

    Raises:
        BadInput: the folder holds no finished one.
    """
    manifest = folder / "manifest.json"
    if not manifest.is_file() or json.loads(manifest.read_text()).get("kind") != "tasks":
        raise BadInput("DIR", str(folder), "the folder of a finished quantstudy tasks is needed")
    (KEPT / "figures").mkdir(parents=True, exist_ok=True)
    for name in ("tasks.json", "sweep.toml", "manifest.json", "figures/tasks.png"):
        shutil.copyfile(folder / name, KEPT / name)
    digests = {path.name: _digest_of(path) for path in sorted((folder / "cells").iterdir())}
    (KEPT / "digests.json").write_text(json.dumps(digests, indent=1) + "\n")


def _digest_of(cells: Path) -> str:
    """Return one digest of the tables and networks of an activation's cells, 16 hex digits."""
    said = hashlib.sha256()
    for path in sorted(path for path in cells.rglob("*") if path.suffix in (TABLE, WEIGHTS)):
        said.update(f"{path.relative_to(cells)} {file_sha256(path)}\n".encode())
    return said.hexdigest()[:16]


def block(found: Mapping[str, Any]) -> str:
    """Return what the README says: the finding, the cause, the prediction, and what each activation loses.

    Args:
        found: the content of tasks.json.
    """
    group, names = found["groups"]["beyond"], found["activations"]
    lost = {name: real(group["regret"]["multiple"][name]["mean"]) for name in names}
    order = sorted(names, key=lambda name: lost[name])
    said = f"**On other tasks.** {finding(found)}. {cause(found)} {curve(found)} {prediction(found)}"
    shares = [
        f"{100.0 * group['share_best'][name]:.0f} / {100.0 * group['share_best_or_tied'][name]:.0f} %" for name in order
    ]
    lines = [
        f"{said} [Every task](results/tasks/figures/tasks.png).",
        "",
        _row(f"{group['tasks']} new tasks, {found['scheme']}", order),
        "|---" * (len(order) + 1) + "|",
        _row("best / or tied", shares),
    ]
    for kind, unit in kinds():
        threes = [group["regret"][kind][name] for name in order]
        told = [unit.with_interval([real(three[end]) for end in ("mean", "low", "high")]) for three in threes]
        what = "classes" if kind == "classes" else "numbers"
        lines.append(_row(f"{unit.amount} lost on {group[kind]} of {what}", told))
    return "\n".join(lines)


def _row(name: str, cells: list[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

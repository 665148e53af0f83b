"""The default study: does the choice of the activation matter when the network is quantized to 4 or 8 bits?

Runs `quantstudy run --bits 4`, and the multiverse of the same study, in a scratch folder and keeps what the README
shows: figures, verdicts, configuration, provenance, a small summary table, and digests of all records, which are the
same on every machine. From the root of a checkout:
`python -m experiments.default_study`.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd

from experiments.blocks import with_block
from experiments.digests import as_text, digests
from quantstudy import Run, StudyConfig, open_run
from quantstudy.cli.terminal import print_verdict

KEPT = ("study.toml", "manifest.json", "verdict.json", "multiverse.json", "figures")
SHOWN = [
    "heldout_accuracy_quantized",
    "heldout_accuracy_drop",
    "accuracy_quantized",
    "accuracy_drop",
    "flip_rate",
    "boundary_displacement_mean",
    "island_iou",
    "logit_sqnr_db",
]
ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "default"
MULTIVERSE = ROOT / "results" / "multiverse"
MARKS = (
    "<!-- results/default: made by experiments/default_study.py, do not edit -->",
    "<!-- end of results/default -->",
)


def main() -> None:
    """Run the study and copy what is kept."""
    with tempfile.TemporaryDirectory() as scratch:
        for command in ("run --bits 4 --out default", "multiverse default/study.toml --out multiverse"):
            subprocess.run([sys.executable, "-m", "quantstudy", *command.split()], cwd=scratch, check=True)
        folder = Path(scratch) / "default"
        keep(folder, TO, KEPT)
        run = open_run(folder)
        summary(run).to_csv(TO / "summary.csv", float_format="%.4f")
        (TO / "digests.json").write_text(as_text(digests(run)))
        keep(Path(scratch) / "multiverse", MULTIVERSE, [name for name in KEPT if name != "verdict.json"])
    verdict = json.loads((TO / "verdict.json").read_text())
    for page, lines in ((ROOT / "README.md", printed(verdict)), (ROOT / "results/README.md", losses(verdict))):
        page.write_text(with_block(page.read_text(), MARKS, lines))
    print(f"written to {TO.relative_to(ROOT)}, README.md and results/README.md")


def keep(folder: Path, to: Path, names: Iterable[str]) -> None:
    """Replace what a folder holds by some files and folders of another one."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    for name in names:
        copy = shutil.copytree if (folder / name).is_dir() else shutil.copy
        copy(folder / name, to / name)


def summary(run: Run) -> pd.DataFrame:
    """Mean over the seeds of the main measures, a row per scheme, backend and activation."""
    metrics = run.metrics()
    network = metrics[(metrics["scope"] == "network") & metrics["metric"].isin(SHOWN)]
    keys = ["scheme", "backend", "activation", "metric"]
    means = network.groupby(keys, observed=True, sort=False)["value"].mean()
    return means.unstack("metric")[SHOWN]


def printed(verdict: dict[str, Any]) -> str:
    """What the README shows of the default study: what `quantstudy run --bits 4` prints, from verdict.json alone."""
    study, shown = StudyConfig(), io.StringIO()
    with redirect_stdout(shown), patch.dict("os.environ", COLUMNS="120"):
        print_verdict(study, verdict, Path("results") / study.run_name / "report.html")
    return f"```\n{shown.getvalue().rstrip()}\n```"


def losses(verdict: dict[str, Any]) -> str:
    """What results/README.md shows of it: the accuracy that every activation loses at every scheme."""
    schemes, lines = verdict["schemes"], []
    lines += ["| | " + " | ".join(schemes) + " |", "|---|" + "---|" * len(schemes)]
    for name in [row["activation"] for row in schemes["w4a4"]["ranking"]]:
        cells = [next(row for row in judged["ranking"] if row["activation"] == name) for judged in schemes.values()]
        lines.append(f"| {name} | " + " | ".join(_drop(row) for row in cells) + " |")
    return "\n".join(lines)


def _drop(row: dict[str, Any]) -> str:
    digits = 1 if row["drop"] > 0.02 else 2
    mean, low, high = (f"{100 * row[key]:.{digits}f}" for key in ("drop", "drop_low", "drop_high"))
    return f"**{mean}** [{low}, {high}]" if row["deployable"] else f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    main()

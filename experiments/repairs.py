"""What repairs give back to the best activation of the default study, judged by `quantstudy recover` itself.

Runs the default study and then `recover` at w4a8 and w4a4 in a scratch folder, and keeps what the verdict says of each
recipe, with the seconds that it took: results/repairs/recover.json, and a table of it in results/README.md. From the
root of a checkout: `python -m experiments.repairs`, or `python -m experiments.repairs RUN` for a run that is there.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from experiments.blocks import with_block
from experiments.scratch import scratch_run
from quantstudy import open_run
from quantstudy.words.deployable import passes

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "repairs" / "recover.json"
ACTIVATION = "hardgelu"
SCHEMES = ("w4a8", "w4a4")
RECIPES = "polish,qat+polish,qat@27000+polish@42000"
COLUMNS = ("drop", "drop_low", "drop_high", "pass_share", "pass_low", "drop_to_deploy", "steps", "deployable")
MARKS = (
    "<!-- results/repairs: made by experiments/repairs.py, do not edit -->",
    "<!-- end of results/repairs -->",
)


def main(folder: Path | None) -> None:
    """Repair the networks of a run and keep what came out."""
    with scratch_run(folder) as copy:
        options = ("--activations", ACTIVATION, "--recipes", RECIPES)
        for scheme in SCHEMES:
            command = ("quantstudy", "recover", str(copy), "--scheme", scheme, *options)
            subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
        run = open_run(copy)
        found = kept(run.verdict(), run.manifest())
    TO.parent.mkdir(exist_ok=True)
    TO.write_text(json.dumps(found, indent=1) + "\n")
    page = ROOT / "results" / "README.md"
    page.write_text(with_block(page.read_text(), MARKS, table(found)))
    print(f"written to {TO.relative_to(ROOT)} and results/README.md")


def kept(verdict: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a verdict: per scheme and recipe the numbers of the judging half, and seconds a network."""
    schemes = {
        scheme: {
            row["recipe"]: {name: row[name] for name in COLUMNS}
            | {"seconds": manifest["recover_seconds"][scheme][row["recipe"]][ACTIVATION]}
            for row in verdict["recover"][scheme]["rows"]
            if row["activation"] == ACTIVATION
        }
        for scheme in SCHEMES
    }
    made = {"processor": manifest["processor"], "commit": manifest["commit"]}
    return {"seeds": verdict["seeds"], "allowed_drop": verdict["allowed_drop"], "schemes": schemes, **made}


def table(found: dict[str, Any]) -> str:
    """The table in results/README.md, from what is kept alone."""
    lines = [
        "| scheme | recipe | training steps | seconds a network | lost, points | pass | deployable with a loss of |",
        "|---|---|---|---|---|---|---|",
    ]
    for scheme, rows in found["schemes"].items():
        for recipe, row in rows.items():
            lost = " to ".join(f"{100 * row[end]:.2f}" for end in ("drop_low", "drop_high"))
            passing = passes(row, found["seeds"])
            cells = [scheme, recipe, f"{row['steps']}", f"{row['seconds']:.1f}", f"{100 * row['drop']:.2f} [{lost}]"]
            cells += [f"**{passing}**" if row["deployable"] else passing, f"{100 * row['drop_to_deploy']:.1f}"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

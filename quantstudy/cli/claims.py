"""What `quantstudy claim` and `quantstudy claims` do once their arguments are read: run, judge, draw, print."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quantstudy.claims.checkout import drawing, root
from quantstudy.claims.ledger import HEADING, Found, judged, ledger
from quantstudy.claims.run import Progress, run_claim
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import print_claim, print_claims, stage_progress
from quantstudy.engine.executors import collect_rarely, workers
from quantstudy.errors import BadInput
from quantstudy.judge.claims import Judged
from quantstudy.records.files import locked, write_atomically
from quantstudy.records.folders import is_folder
from quantstudy.words.claims import sentence


def do_claims(names: Sequence[str], seeds: int, out: Path | None, jobs: int, *, fresh: bool, as_json: bool) -> None:
    """Run claims, or go on with them; rewrite the ledger and their figures; print what was found.

    Args:
        names: one claim, or all.
        seeds: paired seeds, or repetitions of what is timed.
        out: the folder of the tables; None is the checkout's `results/claims`.
        jobs: worker processes; 1 is this one.
        fresh: measure again what was measured before.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: there is no checkout; the folder is a file or holds a README.md of somebody else.
        StudyFailure: a folder is in use, a table is damaged, a claim that is needed has none.
        OSError: disk full, read-only folder.
    """
    collect_rarely()
    folder = root() / "results" / "claims" if out is None else out
    _require_own(folder)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    with locked(folder, notify):
        with stage_progress() as progress, workers(jobs) as executor:
            for name in names:
                run_claim(name, seeds, folder, executor=executor, fresh=fresh, progress=progress)
        found = judged(folder)
        write_atomically(folder / "README.md", ledger(found).encode())
        with stage_progress() as progress:
            _draw(found, names, folder, progress)
    if as_json:
        print(json.dumps({"claims": str(folder), **{name: _told(found[name][0]) for name in names}}, indent=1))
    elif len(names) == 1:
        print_claim(found[names[0]][0], folder)
    else:
        print_claims([found[name][0] for name in names], folder)


def _require_own(folder: Path) -> None:
    page = folder / "README.md"
    if is_folder(folder, "out") and page.exists() and not page.read_bytes().startswith(HEADING.encode()):
        raise BadInput(
            "out", str(folder), f"{page} is no ledger of claims and would be overwritten; choose another folder"
        )


def _draw(found: Mapping[str, Found], names: Sequence[str], folder: Path, progress: Progress) -> None:
    from quantstudy.show.canvas.page import png

    for done, name in enumerate(names):
        progress("draw", done, len(names))
        result, table, _ = found[name]
        write_atomically(folder / "figures" / f"{name}.png", png(drawing(name)(table, result)))
    progress("draw", len(names), len(names))


def _told(result: Judged) -> dict[str, Any]:
    def number(value: float) -> float | None:
        return value if math.isfinite(value) else None

    return {
        "says": result.claim.says,
        "verdict": result.verdict,
        "sentence": sentence(result),
        "main": result.claim.main,
        "parts": [
            {
                "part": outcome.part.name,
                "says": outcome.part.says,
                "mean": number(outcome.mean),
                "low": number(outcome.low),
                "high": number(outcome.high),
                "smallest": outcome.part.smallest,
                "seeds": outcome.seeds,
                "p": number(outcome.p),
                "decides": outcome.part.decides,
                "verdict": outcome.verdict,
            }
            for outcome in result.outcomes
        ],
    }

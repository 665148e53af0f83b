"""Random studies for as long as one likes: `make fuzz MINUTES=30`.

Every study has a seed of its own, which is printed with what was wrong and with the study, as small as a minute of
trying makes it, ready to be pasted into `corpus.py`. Ends with 1 if anything was found.
"""

import argparse
import collections
import itertools
import os
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from tests.fuzz.checks import check
from tests.fuzz.recomputed import Recomputed
from tests.fuzz.smaller import smaller
from tests.fuzz.studies import Case, case_of

ALONE = 40
"""One study in so many is run by a process of its own."""

SHRINKING = 60
"""Seconds in which smaller studies that fail alike are looked for."""


def main() -> int:
    """Try studies until the time is over; return how the command ends."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=30.0)
    asked.add_argument("--first", type=int, default=secrets.randbelow(10**9), help="seed of the first study")
    given = asked.parse_args()
    above = Path(tempfile.mkdtemp(prefix="fuzz-"))
    os.environ["XDG_CACHE_HOME"] = str(above / "cache")
    counts: collections.Counter[str] = collections.Counter()
    end, numbers = time.monotonic() + 60 * given.minutes, itertools.count()
    print(f"studies from seed {given.first} on, for {given.minutes:g} minutes", flush=True)
    try:
        for number in itertools.count(given.first):
            if time.monotonic() >= end:
                break
            case = replace(case_of(number), alone=number % ALONE == 0)
            problem = tried(case, above / str(next(numbers)), counts)
            if problem is not None:
                counts["found"] += 1
                _tell(number, case, problem, above / str(next(numbers)), end)
    finally:
        shutil.rmtree(above, ignore_errors=True)
    told = ", ".join(f"{counts[what]} {what}" for what in ("studies", "refused", "compared", "tight", "found"))
    print(f"from seed {given.first} on: {told}")
    return 1 if counts["found"] else 0


def tried(case: Case, here: Path, counts: collections.Counter[str]) -> Exception | None:
    """Check one study; return what was wrong."""
    counts["studies"] += 1
    try:
        found: Recomputed = check(case, here)
    except Exception as problem:
        return problem
    counts["refused"] += not found.ran
    counts["compared"] += len(found.unsure)
    counts["tight"] += found.tight
    return None


def _tell(number: int, case: Case, problem: Exception, here: Path, end: float) -> None:
    """Print what was wrong with a study and the smallest one found that fails alike."""
    print(f"\nseed {number}:", flush=True)
    if not isinstance(problem, AssertionError):
        traceback.print_exception(problem, file=sys.stdout)
    print(f"{problem}\n\n{case.toml()}", flush=True)
    least = smaller(case, problem, here, min(end, time.monotonic() + SHRINKING))
    if least != case:
        print(f"and smaller:\n\n{least.toml()}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

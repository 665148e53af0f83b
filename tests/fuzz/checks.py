"""One study from the command to its records: everything that must hold of it."""

import shutil
from pathlib import Path

import tomli_w

from quantstudy.show.names import ADDED, FIGURE_NAMES, VARIED
from tests.fuzz.command import Answer, alone, place, report, within
from tests.fuzz.folder import Folder, readable, same_records
from tests.fuzz.justified import justify
from tests.fuzz.recomputed import Recomputed, recompute
from tests.fuzz.studies import EITHER, REFUSED, Case

RUN = ("run", "study.toml", "--out", "found", "--jobs", "1")


def check(case: Case, here: Path) -> Recomputed:
    """Run a study in a new folder, check all that it leaves, and remove it.

    Raises:
        AssertionError: something is wrong; a note has the study, as the corpus keeps it.
    """
    place(here)
    try:
        return _check(case, here)
    except Exception as error:
        error.add_note(case.toml())
        raise
    finally:
        shutil.rmtree(here, ignore_errors=True)


def _check(case: Case, here: Path) -> Recomputed:
    (here / "study.toml").write_text(tomli_w.dumps(case.study), "utf-8")
    answer = _ask(case, here)
    _speaks_in_lines(answer)
    if answer.code != 0:
        _may_end_so(case, answer, here)
        return Recomputed()
    assert not case.outside & {*REFUSED}, f"taken, and must be refused: {case.outside & {*REFUSED}}"
    folder = Folder(here / "found")
    figures = FIGURE_NAMES if case.alone else case.figures
    left_out = (*VARIED, *ADDED) if case.study["quick"] else ("engines",)
    readable(folder, [name for name in figures if name not in left_out])
    found = recompute(folder)
    justify(folder)
    before = folder.contents()
    again = _ask(case, here)
    assert again.code == 0, f"a second run ended with {again}"
    same_records(before, folder.contents())
    _judged_again(folder, case, here)
    return found


def _ask(case: Case, here: Path) -> Answer:
    return alone(RUN, here) if case.alone else within(RUN, here, case.figures)


def _speaks_in_lines(answer: Answer) -> None:
    """Check that standard error has lines for the user and nothing else."""
    assert answer.code in (0, 1, 2), f"it ended with {answer.code}:\n{answer.error}"
    strange = [line for line in answer.error.splitlines() if not line.startswith(("quantstudy: ", "zoo: "))]
    assert not strange, f"on standard error:\n{answer.error}"
    if answer.code == 2:
        assert len(answer.error.splitlines()) == 1, answer.error


def _may_end_so(case: Case, answer: Answer, here: Path) -> None:
    """Check that a study without odd functions is not refused, and one that is leaves nothing."""
    assert case.outside & {*EITHER, *REFUSED}, f"a valid study ended with {answer.code}: {answer.error}"
    assert answer.code == 2, f"it failed: {answer.error}"
    assert not (here / "found").exists(), "refused, but something was written"


def _judged_again(folder: Folder, case: Case, here: Path) -> None:
    """Check that a report from the records gives the same verdict."""
    before = (folder.path / "verdict.json").read_bytes()
    if case.alone:
        answer = alone(("report", "found"), here)
        assert answer.code == 0, f"report ended with {answer}"
    else:
        report(folder.path)
    assert (folder.path / "verdict.json").read_bytes() == before, "report gives another verdict than run"

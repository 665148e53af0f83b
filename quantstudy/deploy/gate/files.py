"""The outcome of a gate as files for others: JUnit XML for what watches builds, Markdown for a summary."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from quantstudy.config.gate import GateConfig
from quantstudy.deploy.gate.outcome import FAIL, PASS, UNDECIDED
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.files import write_atomically
from quantstudy.records.folders import require_place

SUITE = "quantstudy gate"


class Case(NamedTuple):
    """What was asked, as a case of a test.

    Attributes:
        name: of what was asked.
        outcome: PASS, FAIL or UNDECIDED.
        says: the outcome in a sentence.
    """

    name: str
    outcome: str
    says: str


def junit(cases: Sequence[Case]) -> bytes:
    """Return JUnit XML, a test case per case.

    One that is undecided is an `error`: it is not green anywhere, where one that is `skipped` often is.

    >>> print(junit([Case("all limits", UNDECIDED, "5 of 8 networks")]).decode().splitlines()[1][:70])
    <testsuites tests="1" failures="0" errors="1"><testsuite name="quantst
    """
    counts = {"tests": len(cases)}
    counts |= {key: sum(case.outcome == outcome for case in cases) for key, outcome in _TAGS.items()}
    numbers = {key: str(count) for key, count in counts.items()}
    root = ElementTree.Element("testsuites", numbers)
    suite = ElementTree.SubElement(root, "testsuite", {"name": SUITE, **numbers})
    for case in cases:
        entry = ElementTree.SubElement(suite, "testcase", {"classname": "quantstudy.gate", "name": _sayable(case.name)})
        says = _sayable(case.says)
        if case.outcome == PASS:
            ElementTree.SubElement(entry, "system-out").text = says
        else:
            tag = "failure" if case.outcome == FAIL else "error"
            ElementTree.SubElement(entry, tag, {"type": case.outcome, "message": says})
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


_TAGS = {"failures": FAIL, "errors": UNDECIDED}


def _sayable(text: str) -> str:
    """Return a text without what XML can't hold: names of folders may have any sign."""
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def markdown(title: str, lines: Sequence[str], headings: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return a summary in Markdown: a title, sentences, a table.

    >>> print(markdown("gate: pass", ["All of them."], ["limit"], [["a|b & <c>"]]).decode())
    ## gate: pass
    <BLANKLINE>
    - All of them.
    <BLANKLINE>
    | limit |
    |---|
    | a\\|b &amp; &lt;c> |
    <BLANKLINE>
    """
    table = [headings, ["---"] * len(headings), *rows]
    written = ["| " + " | ".join(map(_escaped, row)) + " |" for row in table]
    written[1] = "|" + "---|" * len(headings)
    said = [f"- {_escaped(line)}" for line in lines]
    return ("\n".join([f"## {_escaped(title)}", "", *said, "", *written]) + "\n").encode("utf-8", "replace")


def _escaped(text: str) -> str:
    """Return a text that Markdown shows as it is: no tags, no new column."""
    for sign, instead in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("*", "\\*"), ("_", "\\_"), ("`", "\\`")):
        text = text.replace(sign, instead)
    return _sayable(text)


def require_places(asked: GateConfig) -> None:
    """Check, before anything is computed, that files can be where they were asked for.

    Raises:
        BadInput: one can't be there (`folders.require_place`), or both are the same.
    """
    for field in ("junit", "markdown"):
        if path := getattr(asked, field):
            require_place(Path(path), field)
    if asked.junit and asked.markdown and Path(asked.junit).resolve() == Path(asked.markdown).resolve():
        raise BadInput("markdown", asked.markdown, "another file than that of --junit is needed")


def write(path: str, data: bytes) -> None:
    """Write a file of the outcome, atomically.

    Raises:
        StudyFailure: it can't be written.
    """
    try:
        write_atomically(Path(path), data)
    except OSError as error:
        raise StudyFailure(f"{path} can't be written ({error.strerror or error}); choose another path") from None

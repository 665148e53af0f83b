"""What `quantstudy gate` does once its arguments are read: gate, write files, print, and say how it came out."""

import json

from quantstudy.cli.layout import say
from quantstudy.config.gate import GateConfig
from quantstudy.deploy.gate import files
from quantstudy.deploy.gate.outcome import FAIL, PASS, UNDECIDED
from quantstudy.engine.gate import gate
from quantstudy.words.gate import HEADINGS, cases, gate_lines, rows, title

CODES = {PASS: 0, FAIL: 3, UNDECIDED: 4}
"""How the command exits."""


def do_gate(target: str, asked: GateConfig, *, as_json: bool) -> int:
    """Gate a run or a table, write and print the outcome, and return the exit code.

    Args:
        target: the folder of a finished run, or a table.
        asked: the limits, and of what.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: there is no such run or table, or it has not what is asked for.
        StudyFailure: a record is missing or damaged, or a file of the outcome can't be written.
    """
    found = gate(target, asked)
    lines = gate_lines(found)
    if asked.junit:
        files.write(asked.junit, files.junit(cases(found)))
    if asked.markdown:
        files.write(asked.markdown, files.markdown(title(found), lines, HEADINGS, rows(found)))
    if as_json:
        print(json.dumps({**found, "summary": lines}, indent=1, allow_nan=False))
    else:
        print(title(found))
        for line in lines:
            say(line)
    return CODES[found["outcome"]]

"""Standard streams that are closed, full, read by nobody or unable to say «→»: no traceback, the right exit code."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from quantstudy.cli import streams
from quantstudy.records.run import Run

Shell = Callable[..., subprocess.CompletedProcess[bytes]]

COMMANDS = ["run {run}/study.toml --out {run}", "run {run}/study.toml --out {run} --json", "activations", "run --help"]


@pytest.fixture
def shell(tiny: Run, tmp_path: Path) -> Shell:
    """Run a command by a shell, with what its streams are redirected to; `{run}` is a finished run."""

    def run(command: str, redirected: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
        line = f"{sys.executable} -m quantstudy.cli.app {command.format(run=tiny.folder)} {redirected}"
        # PIPESTATUS: what counts is how the first of a pipe ends
        return subprocess.run(
            ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],
            capture_output=True,
            check=False,
            timeout=60,
            cwd=tmp_path,
            env={key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"} | environment,
        )

    return run


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_signs_that_an_encoding_does_not_have_are_said_in_others(shell: Shell, encoding: str) -> None:
    done = shell("run --help", PYTHONIOENCODING=encoding, COLUMNS="120")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "W,W,..." in done.stdout.decode(encoding)
    done = shell("run --activations «→−…é", PYTHONIOENCODING=encoding)
    assert done.returncode == 2
    said = {"ascii": r"""'"->-...\xe9'""", "latin-1": "'«->-...é'"}[encoding]
    assert said in done.stderr.decode(encoding)


def test_an_encoding_that_knows_all_of_them_is_left_alone(shell: Shell) -> None:
    assert "W,W,…" in shell("run --help", COLUMNS="120").stdout.decode()
    assert "«→−…é" in shell("run --activations «→−…é").stderr.decode()


def test_every_sign_that_the_program_prints_has_another_one() -> None:
    printed = {sign for room in ("words", "cli") for text in texts(room) for sign in text if ord(sign) > 127}
    assert {"…", "−", "×"} <= printed
    assert printed <= {*streams.IN_ASCII}
    for sign, other in streams.IN_ASCII.items():
        assert len(sign) == 1
        assert other.isascii()


def texts(room: str) -> Iterator[str]:
    """Every text in the files of a room that prints, without docstrings; what stands on figures is not printed."""
    files = (Path(streams.__file__).parents[1] / room).rglob("*.py")
    found = [path for path in files if "figures" not in path.parts]
    assert found
    for path in found:
        nodes = [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
        alone = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                yield node.value


def test_a_name_that_is_no_text_is_printed_as_it_is(shell: Shell, copy: Run, tmp_path: Path) -> None:
    copy.folder.rename(tmp_path / "bad\udcff")
    for encoding in ("utf-8", "ascii"):
        done = shell("run $'bad\\xff'/study.toml --out $'bad\\xff'", PYTHONIOENCODING=encoding)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"figures and page: bad\xff/report.html" in done.stdout


def test_a_line_is_one_whatever_a_name_holds(capfd: pytest.CaptureFixture[str]) -> None:
    streams.notify("a\nb\x1b[31m\x7f\ré")
    assert capfd.readouterr().err == "quantstudy: a\\nb\\x1b[31m\\x7f\\x0dé\n"


@pytest.mark.parametrize("command", [COMMANDS[1], pytest.param(COMMANDS[2], marks=pytest.mark.slow)])
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&-"])
def test_closed_streams(shell: Shell, command: str, closed: str, tiny: Run) -> None:
    done = shell(command, closed)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (done.stdout == b"") == (">&-" in closed.split())
    if done.stdout and "--json" in command:
        assert json.loads(done.stdout)["run"] == str(tiny.folder)


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-"])
def test_bad_input_on_closed_streams(shell: Shell, closed: str) -> None:
    done = shell("run --bits 1", closed)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """What is printed would go into it."""
    program = (
        "import os, sys; from quantstudy.cli import streams; streams.prepare(); file = open('file', 'w');"
        "print('lost'); print('lost', file=sys.stderr); os.write(1, b'lost'); os.system('echo lost; echo lost >&2')"
    )
    line = f'{sys.executable} -c "{program}" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", line], check=False, cwd=tmp_path).returncode == 0
    assert (tmp_path / "file").read_text() == ""


@pytest.mark.parametrize(("command", "unbuffered"), [*((command, "") for command in COMMANDS), (COMMANDS[0], "1")])
def test_a_pipe_that_nobody_reads(shell: Shell, command: str, unbuffered: str) -> None:
    """Its reader has ended before anything is printed."""
    done = shell(command, "| true", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def test_the_first_line_of_much(shell: Shell) -> None:
    done = shell("run {run}/study.toml --out {run} --json", "| head -1")
    assert (done.stdout, done.stderr) == (b"{\n", b"")


@pytest.mark.parametrize(("command", "unbuffered"), [*((command, "") for command in COMMANDS), (COMMANDS[0], "1")])
def test_a_full_disk_for_what_is_printed(shell: Shell, command: str, unbuffered: str) -> None:
    done = shell(command, "> /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"quantstudy: standard output: No space left on device\n"


@pytest.mark.parametrize("unread", ["2> /dev/full", "2>&1 >&- | true"])
def test_problems_that_can_not_be_told_keep_their_exit_code(shell: Shell, unread: str) -> None:
    assert shell("run --bits 1", unread).returncode == 2


def test_a_notice_that_can_not_be_told_ends_no_run() -> None:
    program = (
        "from quantstudy.cli import streams; streams.prepare(); streams.notify('a'); streams.notify('b'); print('done')"
    )
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "{program}" 2> /dev/full'], capture_output=True, check=True
    )
    assert done.stdout == b"done\n"


def test_a_broken_pipe_that_is_not_standard_output_is_told(
    monkeypatch: pytest.MonkeyPatch, command: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("quantstudy.cli.terminal.print_activations", broken)
    assert command("activations") == 1
    assert capfd.readouterr().err.startswith("quantstudy: Broken pipe; ")

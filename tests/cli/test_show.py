"""`quantstudy show` as it is typed: where it serves, what it refuses, how it ends, what it loads and leaves alone."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.pipeline import run_study
from quantstudy.records.run import Run
from tests.cli.test_bad_input import alone, run_folder

STUDY = StudyConfig(activations=("relu",), seeds=2, steps=20, batch=32, grid=9, hidden=(3, 2), bits=(4,), quick=True)
SHOW = (sys.executable, "-m", "quantstudy", "show")
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_study(STUDY, tmp_path_factory.mktemp("shown") / "run")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `quantstudy show` with arguments; it ends with the test."""
    begun: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> "subprocess.Popen[str]":
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        begun.append(subprocess.Popen([*SHOW, *arguments], text=True, cwd=tmp_path, **pipes))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()


def port_of(process: "subprocess.Popen[str]") -> int:
    """Wait for the line with the address."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\n", line)
    assert found, (line, process.poll())
    return int(found[1])


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


def test_a_finished_run(finished: Run, start: Start) -> None:
    before = listing(finished.folder)
    port = port_of(start(str(finished.folder)))
    code, headers, page = ask(port, "/")
    assert (code, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"</html>" in page
    state = json.loads(ask(port, "/state")[2])
    assert state["state"] == "complete"
    assert headers["Server-Timing"] == f'page;desc="{state["version"]}"'
    assert ask(port, "/figures/verdict.png")[2] == (finished.folder / "figures" / "verdict.png").read_bytes()
    assert ask(port, "/", "HEAD")[2] == b""
    for path in ("/manifest.json", "/report.html", "/../run/manifest.json", "/figures/%2e%2e/manifest.json", "//state"):
        assert ask(port, path)[0] == 404, path
    assert ask(port, "/", "POST")[0] == 405
    assert ask(port, "/", Host="evil.example")[0] == 421
    assert listing(finished.folder) == before


def test_a_run_that_has_hardly_begun(tmp_path: Path, start: Start) -> None:
    run_folder(tmp_path / "run", STUDY)
    before = listing(tmp_path)
    port = port_of(start("run"))
    state = json.loads(ask(port, "/state")[2])
    assert state["state"] == "running"
    assert state["progress"][0] == {"stage": "train", "done": 0, "total": 1, "text": "training networks: 0 of 1"}
    code, headers, page = ask(port, "/")
    assert (code, headers["Server-Timing"]) == (200, f'page;desc="{state["version"]}"')
    assert b"</html>" in page
    assert listing(tmp_path) == before


def test_the_folder_may_go_and_come_back(tmp_path: Path, start: Start) -> None:
    folder = run_folder(tmp_path / "run", STUDY)
    port = port_of(start("run"))
    folder.rename(tmp_path / "away")
    code, headers, page = ask(port, "/")
    assert (code, headers["Retry-After"]) == (503, "2")
    assert b"There is no run to show now" in page
    assert json.loads(ask(port, "/state")[2])["state"] == "unavailable"
    (tmp_path / "away").rename(folder)
    assert ask(port, "/")[0] == 200


def test_a_port_of_ones_own(tmp_path: Path, start: Start) -> None:
    run_folder(tmp_path / "run", STUDY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start("run", "--port", str(port))
    assert port_of(process) == port
    assert ask(port, "/state", Host=f"localhost:{port}")[0] == 200
    refused = alone(*SHOW, "run", "--port", str(port), cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        f"quantstudy: port: {port} is not allowed; another program listens there; "
        "take another one, or none for one that is free\n"
    )
    assert ask(port, "/state")[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_it_is_told_to(tmp_path: Path, start: Start, number: int) -> None:
    """At once, even while a client keeps it waiting."""
    run_folder(tmp_path / "run", STUDY)
    process = start("run")
    port = port_of(process)
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert ask(port, "/state")[0] == 200
        silent.sendall(b"GET /")
        began = time.monotonic()
        process.send_signal(number)
        out, told = process.communicate(timeout=60)
    assert time.monotonic() - began < 5
    assert out == ""
    if number == signal.SIGINT:
        assert process.returncode == 130
        assert re.fullmatch(r"quantstudy: interrupted; go on with: quantstudy show run\n", told)
    else:
        assert (process.returncode, told) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("port", ["0", "-1", "65536", "http", "80.5", "", "nan", "9" * 5000])
def test_ports_that_there_are_not(
    tmp_path: Path, command: Callable[..., Any], capfd: pytest.CaptureFixture[str], port: str
) -> None:
    run_folder(tmp_path / "run", STUDY)
    assert command("show", str(tmp_path / "run"), "--port", port) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert re.fullmatch(r"quantstudy: port: .* is not allowed; whole numbers from 1 to 65535.*\n", told.err)


@pytest.mark.parametrize("name", ["absent", "file", "empty", "file/below", ""])
def test_what_is_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any],
    capfd: pytest.CaptureFixture[str], name: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    assert command("show", name) == 2
    told = capfd.readouterr()
    assert told.out == ""
    needed = "a run folder is needed (it holds study.toml and manifest.json)"
    assert told.err == f"quantstudy: RUN: '{name or '.'}' is not allowed; {needed}\n"


def test_a_port_that_is_not_permitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    """Whoever runs the tests may be permitted each."""
    run_folder(tmp_path / "run", STUDY)

    def bind(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("socketserver.TCPServer.server_bind", bind)
    assert command("show", str(tmp_path / "run"), "--port", "80") == 2
    assert "port: 80 is not allowed; the system does not permit it; take one from 1024 on" in capfd.readouterr().err


LOADED = """
import sys
from pathlib import Path
from quantstudy.cli import app, show
from quantstudy.show.serve import answer
with show.server_of(Path(sys.argv[1]), 0) as server:
    head = f"GET / HTTP/1.1\\r\\nHost: localhost:{server.port}".encode()
    print(answer(head, server.site, server.port)[:12].decode())
print(*sorted({"torch", "torchao", "numba", "matplotlib"} & set(sys.modules)))
"""


def test_no_torch_is_loaded(finished: Run, tmp_path: Path) -> None:
    run_folder(tmp_path / "begun", STUDY)
    for folder in (finished.folder, tmp_path / "begun"):
        done = alone(sys.executable, "-W", "error", "-c", LOADED, str(folder))
        assert (done.stdout, done.stderr) == ("HTTP/1.1 200\n\n", "")


def test_a_folder_that_can_not_be_written(finished: Run, tmp_path: Path, start: Start) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere; that nothing is written is tested above")
    folders = [finished.folder, *(path for path in finished.folder.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert ask(port_of(start(str(finished.folder))), "/")[0] == 200
    finally:
        for folder in folders:
            folder.chmod(0o755)

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from quantstudy.engine import engines
from quantstudy.engine.engines import engine, require_engine
from quantstudy.engine.executors import ThisProcess
from quantstudy.engine.same import THREADS, wanted, whoami
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.provenance import version

OUTSIDE = """
from concurrent.futures import Executor, Future

ended = []

class Mine(Executor):
    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        future.set_result(("mine", fn(*args, **kwargs)))
        return future

    def shutdown(self, wait=True, *, cancel_futures=False):
        ended.append((wait, cancel_futures))

class Old(Mine):
    def shutdown(self, wait=True):
        ended.append(wait)

def begin():
    print("started")
    return Mine()

def no_executor(): return 3
def nothing(): pass
def fails(): raise OSError("no such queue")
number = 4
"""

counter = itertools.count()


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's in the current folder; its name."""
    name = f"outside{next(counter)}"
    (tmp_path / f"{name}.py").write_text(OUTSIDE)
    monkeypatch.chdir(tmp_path)
    return name


def refused(name: str, address: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        require_engine(name, address)
    with pytest.raises(BadInput), engine(name, 1, address):
        raise AssertionError("it was begun all the same")
    return str(caught.value)


def test_an_unknown_engine_is_refused_with_the_choices() -> None:
    told = "engine: 'prozesses' is not allowed; did you mean processes? allowed: processes, dask, module:function"
    assert refused("prozesses") == told


def test_processes_are_the_workers_of_a_study() -> None:
    with engine("processes", 1) as executor:
        assert isinstance(executor, ThisProcess)
        assert executor.submit(os.getpid).result() == os.getpid()


def test_an_engine_from_outside(outside: str, capfd: pytest.CaptureFixture[str]) -> None:
    require_engine(f"{outside}:begin")
    assert capfd.readouterr().err == "", "nothing is begun by the check"
    with engine(f"{outside}:begin", 1) as executor:
        assert executor.submit(max, 2, 3).result() == ("mine", 3)
    assert sys.modules[outside].ended == [(False, False)]
    assert capfd.readouterr() == ("", "started\n"), "standard output is the command's"


@pytest.mark.parametrize("error", [KeyboardInterrupt, StudyFailure])
def test_an_engine_from_outside_is_told_of_an_end(outside: str, error: type[BaseException]) -> None:
    with pytest.raises(error), engine(f"{outside}:begin", 1):
        raise error
    assert sys.modules[outside].ended == [(False, True)]
    with pytest.raises(error), engine(f"{outside}:Old", 1):
        raise error
    assert sys.modules[outside].ended[1:] == [False]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("number", "a function without arguments is needed, not int"),
        ("nowhere", "module:function must be importable (AttributeError: module '{0}' has no attribute 'nowhere')"),
    ],
)
def test_what_is_no_function_is_refused(outside: str, function: str, why: str) -> None:
    told = f"engine: '{outside}:{function}' is not allowed; {why.format(outside)}"
    assert refused(f"{outside}:{function}") == told


def test_a_module_that_is_not_there_is_refused() -> None:
    assert "(ModuleNotFoundError: No module named 'no_such_module')" in refused("no_such_module:begin")


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("no_executor", "the function must return a concurrent.futures.Executor; it returned an int"),
        ("nothing", "the function must return a concurrent.futures.Executor; it returned None"),
        ("fails", "it failed (OSError: no such queue)"),
    ],
)
def test_what_returns_no_executor_is_refused(outside: str, function: str, why: str) -> None:
    with pytest.raises(BadInput) as caught, engine(f"{outside}:{function}", 1):
        pass
    assert str(caught.value) == f"engine: '{outside}:{function}' is not allowed; {why}"


def test_without_the_extra_the_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    assert refused("dask").endswith("it needs distributed: pip install 'quantstudy[dask]'")


@pytest.mark.parametrize("name", ["processes", "no_such_module:begin"])
def test_only_dask_has_an_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_function_at", lambda name: ThisProcess)
    with pytest.raises(BadInput) as caught:
        require_engine(name, "tcp://127.0.0.1:1")
    assert str(caught.value).startswith("address: 'tcp://127.0.0.1:1' is not allowed; only --engine dask has")


def test_the_other_engines_load_no_dask(python: Callable[..., str]) -> None:
    code = (
        "import sys, quantstudy.engine.engines as e\ne.require_engine('processes')\nwith e.engine('processes', 1): pass"
    )
    assert python(f"{code}\nprint({{'dask', 'distributed', 'torch'}} & {{*sys.modules}})") == "set()\n"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.engine import on_dask

    monkeypatch.setattr(on_dask, "PATIENCE", 0.3)


@pytest.mark.usefixtures("impatient")
def test_nobody_at_the_address(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    told = f"address: 'tcp://127.0.0.1:{port}' is not allowed; no Dask scheduler answered"
    assert refused("dask", f"tcp://127.0.0.1:{port}").startswith(told)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient")
def test_someone_else_at_the_address(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert "no Dask scheduler answered" in refused("dask", address)
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("address", ["somewhere", "http://127.0.0.1:80", "tls://127.0.0.1:1"])
def test_what_is_no_address(address: str) -> None:
    assert "tcp://HOST:PORT of a scheduler is needed (" in refused("dask", address)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
def test_a_cluster_of_this_machine(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    from quantstudy.engine import on_dask

    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "2")
    assert not listening(8787), "something else listens there, so that nothing can be told"
    before = {name: os.environ.get(name) for name in (*THREADS, "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")}
    with engine("dask", 2) as executor:
        assert isinstance(executor, on_dask.OnDask)
        assert executor.width() == 2
        assert not listening(8787)
        assert [executor.submit(os.getenv, name).result() for name in THREADS] == ["1", "1", "2", "1"]
        assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", executor.submit(whoami).result())
        assert executor.submit(int, "ff", base=16).result() == 255
        failed = executor.submit(os.stat, "/nowhere").exception()
        assert isinstance(failed, FileNotFoundError)
        assert executor.explained(failed) is None
        blocked = executor.submit(signal.pthread_sigmask, signal.SIG_BLOCK, ()).result()
        assert signal.SIGINT in blocked, "a terminal sends it to all processes"
        os.kill(executor.submit(os.getpid).result(), signal.SIGKILL)
        assert executor.submit(abs, -3).result(timeout=30) == 3
        monkeypatch.setattr(on_dask, "wanted", lambda: replace(wanted(), arithmetic=-1))
        with pytest.raises(StudyFailure, match=r"^at tcp://\S+ worker \S+ computes with arithmetic \d+, "):
            on_dask.require_same(executor)
    assert {name: os.environ.get(name) for name in before} == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_an_interrupted_cluster_ends_at_once(tmp_path: Path) -> None:
    """Asked to end, a worker would first finish what it does, for some seconds at least."""
    began: list[int] = []

    def interrupted() -> None:
        with engine("dask", 1) as executor:
            began.append(executor.submit(os.getpid).result())
            code = "import pathlib, time; {0}('begun').touch(); time.sleep(2); {0}('finished').touch()"
            executor.submit(exec, code.format(f"pathlib.Path('{tmp_path}').joinpath"))
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ProcessLookupError):
        os.kill(began[0], 0)
    assert not (tmp_path / "finished").exists()


@pytest.fixture
def bare_cluster(tmp_path: Path) -> Iterator[str]:
    """A scheduler and a worker where this package can't be imported; the scheduler's address."""
    (tmp_path / "quantstudy.py").write_text("raise ModuleNotFoundError(\"No module named 'quantstudy'\")")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    begun: list[subprocess.Popen[bytes]] = []

    def begin(what: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, "--no-dashboard"]
        with (tmp_path / what).open("wb") as log:
            begun.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=log))

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    begin("scheduler", "--host", "127.0.0.1", "--port", str(port))
    begin("worker", f"tcp://127.0.0.1:{port}", "--no-nanny", "--nthreads", "1")
    until = time.monotonic() + 30
    while b"Registered to" not in (tmp_path / "worker").read_bytes() and time.monotonic() < until:
        time.sleep(0.05)
    yield f"tcp://127.0.0.1:{port}"
    for process in begun:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_worker_without_this_package_is_named(
    bare_cluster: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from quantstudy.engine import on_dask

    capfd.readouterr()
    require_engine("dask", bare_cluster)
    needed = rf"^worker tcp://\S+ can't run cells \(No module named 'quantstudy'\): quantstudy {version('quantstudy')} "
    with pytest.raises(StudyFailure, match=needed), engine("dask", 1, bare_cluster):
        pass
    monkeypatch.setattr(on_dask, "require_same", lambda executor: None)  # as if it had come later
    with engine("dask", 1, bare_cluster) as executor:
        assert isinstance(executor, on_dask.OnDask)
        monkeypatch.undo()
        error = executor.submit(whoami).exception()
        assert error is not None
        assert re.match(needed, str(executor.explained(error)))
    assert capfd.readouterr() == ("", "")

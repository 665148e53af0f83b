import os
import socket
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from quantstudy.engine import same
from quantstudy.engine.cells import COMPUTE
from quantstudy.engine.same import THREADS, pin_threads, refusal, wanted, whoami
from quantstudy.records.provenance import version

HERE = f"{socket.gethostname()}:{os.getpid()}"


def test_what_a_driver_wants_it_has_itself() -> None:
    needed = wanted()
    assert refusal(needed) is None
    assert {*needed.versions} == {*COMPUTE}
    assert needed.versions["torch"] == version("torch")


def test_another_arithmetic_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = wanted()
    monkeypatch.setattr(same, "REVISION", needed.arithmetic - 1)
    before = f"worker {HERE} computes with arithmetic {needed.arithmetic - 1}, this sweep with {needed.arithmetic}"
    assert refusal(needed) == before


@pytest.mark.parametrize("name", COMPUTE)
def test_another_version_is_refused_by_name(name: str) -> None:
    needed = replace(wanted(), versions=wanted().versions | {name: "0.0.1"})
    assert refusal(needed) == f"worker {HERE} has {name} {version(name)}, this sweep 0.0.1"


def test_a_package_that_is_not_there_is_named() -> None:
    needed = replace(wanted(), versions={"no-such-package": "1.0"})
    assert refusal(needed) == f"worker {HERE} has no no-such-package, this sweep no-such-package 1.0"


def test_a_worker_of_dask_says_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_a_worker() -> SimpleNamespace:
        return SimpleNamespace(address="tcp://10.0.0.7:4000")

    def in_none() -> SimpleNamespace:
        raise ValueError("No worker found")

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=in_a_worker))
    assert whoami() == "tcp://10.0.0.7:4000"
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(get_worker=in_none))
    assert whoami() == HERE


@pytest.fixture
def unpinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is set, and none stays that is set in the test: `delenv` alone remembers only what was there."""
    for name in THREADS:
        monkeypatch.setenv(name, "0")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("unpinned")
def test_threads_are_pinned_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "numba", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    pin_threads()
    assert [os.environ[name] for name in THREADS] == ["1", "3", "1", "1"]


@pytest.mark.usefixtures("unpinned")
def test_what_numba_has_read_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace())
    pin_threads()
    assert {name for name in THREADS if name in os.environ} == {*THREADS[1:]}

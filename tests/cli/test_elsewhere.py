"""Systems other than Linux: what they lack is missed by nothing on the way to help, traits and refusals."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.engine.interrupts import interrupts_wait
from quantstudy.records import cache

ROOT = Path(__file__).resolve().parents[2]

WITHOUT = """
import os, signal, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None  # importing it fails
for name in ("sched_getaffinity", "fork", "killpg", "getuid"):
    delattr(os, name)
for name in ("pthread_sigmask", "pthread_kill", "SIGKILL", "SIGBUS"):
    delattr(signal, name)
sys.argv = ["quantstudy", *{arguments}]
from quantstudy.cli.app import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "report"),
        (["run", "--help"], 0, "--activations"),
        (["--version"], 0, "quantstudy "),
        (["activations"], 0, "hardgelu"),
        (["run", "--bits", "99"], 2, "whole numbers from 2 to 16"),
        (["run", "--jobs", "0"], 2, "whole numbers from 1 to 256"),
        (["report", "absent"], 2, "a run folder is needed"),
    ],
)
def test_what_needs_no_posix(arguments: list[str], code: int, said: str) -> None:
    program = WITHOUT.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_waits_where_no_signal_can_be_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    monkeypatch.delattr(signal, "pthread_sigmask")
    reached = []
    with pytest.raises(KeyboardInterrupt), interrupts_wait():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        reached.append("the end of the block")
    assert reached


def test_a_user_without_a_home_has_no_cache_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    told: list[str] = []
    assert cache.load_stack("key", pytest.fail) is None
    cache.store_stack("key", {}, told.append)
    assert told == ["the trained networks are not cached: this user has no home: set XDG_CACHE_HOME"]


def test_a_user_without_a_home_has_its_kernels_compiled_each_time(python: Callable[..., str]) -> None:
    program = (
        "import os, pathlib\n"
        "def no_home(): raise RuntimeError('no home')\n"
        "pathlib.Path.home = no_home\n"
        "os.environ.pop('XDG_CACHE_HOME'); os.environ.pop('NUMBA_CACHE_DIR')\n"
        "from quantstudy_kernels.cpu.jit import cache_problem, compiled\n"
        "assert compiled()(lambda x: x + 1)(2) == 3\n"
        "print(cache_problem())"
    )
    assert python(program).endswith("each process compiles them again: this user has no home: set XDG_CACHE_HOME\n")


def test_what_is_said_of_systems_is_said_where_one_looks() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    systems = [line for line in project["classifiers"] if line.startswith("Operating System")]
    assert systems == ["Operating System :: POSIX :: Linux"]  # the only one that the tests run on
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for system in ("Linux", "macOS", "Windows", "WSL"):
        assert system in readme

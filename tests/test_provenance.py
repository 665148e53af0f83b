import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from quantstudy import provenance


def test_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    found = provenance.versions()
    assert found["python"] == platform.python_version()
    for name in ("quantstudy", "torch", "torchao", "numpy", "noise", "scipy", "contourpy", "scikit-image", "pyarrow"):
        assert re.match(r"\d+\.\d+", found[name])
    real = provenance.version

    def without_triton(name: str) -> str:
        if name == "triton":
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(provenance, "version", without_triton)
    assert "triton" not in provenance.versions()
    assert set(found) - {"triton"} == set(provenance.versions())


def test_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.processor().strip()

    def text(self: Path) -> str:
        return "processor\t: 0\nmodel name\t: Some CPU: fast\n"

    def absent(self: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", text)
    assert provenance.processor() == "Some CPU: fast"
    monkeypatch.setattr(Path, "read_text", lambda self: "no such line")
    assert provenance.processor() == (platform.processor() or platform.machine())
    monkeypatch.setattr(Path, "read_text", absent)
    assert provenance.processor() == (platform.processor() or platform.machine())


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


def test_the_commit_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "quantstudy" / "provenance.py"
    source.parent.mkdir()
    source.write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(source))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert provenance.commit() is None
    git(tmp_path, "init")
    assert provenance.commit() is None  # inside a checkout, but not part of it: an installed copy in a virtualenv
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "one")
    clean = provenance.commit()
    assert clean is not None
    assert re.fullmatch(r"[0-9a-f]{7,}", clean)
    os.utime(source, (1e9, 1e9))  # git would note that the file is still the same, if it may lock the index for it
    index = (tmp_path / ".git" / "index").read_bytes()
    assert provenance.commit() == clean
    assert (tmp_path / ".git" / "index").read_bytes() == index
    source.write_text("x = 2\n")
    assert provenance.commit() == f"{clean}-dirty"


def test_no_git_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", absent)
    assert provenance.commit() is None


def test_it_loads_no_torch() -> None:
    program = "import sys, quantstudy.provenance as p; p.versions(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

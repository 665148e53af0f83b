import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from quantstudy.records import provenance


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


CPUINFO = """processor\t: 0
vendor_id\t: GenuineSome
cpu family\t: 6
model\t\t: 143
model name\t: Some CPU: fast
stepping\t: 8
flags\t\t: fpu sse4_1 fma avx avx2 avx512f avx512_vnni ht

processor\t: 1
model name\t: another
"""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str | None], dict[str, Any]]]:
    """Return a function: what /proc/cpuinfo says, None if it is not there → what is made of it."""

    def processor(text: str | None) -> dict[str, Any]:
        def read(self: Path) -> str:
            if text is None:
                raise FileNotFoundError
            return text

        monkeypatch.setattr(Path, "read_text", read)
        provenance.processor.cache_clear()
        return provenance.processor()

    yield processor
    provenance.processor.cache_clear()


def test_the_processor(told: Callable[[str | None], dict[str, Any]]) -> None:
    assert told(CPUINFO) == {
        "name": "Some CPU: fast",
        "vendor": "GenuineSome",
        "family": 6,
        "model": 143,
        "stepping": 8,
        "instruction_sets": ["avx", "avx2", "avx512f", "avx512vnni", "fma", "sse41"],
    }
    assert told(CPUINFO.replace(": 8", ": unknown"))["stepping"] is None


@pytest.mark.parametrize("text", [None, "no such line", "model name\t: Some CPU"])
def test_where_linux_does_not_say_it_llvm_does(
    told: Callable[[str | None], dict[str, Any]], text: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llvmlite import binding

    features = {"avx512vnni": False, "fma": True, "sse4.1": True, "amx-tile": True, "cx16": True, "avx": True}
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: features)
    found = told(text)
    assert found["instruction_sets"] == ["amxtile", "avx", "fma", "sse41"]
    assert found["name"] == ("Some CPU" if text and "model" in text else platform.processor() or platform.machine())
    assert [found[key] for key in ("vendor", "family", "model", "stepping")] == [None] * 4


def test_linux_and_llvm_mean_the_same() -> None:
    if "flags" not in provenance._cpuinfo():
        pytest.skip("no Linux on x86")
    plain = {re.sub("[-_.]", "", name) for name in provenance._features()}
    assert provenance.processor()["instruction_sets"] == sorted(plain & provenance.INSTRUCTION_SETS)


def test_a_processor_in_words(told: Callable[[str | None], dict[str, Any]]) -> None:
    assert provenance.described(told(CPUINFO)) == "Some CPU: fast (family 6, model 143, stepping 8, AVX2)"
    assert provenance.described(told("model name\t: x\nflags\t: avx2")) == "x (neither AVX-512 nor AVX2 with FMA)"


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
    table = tmp_path / "results" / "claims" / "one.parquet"
    table.parent.mkdir(parents=True)
    table.write_text("what was measured")
    git(tmp_path, "add", ".")
    assert provenance.commit() == clean
    new = tmp_path / "experiments" / "claims" / "new.py"
    new.parent.mkdir(parents=True)
    new.write_text("y = 1\n")  # never added
    assert provenance.commit() == f"{clean}-dirty"
    new.unlink()
    (tmp_path / "experiments" / "LOG.md").write_text("a note")
    assert provenance.commit() == clean
    source.write_text("x = 2\n")
    assert provenance.commit() == f"{clean}-dirty"


def test_no_git_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", absent)
    assert provenance.commit() is None


def test_it_loads_no_torch() -> None:
    program = (
        "import sys, quantstudy.records.provenance as p; p.versions(), p.processor(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

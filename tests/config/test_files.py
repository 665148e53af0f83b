"""Study files as editors leave them: marks of byte order, other encodings, line ends, pipes."""

import codecs
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.multiverse import read_multiverse
from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import read_toml
from quantstudy.errors import BadInput

TEXT = 'name = "mine"\nseeds = 3\n'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_mark_of_byte_order_is_no_part_of_the_text(tmp_path: Path, mark: bytes, ends: str) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(mark + TEXT.replace("\n", ends).encode())
    assert read_toml(path) == StudyConfig(name="mine", seeds=3)
    path.write_bytes(mark + (TEXT + "[multiverse]\nlr = [0.1]\n").replace("\n", ends).encode())
    assert read_multiverse(path).lr == (0.1,)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1"])
@pytest.mark.parametrize("name", ["run", "multiverse"])
def test_other_encodings_are_refused_in_one_line(
    tmp_path: Path, command: Callable[..., Any], capfd: pytest.CaptureFixture[str], encoding: str, name: str
) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes((TEXT + "# é").encode(encoding))
    assert command(name, str(path)) == 2
    begin, *_, end = capfd.readouterr().err.split(" is not allowed; ")
    assert begin.startswith("quantstudy: STUDY.toml: '/")  # a long path is cut
    assert end == "a readable TOML file is needed (not UTF-8 text)\n"
    assert [found.name for found in tmp_path.iterdir()] == ["study.toml"]


def test_ascii_in_two_bytes_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(TEXT.encode("utf-16-le"))  # bytes of zero between, which UTF-8 has as well
    with pytest.raises(BadInput, match="not valid TOML"):
        read_toml(path)


def test_a_study_out_of_a_pipe() -> None:
    line = f"{sys.executable} -m quantstudy.cli.app run <(echo 'seeds = 0')"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert "seeds: 0 is not allowed" in done.stderr


@pytest.mark.parametrize("jobs", ["0", "257", "two", ""])
def test_the_processes_of_a_report_are_checked_like_all(
    command: Callable[..., Any], capfd: pytest.CaptureFixture[str], jobs: str
) -> None:
    assert command("report", "absent", "--jobs", jobs) == 2
    shown = jobs if jobs.isdigit() else repr(jobs)
    assert capfd.readouterr().err.startswith(f"quantstudy: jobs: {shown} is not allowed; whole numbers from 1 to 256")

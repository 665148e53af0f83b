"""`quantstudy compact`: one line each for what was done and for what is wrong."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from quantstudy.records.objects import objects_at
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import table_of
from tests.records.made_up import cell_rows, put_made_up, rows_of

Command = Callable[..., Any]


def test_a_folder_is_compacted(tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    objects = objects_at(str(tmp_path))
    objects.put("manifest.json", b'{"kind": "sweep"}')
    for number in range(3):
        put_made_up(objects, "relu", number)
    assert command("compact", str(tmp_path)) == 0
    out, err = capsys.readouterr()
    assert " ".join(out.split()).startswith("3 cells compacted, tables of 0.0 MB: 1 file of 0.1 MB in ")
    assert err == ""
    assert command("compact", str(tmp_path)) == 0
    assert "are compacted already" in " ".join(capsys.readouterr().out.split())
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("relu", number) for number in range(3)])


def test_what_is_no_sweep_is_refused_and_left_alone(
    tmp_path: Path, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path, tmp_path / "nothing"):
        assert command("compact", str(place)) == 2
        assert "DIR: " in (err := capsys.readouterr().err)
        assert "the place of a sweep is needed" in err
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_it_says_how_to_install_it(
    command: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(loaded, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    assert command("compact", "s3://bucket/x") == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "pip install 'quantstudy[s3]'" in err


def test_a_secret_in_a_url_is_not_repeated(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("compact", "s3://AKIAIOSFODNN7:wJalrXUtnFEMI@bucket/x") == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1
    assert not any(secret in out + err for secret in ("AKIA", "wJalr"))

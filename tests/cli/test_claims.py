"""`quantstudy claim` and `quantstudy claims` as a user meets them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from quantstudy.claims import checkout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["claim", "dead_neuron"],
            "claim: 'dead_neuron' is not allowed; did you mean dead_neurons? allowed: ",
        ),
        (["claim", "dead_neurons", "--seeds", "0"], "seeds: 0 is not allowed; whole numbers from 1 to 1000"),
        (["claim", "dead_neurons", "--seeds", "2.5"], "seeds: '2.5' is not allowed; whole numbers from 1 to 1000"),
        (["claims", "--seeds", "1001"], "seeds: 1001 is not allowed; whole numbers from 1 to 1000"),
        (["claims", "--jobs", "none"], "jobs: 'none' is not allowed; whole numbers from 1 to 256"),
        (["claims", "--out", ""], "out: '' is not allowed; the path of a folder is needed"),
        (["claim"], "Missing argument 'NAME'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(command, capsys, tmp_path, monkeypatch, arguments, line):
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"quantstudy: {line}")
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_somebody_else_is_overwritten(command, capsys, tmp_path):
    page, file = tmp_path / "README.md", tmp_path / "file"
    page.write_text("# Mine\n")
    file.touch()
    for out, why in ((tmp_path, "is no ledger of claims and would be overwritten"), (file, "a folder is needed")):
        assert command("claim", "capacity", "--seeds", "1", "--out", str(out)) == 2
        told, err = capsys.readouterr()
        assert (told, len(err.splitlines())) == ("", 1)
        assert err.startswith(f"quantstudy: out: '{out}' is not allowed")
        assert why in err
    assert page.read_text() == "# Mine\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "file"]


@pytest.mark.parametrize("arguments", [["claim", "dead_neurons"], ["claims"]])
def test_without_a_checkout_it_is_one_line(command, capsys, tmp_path, monkeypatch, arguments):
    installed = tmp_path / "site-packages" / "quantstudy" / "claims" / "checkout.py"
    monkeypatch.setattr(checkout, "__file__", str(installed))
    assert command(*arguments, "--out", str(tmp_path / "out")) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert "claims are files of a checkout" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_one_claim_from_the_command_line(command, capsys, tmp_path):
    out = tmp_path / "my claims"
    assert command("claim", "even-buckets", "--seeds", "2", "--jobs", "1", "--out", str(out)) == 0
    text, err = capsys.readouterr()
    assert err == ""
    assert "even_buckets: undecided" in text
    files = {path.name for path in out.rglob("*") if path.is_file()} - {".lock"}
    assert files == {"README.md", "even_buckets.parquet", "even_buckets.png"}
    assert command("claim", "even_buckets", "--seeds", "2", "--jobs", "1", "--out", str(out), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["claims"] == str(out)
    assert told["even_buckets"]["verdict"] == "undecided"
    assert {part["seeds"] for part in told["even_buckets"]["parts"]} == {2}


def test_help_of_the_commands_loads_no_torch():
    code = (
        "import sys\nfrom quantstudy.cli.app import app\n"
        "try: app(['claims', '--help'], standalone_mode=False)\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_claims_stand_in_the_articles_order():
    files = {path.stem for path in (Path(checkout.root()) / "experiments" / "claims").glob("*.py")}
    assert files - {"__init__", "drawing"} == {*checkout.NAMES, *(f"{name}_figure" for name in checkout.NAMES)}

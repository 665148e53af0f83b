"""Runs with functions from outside that change, are gone, or fail later on."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from quantstudy.activations.functions import look_again
from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.cells import cell
from quantstudy.engine.multiverse import quoting_run
from quantstudy.engine.notices import once
from quantstudy.engine.pipeline import run_study
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.origins import require_same_functions
from quantstudy.records.run import open_run

CLAMP = "TOP = 13\n\ndef f(x):\n    return x.clamp(0, TOP)\n"
STUDY = StudyConfig(
    name="functions",
    activations=("relu", "mine_too:f"),
    seeds=2,
    steps=20,
    batch=32,
    grid=12,
    hidden=(4, 3),
    device="cpu",
    quick=True,
)


def writing(home):
    """Return a function: mine_too.py of a folder is this from now on, or not there."""

    def write(text):
        shutil.rmtree(home / "__pycache__", ignore_errors=True)
        sys.modules.pop("mine_too", None)
        look_again()
        (home / "mine_too.py").unlink(missing_ok=True)
        if text:
            (home / "mine_too.py").write_text(text)

    return write


@pytest.fixture
def mine(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    write = writing(home)
    write(CLAMP)
    yield write
    write("")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(home)
        writing(home)(CLAMP)
        run_study(STUDY, home / "run")
        writing(home)("")
    return home / "run"


@pytest.fixture
def drawn(made, mine, tmp_path):
    shutil.copytree(made, tmp_path / "run")
    return open_run(tmp_path / "run")


@pytest.mark.slow
def test_a_finished_run_is_read_without_its_functions(drawn, mine, command, capfd, contents, tmp_path):
    told = drawn.manifest()["functions"]["mine_too:f"]
    assert (told["kinks"], told["bends"], told["smooth"]) == ([0.0, 13.0], [0.0, 13.0], False)
    assert (told["floor"], told["top"], told["ceiling"], told["cap"]) == (0.0, 13.0, 13.0, "inf")
    assert (told["monotonic"], told["gates"], told["bounded"], told["identity_from"]) == (True, True, True, "inf")
    assert (told["kernel"], told["learned_slope"], told["formula"]) == (None, False, "mine_too:f(x)")
    assert set(drawn.manifest()["functions"]) == {"mine_too:f"}
    assert (drawn.folder / "weights" / "mine_too-f.safetensors").is_file()
    assert not any(":" in str(path.relative_to(tmp_path)) for path in drawn.folder.rglob("*"))
    assert set(pd.read_parquet(drawn.folder / "metrics.parquet")["activation"]) == set(STUDY.activations)
    before = contents(drawn.folder)
    mine("")
    folder = str(drawn.folder)
    assert open_run(drawn.folder).config == STUDY
    assert command("report", folder) == 0
    assert command("compare", folder, folder, "--out", str(tmp_path / "same")) == 0
    assert capfd.readouterr().err == ""
    assert {name: data for name, data in contents(drawn.folder).items() if name != "manifest.json"} == {
        name: data for name, data in before.items() if name != "manifest.json"
    }
    assert "bends at 0, 13; from 0 to 13; never falls; exactly 0 on a half line" in before["report.html"].decode()
    for arguments in (("cost", "--out", folder), ("run", str(drawn.folder / "study.toml"), "--out", folder)):
        assert command(*arguments) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert "'mine_too:f' is not allowed; module:function must be importable" in line


@pytest.mark.slow
@pytest.mark.parametrize("text", [CLAMP.replace("13", "1000"), CLAMP.replace("0, TOP", "min=0")])
def test_a_run_of_a_function_that_has_changed_is_not_gone_on_with(drawn, mine, command, capfd, contents, text):
    before = contents(drawn.folder)
    mine(text)
    folder = str(drawn.folder)
    made = "is not allowed; mine_too:f was another function when it was made; "
    with pytest.raises(BadInput, match=made):
        run_study(STUDY, drawn.folder)
    assert command("cost", "--out", folder) == 2
    assert capfd.readouterr().err == f"quantstudy: out: {folder!r} {made}cost would be that of the new one\n"
    assert contents(drawn.folder) == before
    assert command("report", folder) == 0
    (line,) = capfd.readouterr().err.splitlines()
    assert line == (
        f"quantstudy: mine_too:f is another function today than when {folder} was made, which shows it as it was then"
    )
    require_same_functions(drawn, ["relu"])  # as where relu's cost alone is asked for


def test_a_verdict_quotes_no_multiverse_of_another_function(drawn, mine):
    told = []
    assert quoting_run(drawn.folder / "study.toml", told.append) == drawn
    mine(CLAMP.replace("13", "1000"))
    assert quoting_run(drawn.folder / "study.toml", told.append) is None
    (line,) = told
    assert "will not quote this" in line
    assert line.endswith("mine_too:f was another function when it was made; this is about the new one")


@pytest.mark.slow
def test_two_functions_of_one_name_are_told_in_a_comparison(drawn, mine, command, capfd, tmp_path):
    mine(CLAMP.replace("13", "0.5"))
    other = run_study(STUDY, tmp_path / "other")
    capfd.readouterr()
    assert command("compare", str(drawn.folder), str(other.folder), "--out", str(tmp_path / "both"), "--json") == 0
    said = capfd.readouterr()
    assert said.err.splitlines() == [
        f"quantstudy: mine_too:f is another function today than when {drawn.folder} was made, "
        "which shows it as it was then"
    ]
    found = json.loads(said.out)
    assert list(found["functions"]) == ["mine_too:f"]
    assert found["functions"]["mine_too:f"]["a"] != found["functions"]["mine_too:f"]["b"]
    assert (found["settings"], found["same"]) == ({}, False)
    rows = [row for row in found["comparisons"] if row["activation"] == "mine_too:f"]
    assert all(row["p"] is None and not row["real"] for row in rows)
    assert any(row["difference"] for row in rows)


FAILING = """
import torch
calls = 0

def f(x):
    global calls
    calls += 1
    if calls > {after}:
        {then}
    return torch.relu(x)
"""


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("raise ValueError(f'call {calls}')", "ValueError: call"),
        ("x.clamp_(max=1)", "it changes its input"),
        ("return torch.relu(x).double()", "shape or type of its result is another"),
        ("return 2 * torch.relu(x)", ""),
    ],
)
def test_one_that_fails_while_it_is_trained_takes_no_other_with_it(mine, undrawn, tmp_path, then, why):
    mine(FAILING.format(after=400, then=then))
    notices = []
    asked = STUDY.with_options(steps=150)
    run = run_study(asked, tmp_path / "run", notify=notices.append)
    (line,) = [line for line in notices if "mine_too:f failed" in line]
    assert line.startswith(f"mine_too:f failed when it was called ({why}")
    assert line.endswith("): its networks count as missing")
    weights = load_file(run.folder / "weights" / "mine_too-f.safetensors")
    assert all(np.isnan(array).all() for array in weights.values())
    alone = run_study(asked.with_options(activations=("relu",)), tmp_path / "alone")
    metrics = pd.read_parquet(run.folder / "metrics.parquet").query("activation == 'relu'").astype({"activation": str})
    expected = pd.read_parquet(alone.folder / "metrics.parquet").astype({"activation": str})
    pd.testing.assert_frame_equal(metrics.reset_index(drop=True), expected)
    mine(FAILING.format(after=10**9, then="pass"))
    with pytest.raises(BadInput, match="was another function"):
        run_study(asked, run.folder)


def test_one_that_fails_where_no_network_comes_fails_nowhere(mine, undrawn, tmp_path):
    mine("def f(x):\n    if bool((x.abs() > 61).any()):\n        raise ValueError\n    return x.clamp(min=0)\n")
    notices = []
    asked = STUDY.with_options(activations=("relu", "mine_too:f", "mine_too:f@3", "mine_too:f@100"))
    run = run_study(asked, tmp_path / "run", notify=notices.append)
    assert not [line for line in notices if "failed" in line]
    functions = run.manifest()["functions"]
    assert (functions["mine_too:f"]["top"], functions["mine_too:f@3"]["bends"]) == ("inf", [0.0, 3.0])
    assert functions["mine_too:f@100"]["bends"] == [0.0]  # further out nothing is known
    weights = load_file(run.folder / "weights" / "mine_too-f@3.safetensors")
    assert all(np.isfinite(array).all() for array in weights.values())


def test_networks_that_failed_are_not_kept(mine, undrawn, tmp_path):
    """What fails in a machine's bad moment has the same source and values as ever: the next run trains it."""
    (tmp_path / "home" / "broken").touch()
    text = "import pathlib, torch\n\ndef f(x):\n    if torch.is_grad_enabled() and x.dim() == 3 and x.shape[1] == 4:\n"
    mine(text + "        pathlib.Path('broken').exists() and 1 / 0\n    return torch.relu(x)\n")
    run = run_study(STUDY, tmp_path / "first")
    assert all(np.isnan(a).all() for a in load_file(run.folder / "weights" / "mine_too-f.safetensors").values())
    (tmp_path / "home" / "broken").unlink()
    run = run_study(STUDY, tmp_path / "second")
    ours, relu = (load_file(run.folder / "weights" / f"{name}.safetensors") for name in ("mine_too-f", "relu"))
    for name, array in ours.items():
        np.testing.assert_allclose(array, relu[name], atol=1e-3)


def test_a_function_that_is_edited_while_the_study_runs_stops_it(mine, undrawn, tmp_path, monkeypatch):
    real = pipeline.run_cell

    def run_cell(folder, config, unit):
        if (unit.stage, unit.activation) == ("measure", "mine_too:f"):
            mine(CLAMP.replace("13", "12"))
        return real(folder, config, unit)

    monkeypatch.setattr(pipeline, "run_cell", run_cell)
    with pytest.raises(StudyFailure, match="mine_too:f is another function now than when the run was begun"):
        run_study(STUDY, tmp_path / "run")


def test_a_reloaded_module_is_looked_at_again(mine, undrawn, tmp_path):
    run_study(STUDY, tmp_path / "run")
    sys.modules["mine_too"].TOP = 1000  # as one does in a notebook
    with pytest.raises(BadInput, match="was another function"):
        run_study(STUDY, tmp_path / "run")
    assert cell("train", STUDY, "mine_too:f", 0, 2).key.startswith("train-mine_too-f-0-2-")


def test_a_line_is_told_once_whatever_stands_in_brackets():
    told = []
    tell = once(told.append)
    for line in (
        "f failed (ValueError: 1 (one)): missing",
        "f failed (ValueError: 2): missing",
        "g failed",
        "g failed",
    ):
        tell(line)
    assert told == ["f failed (ValueError: 1 (one)): missing", "g failed"]

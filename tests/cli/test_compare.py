"""`quantstudy compare`: what it prints and writes, which folders it takes, what it refuses."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from quantstudy_kernels.arithmetic import REVISION

from quantstudy.config.study import StudyConfig
from quantstudy.engine.compare import compare_runs, run_id
from quantstudy.judge.deployable import limits_of
from quantstudy.judge.verdict import judge
from quantstudy.records.files import file_sha256
from quantstudy.records.folders import FORMAT
from quantstudy.records.provenance import processor
from quantstudy.records.run import open_run
from quantstudy.records.store import npz

SEEDS = 12


def make(folder: Path, shift: float = 0.0, commit: str = "abc1234", **settings: Any) -> Path:
    """Write the folder of a finished run: accuracies are moved by `shift` and a little per activation."""
    config = StudyConfig(**{"activations": ("relu", "gelu"), "seeds": SEEDS, "grid": 8} | settings)
    random = np.random.default_rng(5)
    hard = random.random(config.seeds) * 0.01
    rows = []
    for rank, name in enumerate(config.activations):
        for seed in range(config.seeds):
            rows.append((name, seed, "float", "float", "heldout_accuracy_float", 0.99 - hard[seed]))
            for scheme in map(str, config.all_schemes):
                drop = 0.05 + 0.01 * rank + hard[seed] - shift * (1 + 0.02 * seed)
                for metric, value in (
                    ("heldout_accuracy_quantized", 0.99 - hard[seed] - drop),
                    ("heldout_accuracy_drop", drop),
                    ("flip_rate", 1.2 * drop),
                ):
                    rows.append((name, seed, scheme, "simulated", metric, value))
    table = pd.DataFrame(rows, columns=["activation", "seed", "scheme", "backend", "metric", "value"])
    table = table.assign(scope="network", layer=pd.array([None] * len(table), dtype="Int16"))
    texts = ("activation", "scheme", "backend", "scope", "metric")
    table = table.astype({"seed": "int32"} | dict.fromkeys(texts, "category"))
    folder.mkdir(parents=True)
    table.to_parquet(folder / "metrics.parquet", index=False)
    masks = np.random.default_rng(config.grid).random((config.seeds, config.grid, config.grid)) < 0.5
    (folder / "masks.npz").write_bytes(npz({"mask": masks}))
    verdict = judge(
        table,
        activations=config.activations,
        schemes=[str(scheme) for scheme in config.all_schemes],
        focus=config.focus_scheme,
        limits=limits_of(config),
    )
    (folder / "verdict.json").write_text(json.dumps(verdict))
    (folder / "study.toml").write_text(config.to_toml())
    manifest = {
        "format": FORMAT,
        "arithmetic": REVISION,
        "state": "complete",
        "study": file_sha256(folder / "study.toml"),
        "versions": {"torch": "2.13"},
        "processor": processor(),
        "device": "cpu",
        "commit": commit,
        "seeds": list(range(config.seeds)),
        "seconds": {"train": 1.0},
        "files": {name: file_sha256(folder / name) for name in ("masks.npz", "metrics.parquet")},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Two finished runs, in an own current folder."""
    monkeypatch.chdir(tmp_path)
    return str(make(Path("a"))), str(make(Path("b"), shift=0.02, lr=0.03, commit="def5678"))


def contents(folder: Path) -> Mapping[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_prints_and_leaves_numbers_and_a_figure(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    before = {run: contents(Path(run)) for run in runs}
    assert command("compare", *runs) == 0
    told = capfd.readouterr()
    assert told.err == ""
    lines = told.out.splitlines()
    assert len(lines) <= 30
    assert [line for line in lines if line.startswith(("A: ", "B: "))] == ["A: a", "B: b"]
    assert "settings: lr 0.1 → 0.03" in lines
    assert "made with: commit abc1234 → def5678" in lines
    assert "float: the same accuracies to the last digit" in lines
    rows = [line.split() for line in lines if line.startswith(("relu", "gelu"))]
    assert [row[-1] for row in rows] == ["yes", "yes"]
    assert max(map(len, lines[:-1])) <= 80
    said = " ".join(told.out.split())  # sentences go on in the next line
    assert re.search(r"accuracy higher at 2 of 2 [^;]*flip rate lower at 2", said)
    (folder,) = Path("results").iterdir()
    assert str(folder) in lines[-1]
    assert set(contents(folder)) == {"compare.json", "compare.png"}
    found = json.loads((folder / "compare.json").read_text())
    assert found["settings"] == {"lr": {"a": 0.1, "b": 0.03}}
    assert folder.name == f"compare-{found['runs']['a']['id']}-{found['runs']['b']['id']}"
    assert [len(found["runs"][key]["id"]) for key in "ab"] == [8, 8]
    with Image.open(folder / "compare.png") as picture:
        assert picture.width == 1920
        assert "b (B) against a (A)" in picture.info["Description"]
    assert {run: contents(Path(run)) for run in runs} == before


def test_json_is_alone_and_strict(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("compare", *runs, "--out", "there/inside", "--json") == 0
    told = capfd.readouterr()
    assert told.err == ""
    printed = json.loads(told.out, parse_constant=pytest.fail)
    assert printed.pop("compare") == "there/inside"
    assert printed == json.loads(Path("there/inside/compare.json").read_text())
    assert printed["families"]["heldout_accuracy_quantized"]["real"] == 16


def test_the_same_folder_twice_has_no_differences(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    assert command("compare", runs[0], runs[0]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[2].startswith("No differences")
    assert len(lines) == 4


def test_the_same_comparison_is_written_again_and_another_one_is_not(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str]
) -> None:
    out = Path("out")
    assert command("compare", *runs, "--out", str(out)) == 0
    first = contents(out)
    (out / "compare.png").write_bytes(b"damaged")
    (out / ".compare.png.1.part").write_bytes(b"left by a process that was killed")
    Path(runs[0]).rename("moved")
    assert command("compare", "moved", runs[1], "--out", str(out)) == 0
    (out / ".compare.png.1.part").unlink()
    again = contents(out)
    assert again.keys() == first.keys()
    assert again["compare.png"].startswith(b"\x89PNG")
    capfd.readouterr()
    assert command("compare", runs[1], "moved", "--out", str(out)) == 2
    told = capfd.readouterr().err
    assert told == "quantstudy: out: 'out' is not allowed; it holds a comparison of other runs; choose another folder\n"
    assert contents(out) == again


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("", "the path of a folder is needed"),
        ("a", "this one holds manifest.json"),
        ("mine", "this one holds letter.txt"),
        ("half", "it holds a comparison of other runs"),
        ("mine/letter.txt", "a folder is needed, and mine/letter.txt is a file"),
        ("mine/letter.txt/deeper", "a folder is needed, and mine/letter.txt is a file"),
    ],
)
def test_places_that_are_refused(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str], out: str, said: str
) -> None:
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    Path("half").mkdir()
    Path("half/compare.json").write_text('{"runs": 3}')
    before = contents(Path())
    assert command("compare", *runs, "--out", out) == 2
    told = capfd.readouterr()
    assert told.out == ""
    (line,) = told.err.splitlines()
    assert line.startswith(f"quantstudy: out: '{out}' is not allowed; ")
    assert said in line
    assert contents(Path()) == before


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"activations": ("silu",)}, "RUN_B: activations: 'silu' is not allowed; at least one of RUN_A's: relu, gelu"),
        ({"grid": 9}, "RUN_B: grid: 9 is not allowed; RUN_A has 8"),
    ],
)
def test_runs_that_do_not_match_are_refused(
    runs: tuple[str, str],
    command: Callable[..., Any],
    capfd: pytest.CaptureFixture[str],
    settings: dict[str, Any],
    said: str,
) -> None:
    other = make(Path("other"), **settings)
    before = contents(Path())
    assert command("compare", runs[0], str(other)) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert len(told.err.splitlines()) == 1
    assert said in told.err
    assert contents(Path()) == before


@pytest.mark.parametrize(("order", "field"), [((0, 1), "RUN_B"), ((1, 0), "RUN_A")])
def test_what_is_no_finished_run_is_refused_by_its_name(
    runs: tuple[str, str], command: Callable[..., Any], capfd: pytest.CaptureFixture[str], order: Any, field: str
) -> None:
    Path("nothing").mkdir()
    pair = (runs[0], "nothing")
    assert command("compare", *(pair[index] for index in order)) == 2
    assert capfd.readouterr().err.startswith(f"quantstudy: {field}: 'nothing' is not allowed; a run folder is needed")


def test_ids_tell_commits_apart_and_outlive_judging_again(runs: tuple[str, str]) -> None:
    manifest = open_run(Path(runs[0])).manifest()
    assert run_id(manifest | {"seconds": {"judge": 5.0}}) == run_id(manifest)
    for key in ("commit", "study", "versions", "files", "processor", "device"):
        assert run_id(manifest | {key: "other"}) != run_id(manifest), key


def test_other_bits_are_compared_by_role(runs: tuple[str, str]) -> None:
    wide = make(Path("wide"), shift=0.03, bits=(6,))
    found, folder = compare_runs(open_run(Path(runs[0])), open_run(wide))
    assert folder.is_dir()
    assert found["schemes"][0] == {"a": "w4", "b": "w6"}
    row = next(row for row in found["comparisons"] if row["scheme_a"] == "w4a4")
    assert row["difference"] == pytest.approx(0.03 * (1 + 0.02 * np.arange(SEEDS)).mean())
    assert row["real"]


def test_no_torch_is_loaded(runs: tuple[str, str], python: Callable[..., str]) -> None:
    code = (
        "import sys; from quantstudy.cli.app import main\n"
        f"sys.argv = ['quantstudy', 'compare', {runs[0]!r}, {runs[1]!r}]\n"
        "try: main()\nexcept SystemExit as left: print(left.code, {'torch', 'torchao', 'numba'} & set(sys.modules))"
    )
    assert python(code).splitlines()[-1] == "0 set()"

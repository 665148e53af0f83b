"""`quantstudy gate`: what it exits with, prints and writes, and what it refuses."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.deploy.gate.outcome import FAIL, PASS, UNDECIDED
from quantstudy.records.files import file_sha256
from tests.cli.test_compare import contents, make

SEEDS = 32
Command = Callable[..., Any]


def drops_of(folder: Path, name: str, scheme: str = "w4a4", metric: str = "heldout_accuracy_drop") -> np.ndarray:
    table = pd.read_parquet(folder / "metrics.parquet").astype({"activation": str, "scheme": str, "metric": str})
    chosen = table[(table["activation"] == name) & (table["scheme"] == scheme) & (table["metric"] == metric)]
    return chosen[chosen["backend"] == "simulated"].sort_values("seed")["value"].to_numpy()


def change(folder: Path, by: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Change a run's metrics, and its manifest with them."""
    path = folder / "metrics.parquet"
    table = pd.read_parquet(path)
    texts = [name for name in table.columns if isinstance(table[name].dtype, pd.CategoricalDtype)]
    by(table.astype(dict.fromkeys(texts, str))).astype(dict.fromkeys(texts, "category")).to_parquet(path, index=False)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["metrics.parquet"] = file_sha256(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def judged(folder: Path, by: Callable[[dict[str, Any]], Any]) -> None:
    verdict = json.loads((folder / "verdict.json").read_text())
    by(verdict)
    (folder / "verdict.json").write_text(json.dumps(verdict))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("made") / "run", seeds=SEEDS)


@pytest.fixture
def run(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of 32 networks each of relu and gelu, in an own current folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, "run")
    return Path("run")


@pytest.fixture
def told(command: Command, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Run with --json and return exit code and outcome."""

    def gate(*arguments: str) -> tuple[int, dict[str, Any]]:
        capfd.readouterr()
        code = command("gate", *arguments, "--json")
        said = capfd.readouterr()
        assert said.err == ""
        return code, json.loads(said.out, parse_constant=pytest.fail)

    return gate


LIMITS = {PASS: "0.07", FAIL: "0.04", UNDECIDED: "0.0583"}


@pytest.mark.parametrize(("outcome", "code"), [(PASS, 0), (FAIL, 3), (UNDECIDED, 4)])
def test_it_says_the_outcome_first_and_exits_with_it(
    run: Path, command: Command, capfd: pytest.CaptureFixture[str], outcome: str, code: int
) -> None:
    before = contents(Path())
    limit = LIMITS[outcome]
    assert command("gate", "run", "--max-accuracy-drop", limit, "--activation", "relu") == code
    said = capfd.readouterr()
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == f"gate: {outcome}"
    within = int((drops_of(run, "relu") <= float(limit)).sum())
    assert f"relu at w4a4: {within} of 32 networks within the limit" in lines[1]
    assert max(map(len, lines)) <= 80
    assert ("What to do:" in said.out) == (outcome != PASS)
    assert contents(Path()) == before


def test_json_is_alone_strict_and_whole(run: Path, told: Callable[..., Any]) -> None:
    change(run, lambda table: table.assign(value=table["value"].where(table["seed"] != 3)))
    code, found = told("run", "--max-accuracy-drop", "0.07", "--max-flip-rate", "0.09", "--activation", "relu")
    assert (code, found["outcome"]) == (0, "pass")
    assert (found["missing"], found["within"], found["networks"]) == (1, 31, 32)
    assert [each["worst"] for each in found["limits"]] == [None, None]
    assert found["summary"][0].startswith("relu at w4a4: 31 of 32 networks within all limits")
    assert "1 network without a finite value" in " ".join(found["summary"])


def test_the_next_command_trains_as_many_as_are_needed(run: Path, told: Callable[..., Any]) -> None:
    code, found = told("run", "--max-accuracy-drop", LIMITS[UNDECIDED], "--activation", "relu")
    assert code == 4
    assert found["networks_needed"] > 32
    seeds = found["networks_needed"]
    assert found["next"] == f"quantstudy run run/study.toml --seeds {seeds} --out run-{seeds}"
    assert f"{seeds - 32} more seeds would decide" in found["summary"][-1]


def test_the_best_of_the_run_has_wider_bounds_than_one_that_was_named(run: Path, told: Callable[..., Any]) -> None:
    named, best = (told("run", "--max-accuracy-drop", "0.07", *more)[1] for more in (("--activation", "relu"), ()))
    assert (named["activation"], named["confidence"], named["chosen_of"]) == ("relu", 0.95, 1)
    assert (best["activation"], best["confidence"], best["chosen_of"]) == ("relu", 0.975, 2)
    assert best["low"] < named["low"]
    assert "chosen as the best of 2" in " ".join(best["summary"])


def test_the_assurance_is_the_run_s_unless_another_is_asked_for(run: Path, told: Callable[..., Any]) -> None:
    limit = ("run", "--max-accuracy-drop", "0.07", "--activation", "relu")
    assert told(*limit)[1]["assurance"] == StudyConfig().assurance
    code, found = told(*limit, "--assurance", "0.95")
    assert (code, found["assurance"], found["outcome"]) == (4, 0.95, "undecided")


def test_seeds_that_were_added_until_something_was_decided_have_bounds_for_that(
    run: Path, told: Callable[..., Any]
) -> None:
    for name in ("fixed", "added"):
        make(Path(name), seeds=17, until_decided=name == "added")
    limit = ("--max-accuracy-drop", "0.07", "--activation", "relu")
    assert told("fixed", *limit)[0] == 0
    code, found = told("added", *limit)
    assert (code, found["rule"], found["networks_needed"]) == (4, "anytime", 18)
    assert found["next"] == "quantstudy run added/study.toml --seeds 18 --out added-18"
    code, found = told("fixed", *limit, "--baseline", "added")
    assert (code, found["rule"]) == (4, "anytime")
    _, found = told("added", *limit, "--assurance", "0.99")
    seeds = found["networks_needed"]
    assert seeds > 128
    assert found["next"] == f"quantstudy run added/study.toml --seeds {seeds} --max-seeds {seeds} --out added-{seeds}"


def test_a_network_must_hold_a_limit_by_every_backend(run: Path, told: Callable[..., Any]) -> None:
    limits = ("run", "--max-accuracy-drop", "0.07", "--max-flip-rate", "0.1", "--activation", "relu")
    assert told(*limits)[0] == 0

    def with_torchao(table: pd.DataFrame) -> pd.DataFrame:
        real = table[(table["scheme"] == "w4a4") & (table["metric"] == "flip_rate")].assign(backend="torchao")
        return pd.concat([table, real.assign(value=real["value"].where(real["seed"] >= 16, 0.5))])

    change(run, with_torchao)
    code, found = told(*limits)
    assert (code, found["within"]) == (3, 16)
    assert [each["within"] for each in found["limits"]] == [16, 32]  # flips first, as ever


def test_a_stale_or_wrong_choice_is_told(run: Path, told: Callable[..., Any]) -> None:
    def doubtful(verdict: dict[str, Any]) -> None:
        verdict["not_learned"] = {"relu": 0.5}
        verdict["schemes"]["w4a4"]["backends_differ"] = {"relu": {"share": 0.3, "at": "w4"}}

    judged(run, doubtful)
    _, found = told("run", "--max-accuracy-drop", "0.07", "--activation", "relu")
    said = " ".join(found["summary"])
    assert "relu has not learned in float" in said
    assert "torchao decides otherwise" in said
    assert (found["learned"], found["backends_differ"]) == (False, True)


def test_another_run_as_baseline_is_paired_by_seed(run: Path, told: Callable[..., Any]) -> None:
    better = make(Path("better"), shift=0.02, seeds=SEEDS)
    worse = drops_of(run, "gelu") - drops_of(better, "gelu")
    assert 0.02 <= worse.min() < worse.max() < 0.035
    for limit, expected in (("0.035", 0), ("0.019", 3)):
        code, found = told("run", "--max-accuracy-drop", limit, "--activation", "gelu", "--baseline", "better")
        assert code == expected
        assert found["within"] == int((worse <= float(limit)).sum())
        assert found["limits"][0]["worst"] == pytest.approx(worse.max())
    assert "lower than in better" in found["summary"][0]
    code, found = told("better", "--max-accuracy-drop", "0", "--max-flip-rate", "0", "--activation", "gelu",
                       "--baseline", "run")  # fmt: skip
    assert (code, found["within"]) == (0, SEEDS)
    more = drops_of(run, "gelu", metric="flip_rate") - drops_of(better, "gelu", metric="flip_rate")
    assert found["limits"][0]["worst"] == pytest.approx((-more).max())


def test_runs_that_cannot_be_paired(run: Path, command: Command, capfd: pytest.CaptureFixture[str]) -> None:
    make(Path("fewer"), seeds=12)
    make(Path("other"), seeds=SEEDS, grid=9)
    make(Path("bits"), seeds=SEEDS, bits=(6,))
    for other, said in (
        ("fewer", "baseline: seeds: 12 is not allowed; RUN has 32"),
        ("other", "baseline: 'other' is not allowed; RUN has learnt other data"),
        ("bits", "scheme: 'w4a4' is not allowed; bits holds no heldout_accuracy_quantized of relu at it"),
        ("nowhere", "baseline: 'nowhere' is not allowed; a run folder is needed"),
    ):
        assert command("gate", "run", "--max-accuracy-drop", "0.1", "--activation", "relu", "--baseline", other) == 2
        line = capfd.readouterr().err
        assert said in line
        assert line.count("\n") == 1


@pytest.mark.parametrize(("outcome", "tag"), [(PASS, "system-out"), (FAIL, "failure"), (UNDECIDED, "error")])
def test_files(run: Path, command: Command, capfd: pytest.CaptureFixture[str], outcome: str, tag: str) -> None:
    options = ("--max-accuracy-drop", LIMITS[outcome], "--max-flip-rate", "1", "--activation", "relu")
    command("gate", "run", *options, "--junit", "gate.xml", "--markdown", "gate.md")
    said = capfd.readouterr().out
    root = ElementTree.parse("gate.xml").getroot()
    cases = root.findall("./testsuite/testcase")
    names = ["all limits", "max_flip_rate", "max_accuracy_drop"]
    assert [case.get("name") for case in cases] == [f"relu at w4a4: {name}" for name in names]
    assert [case[0].tag for case in cases] == [tag, "system-out", tag]
    counts = {"failure": "failures", "error": "errors"}
    for element in (root, root[0]):
        assert element.get("tests") == "3"
        for one, key in counts.items():
            assert element.get(key) == ("2" if tag == one else "0")
    page = Path("gate.md").read_text().splitlines()
    assert page[0] == f"## gate: {outcome}"
    assert sum(line.startswith("| max\\_") for line in page) == 2
    first = " ".join(said.splitlines()[1:])[:40]
    assert any(line.startswith(f"- {first}") for line in page)
    assert not list(Path().glob(".*.part"))


def test_options_of_a_file_and_those_that_override_it(run: Path, told: Callable[..., Any]) -> None:
    Path("gate.toml").write_text('max_accuracy_drop = 0.04\nactivation = "gelu"\nassurance = 0.6\nscheme = "w8a8"\n')
    code, found = told("run", "--config", "gate.toml")
    assert (code, found["activation"], found["scheme"], found["assurance"]) == (3, "gelu", "w8a8", 0.6)
    assert found["limits"][0]["limit"] == 0.04
    code, found = told("run", "--config", "gate.toml", "--max-accuracy-drop", "0.09", "--activation", "relu")
    assert (code, found["activation"], found["limits"][0]["limit"]) == (0, "relu", 0.09)


TABLE = [("a", "a", "a")] * 297 + [("b", "b", "a"), ("a", "b", "a"), ("b", "a", "a")]


def written(path: str, rows: list[tuple[Any, Any, Any]], columns: tuple[str, ...] = ("label", "float", "quantized")):
    frame = pd.DataFrame(rows, columns=list(columns))
    if path.endswith(".csv"):
        frame.to_csv(path, index=False)
    elif path.endswith(".parquet"):
        frame.to_parquet(path, index=False)
    else:
        np.savez(path, **{name: np.array(frame[name].tolist()) for name in frame.columns})


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
@pytest.mark.parametrize("kind", ["names", "numbers"])
def test_a_table_of_one_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: Callable[..., Any], suffix: str, kind: str
) -> None:
    monkeypatch.chdir(tmp_path)
    number = {"a": 0, "b": 1}
    rows = TABLE if kind == "names" else [tuple(number[cell] for cell in row) for row in TABLE]
    written(f"answers{suffix}", rows)
    code, found = told(f"answers{suffix}", "--max-flip-rate", "0.05", "--max-accuracy-drop", "0.05")
    assert (code, found["of"], found["points"]) == (0, "table", 300)
    flips, drop = found["limits"]
    assert (flips["value"], drop["value"]) == (pytest.approx(2 / 300), 0.0)  # one lost, one gained
    assert told(f"answers{suffix}", "--max-flip-rate", "0.001")[0] == 3
    assert told(f"answers{suffix}", "--max-flip-rate", "0.007")[0] == 4


@pytest.mark.parametrize(
    ("name", "rows", "columns", "said"),
    [
        ("a.csv", TABLE, ("label", "float", "quantised"), "no column quantized"),
        ("a.npz", TABLE, ("label", "before", "after"), "no column float"),
        ("a.csv", [("a", "a", "")], ("label", "float", "quantized"), "column 'quantized', line 2: no class stands"),
        ("a.parquet", [(1.0, 1.0, float("nan"))], ("label", "float", "quantized"), "row 1: no class stands there"),
        ("a.csv", [("a", 1, 1)], ("label", "float", "quantized"), "by numbers and by names"),
        ("a.csv", [], ("label", "float", "quantized"), "it has no rows"),
    ],
)
def test_tables_that_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, capfd: Any, name: str, rows: Any, columns: Any,
    said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    written(name, rows, columns)
    assert command("gate", name, "--max-flip-rate", "0.1") == 2
    line = capfd.readouterr().err
    assert line.startswith(f"quantstudy: RUN: '{name}' is not allowed; ")
    assert said in line
    assert line.count("\n") == 1


REFUSED = [
    ((), "limits: 'none' is not allowed; at least one of --max-flip-rate, --max-accuracy-drop"),
    (("--max-flip-rate", "1.1"), "max_flip_rate: '1.1' is not allowed; numbers from 0 to 1"),
    (("--max-accuracy-drop", "-0.1"), "max_accuracy_drop: '-0.1' is not allowed; numbers from 0 to 1"),
    (("--max-accuracy-drop", "nan"), "max_accuracy_drop: 'nan' is not allowed; numbers from 0 to 1"),
    (("--max-psnr-drop", "1"), "max_psnr_drop: 1.0 is not allowed; the run's networks answer classes"),
    (("--max-kl", "1"), "No such option: --max-kl"),
    (("--min-accuracy", "90"), "min_accuracy: '90' is not allowed; numbers from 0 to 1"),
    (("--assurance", "1"), "assurance: '1' is not allowed; numbers from 0.01 to 0.999"),
    (("--scheme", "w4x"), "scheme: 'w4x' is not allowed; schemes look like"),
    (("--scheme", "w5a5"), "scheme: 'w5a5' is not allowed; those that the run has measured: w4, a4, w4a4"),
    (("--activation", "silu"), "activation: 'silu' is not allowed; those of the run: relu, gelu"),
    (("--activation", "rleu"), "activation: 'rleu' is not allowed; those of the run: relu, gelu"),
    (("--recipe", "polsh"), "recipe: 'polsh' is not allowed; did you mean polish?"),
    (("--recipe", "plain"), "recipe: 'plain' is not allowed; a recipe of a repair"),
    (("--recipe", "polish"), "recipe: 'polish at w4a4' is not allowed; the run was repaired by nothing yet"),
    (("--network", "x"), "network: 'x' is not allowed; whole numbers from 0 to 9999"),
    (("--network", "0"), "RUN: 'run' is not allowed; a run with its float weights is needed"),
    (("--network", "0", "--assurance", "0.9"), "assurance: 0.9 is not allowed; a share of many networks"),
    (("--network", "0", "--baseline", "run"), "network: 0 is not allowed; not together with --baseline"),
    (("--baseline", "run", "--min-accuracy", "0.5"), "min_accuracy: 0.5 is not allowed; not together with --baseline"),
    (("--junit", "nowhere/gate.xml"), "junit: 'nowhere/gate.xml' is not allowed; a file in a folder that is there"),
    (("--markdown", "run"), "markdown: 'run' is not allowed; the path of a file is needed, and this is a folder"),
    (("--config", "nowhere.toml"), "config: 'nowhere.toml' is not allowed; there is no such file"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED, ids=lambda value: "" if isinstance(value, str) else None)
def test_bad_input_is_one_line(
    run: Path, command: Command, capfd: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    before = contents(Path())
    named = [one for one in options if one.startswith(("--max", "--min"))]
    limit = () if named or not options else ("--max-flip-rate", "0.1")
    assert command("gate", "run", *limit, *options) == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"quantstudy: {said}")
    assert told.err.count("\n") == 1
    assert contents(Path()) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_flip_rat = 0.1", "max_flip_rat: 0.1 is not allowed; there is no such key; did you mean max_flip_rate?"),
        ("max_kl = 0.1", "max_kl: 0.1 is not allowed; there is no such key"),
        ("max_flip_rate = '0.1'", "max_flip_rate: '0.1' is not allowed; numbers stand without quotes"),
        ("max_flip_rate = 2", "max_flip_rate: 2 is not allowed; numbers from 0 to 1"),
        ("max_flip_rate = true", "max_flip_rate: True is not allowed; numbers from 0 to 1"),
        ("scheme = 4", "scheme: 4 is not allowed; text is needed"),
        ("network = 1.5", "network: 1.5 is not allowed; whole numbers"),
        ("[gate]\nmax_flip_rate = 0.1", "gate: {'max_flip_rate': 0.1} is not allowed; there is no such key"),
        ("max_flip_rate 0.1", "config: 'gate.toml' is not allowed; not valid TOML"),
    ],
)
def test_bad_files_are_one_line_even_where_an_option_overrides_them(
    run: Path, command: Command, capfd: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    Path("gate.toml").write_text(text)
    assert command("gate", "run", "--config", "gate.toml", "--max-flip-rate", "0.1", "--scheme", "w4a4") == 2
    line = capfd.readouterr().err
    assert said in line
    assert "gate.toml" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [("assurance", "0.9"), ("scheme", "w4a4"), ("activation", "relu"), ("recipe", "polish"), ("network", "0"),
     ("baseline", "run"), ("max-psnr-drop", "1")],
)  # fmt: skip
def test_what_does_not_go_with_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command, capfd: Any, option: str, value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("gate", "absent.csv", "--max-flip-rate", "0.1", f"--{option}", value) == 2
    line = capfd.readouterr().err
    assert line.startswith(f"quantstudy: {option.replace('-', '_')}: ")
    assert "not with a table" in line
    assert line.count("\n") == 1


def test_a_file_that_cannot_be_written_is_one_line(
    run: Path, command: Command, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("quantstudy.deploy.gate.files.write_atomically", refuse)
    assert command("gate", "run", "--max-flip-rate", "0.1", "--junit", "gate.xml") == 1
    told = capfd.readouterr()
    assert told.err == "quantstudy: gate.xml can't be written (Permission denied); choose another path\n"
    assert told.out == ""


def test_no_torch_is_loaded(run: Path, python: Callable[..., str]) -> None:
    code = (
        "import sys; from quantstudy.cli.app import main\n"
        "sys.argv = ['quantstudy', 'gate', 'run', '--max-accuracy-drop', '0.04', '--activation', 'relu']\n"
        "try: main()\nexcept SystemExit as left: print(left.code, {'torch', 'torchao', 'numba'} & set(sys.modules))"
    )
    assert python(code).splitlines()[-1] == "3 set()"


def test_the_example_workflow_uses_what_there_is() -> None:
    root = Path(__file__).resolve().parents[2]
    workflow, page = ((root / "docs" / name).read_text() for name in ("gate.yml", "gate.md"))
    (line,) = (line for line in workflow.splitlines() if "quantstudy gate" in line)
    assert "--config gate.toml --junit gate.xml --markdown gate.md" in line
    for option in ("max-flip-rate", "max-accuracy-drop", "max-psnr-drop", "min-accuracy", "assurance", "scheme",
                   "activation", "recipe", "baseline", "network", "json", "junit", "markdown", "config"):  # fmt: skip
        assert f"--{option}" in page

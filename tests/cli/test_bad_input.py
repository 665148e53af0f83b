"""Bad input: exit code 2, one line that names field, value and what is allowed, nothing written, torch not loaded."""

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from quantstudy_kernels.arithmetic import REVISION

from quantstudy.cli import app
from quantstudy.config.study import StudyConfig
from quantstudy.records.files import sha256
from quantstudy.records.folders import FORMAT

QUANTSTUDY = Path(sys.executable).with_name("quantstudy")
WHOLE = "whole numbers from"
NAMES = "relu, leaky_relu, prelu, silu, gelu, hardswish, hardgelu"

OPTIONS: list[tuple[str, str, tuple[str, ...]]] = [
    ("bits", "0", (f"{WHOLE} 2 to 16",)),
    ("schemes", "w4a8,f8", ("schemes look like w4, a4, w4a8, w4a8dyn, wf8af8, wf8e5m2",)),
    ("schemes", "w4a8,", ("schemes look like",)),
    ("schemes", "w4a17", (f"{WHOLE} 2 to 16",)),
    ("schemes", "af8dyn", ("dynamic ranges go with activations of 8-bit integers",)),
    ("bits", "1", (f"{WHOLE} 2 to 16",)),
    ("bits", "17", (f"{WHOLE} 2 to 16",)),
    ("bits", "-4", (f"{WHOLE} 2 to 16",)),
    ("bits", "four", (f"{WHOLE} 2 to 16",)),
    ("bits", "4.5", (f"{WHOLE} 2 to 16",)),
    ("bits", "", (f"{WHOLE} 2 to 16",)),
    ("bits", "4,", (f"{WHOLE} 2 to 16",)),
    ("bits", "4,1", (f"{WHOLE} 2 to 16",)),
    ("bits", "nan", (f"{WHOLE} 2 to 16",)),
    ("bits", "9" * 5000, (f"{WHOLE} 2 to 16",)),
    ("activations", "reul", ("did you mean relu?", NAMES)),
    ("activations", "relu,geluu", ("'geluu'", "did you mean gelu?", NAMES)),
    ("activations", "", (NAMES,)),
    ("activations", "relu,", (NAMES,)),
    ("activations", "relu,relu", ("'relu'", "each activation once")),
    ("activations", "silu,swish", ("'swish'", "each activation once", "silu")),
    ("activations", "relu@3,relu@3.0", ("'relu@3.0'", "each activation once")),
    ("activations", "gelu@-1", ("from 1e-06 to 1e+09",)),
    ("activations", "gelu@nan", ("from 1e-06 to 1e+09",)),
    ("activations", "gelu@inf", ("from 1e-06 to 1e+09",)),
    ("activations", "gelu@", ("from 1e-06 to 1e+09",)),
    ("activations", "gelu@0", ("from 1e-06 to 1e+09",)),
    ("activations", "@3", (NAMES,)),
    ("activations", "relu\n,\x1b[31m", (NAMES,)),
    ("device", "tpu", ("auto, cpu, cuda", "did you mean cpu?")),
    ("device", "", ("auto, cpu, cuda",)),
    ("device", "CPU", ("auto, cpu, cuda",)),
    ("jobs", "0", (f"{WHOLE} 1 to 256",)),
    ("jobs", "-1", (f"{WHOLE} 1 to 256",)),
    ("jobs", "257", (f"{WHOLE} 1 to 256",)),
    ("jobs", "two", (f"{WHOLE} 1 to 256",)),
    ("jobs", "", (f"{WHOLE} 1 to 256",)),
    ("jobs", "9" * 5000, (f"{WHOLE} 1 to 256",)),
    ("out", "", ("a folder",)),
    ("hidden", "8,0", ("0", f"{WHOLE} 1 to 256")),
    ("hidden", "8,,8", (f"{WHOLE} 1 to 256",)),
    ("hidden", "1,2,3,4,5,6,7,8,9", ("1 to 8 whole numbers",)),
    *(
        (field, value, (f"{WHOLE} {low} to {high}",))
        for field, low, high in (
            ("seeds", 1, 10000),
            ("steps", 1, 1000000),
            ("batch", 1, 65536),
            ("grid", 4, 1024),
            ("hidden", 1, 256),
        )
        for value in ("0", "-3", "nan", "1e3", "999999999999999999999", str(high + 1), "many", "", "3.0")
    ),
    *(("lr", value, ("numbers from 1e-06 to 10",)) for value in ("0", "-0.1", "nan", "inf", "11", "1e-7", "fast", "")),
]


def listing(*folders: Path) -> dict[str, tuple[int, int, int]]:
    return {
        str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ino)
        for folder in folders
        for path in [folder, *folder.rglob("*")]
    }


Refuse = Callable[..., str]


@pytest.fixture
def refuse(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Refuse:
    """Run a command line in an empty folder and return the one line it leaves on standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, code: int = 2) -> str:
        before = listing(tmp_path, own_cache)
        monkeypatch.setattr(sys, "argv", ["quantstudy", *arguments])
        with pytest.raises(SystemExit) as left:
            app.main()
        told = capfd.readouterr()
        assert left.value.code == code, told.err
        assert told.out == ""
        assert told.err.endswith("\n")
        assert len(told.err.splitlines()) == 1, told.err
        assert told.err.startswith("quantstudy: ")
        assert "Traceback" not in told.err
        assert listing(tmp_path, own_cache) == before
        return told.err

    return run


def test_there_are_enough_kinds() -> None:
    assert len(OPTIONS) >= 45
    assert len({(field, value) for field, value, _ in OPTIONS}) == len(OPTIONS)


@pytest.mark.parametrize(("field", "value", "expected"), OPTIONS, ids=lambda x: x[:12] if isinstance(x, str) else "")
def test_bad_options(refuse: Refuse, field: str, value: str, expected: tuple[str, ...]) -> None:
    line = refuse("run", f"--{field}", value)
    assert line.startswith(f"quantstudy: {field}: ")
    for words in expected:
        assert words in line
    if field in ("device", "jobs", "lr", "seeds", "steps", "batch", "grid") and len(value) < 50:
        assert f"{field}: {value} is" in line or f"{field}: {value!r} is" in line
    assert len(line) < 400
    assert "\x1b" not in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "--setps", "3"), ("--setps", "--steps", "quantstudy run --help")),
        (("run", "--nope"), ("--nope", "quantstudy run --help")),
        (("run", "-x"), ("-x",)),
        (("--nope",), ("--nope", "quantstudy --help")),
        (("rnu",), ("'rnu'", "'run'", "quantstudy --help")),
        (("",), ("quantstudy --help",)),
        ((), ("Missing command", "quantstudy --help")),
        (("report",), ("DIR", "quantstudy report --help")),
        (("report", "a", "b"), ("b", "quantstudy report --help")),
        (("run", "a.toml", "b.toml"), ("b.toml", "quantstudy run --help")),
        (("activations", "relu"), ("relu", "quantstudy activations --help")),
        (("run", "--bits"), ("--bits", "requires an argument")),
        (("run", "--fresh=yes"), ("--fresh", "value")),
        (("run", "--json", "--seeds"), ("--seeds", "requires an argument")),
    ],
)
def test_bad_usage(refuse: Refuse, arguments: tuple[str, ...], expected: tuple[str, ...]) -> None:
    line = refuse(*arguments)
    for words in expected:
        assert words in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sedes = 3", ("sedes: 3", "no such key", "did you mean seeds?", "activations")),
        ("qqq = 'x'", ("qqq: 'x'", "no such key", "activations")),
        ("[run]\nseeds = 3", ("run: {'seeds': 3}", "no such key")),
        ("seeds = 'many'", ("seeds: 'many'", f"{WHOLE} 1 to 10000")),
        ("seeds = '16'", ("seeds: '16'", "without quotes")),
        ("seeds = 1.5", ("seeds: 1.5", f"{WHOLE} 1 to 10000")),
        ("seeds = [1]", ("seeds: (1,)", f"{WHOLE} 1 to 10000")),
        ("bits = 'four'", ("bits: 'four'", f"{WHOLE} 2 to 16")),
        ("bits = []", ("bits: ()", f"{WHOLE} 2 to 16")),
        ("bits = [4, 1]", ("bits: 1", f"{WHOLE} 2 to 16")),
        ("lr = true", ("lr: True", "numbers from 1e-06 to 10")),
        ("lr = nan", ("lr: nan", "numbers from 1e-06 to 10")),
        ("lr = 1" + "0" * 400, ("lr: 1000", "numbers from 1e-06 to 10")),
        ("frequency = 0", ("frequency: 0", "numbers from 0.1 to 64")),
        ("allowed_drop = 2", ("allowed_drop: 2", "numbers from 0 to 1")),
        ("name = 5", ("name: 5", "letters")),
        ("name = 'a/b'", ("name: 'a/b'", "letters")),
        ("name = ''", ("name: ''", "letters")),
        ("coordinates = 1", ("coordinates: 1", "there is no such key")),
        ("input_bits = true", ("input_bits: True", "none, or whole numbers from 2 to 16")),
        ("input_bits = 1", ("input_bits: 1", "none, or whole numbers from 2 to 16")),
        ("placement = 'psot'", ("placement: 'psot'", "did you mean post?")),
        ("observer = 'max'", ("observer: 'max'", "minmax, percentile, mse")),
        ("activations = 'reul'", ("activations: 'reul'", "did you mean relu?")),
        ("activations = []", ("activations: ()", "at least one name")),
        ("hidden = [[8]]", ("hidden: [8]", f"{WHOLE} 1 to 256")),
        ("seeds = 3\nbits = [4,, 8]", ("not valid TOML", "line 2")),
        ("seeds = 3\ngrid 17", ("not valid TOML", "line 2")),
        ("seeds = 3\nseeds = 4\n", ("not valid TOML",)),
    ],
)
def test_bad_study_files(refuse: Refuse, tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    (tmp_path / "my.toml").write_text(text)
    line = refuse("run", "my.toml")
    assert "my.toml" in line
    for words in expected:
        assert words in line


def test_study_files_that_cannot_be_read(refuse: Refuse, tmp_path: Path) -> None:
    assert "STUDY.toml: 'absent.toml' is not allowed; there is no such file" in refuse("run", "absent.toml")
    assert "STUDY.toml: '.' is not allowed; a readable TOML file is needed" in refuse("run", ".")
    (tmp_path / "bad.toml").write_bytes(b"name = '\xff'")
    assert "not UTF-8" in refuse("run", "bad.toml")
    assert "no such file" in refuse("run", "--bits", "4", "-")


def test_a_bad_value_in_the_file_is_refused_even_if_an_option_overrides_it(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("seeds = 0")
    assert "seeds: 0" in refuse("run", "my.toml", "--seeds", "3")


def run_folder(folder: Path, config: StudyConfig | None = None, **manifest: Any) -> Path:
    """A folder with a run's two first files."""
    folder.mkdir()
    text = (config or StudyConfig()).to_toml()
    (folder / "study.toml").write_text(text)
    held = {"format": FORMAT, "arithmetic": REVISION, "state": "running", "study": sha256(text.encode())}
    held |= {"cells": {}, "files": {}, **manifest}
    (folder / "manifest.json").write_text(json.dumps(held))
    return folder


@pytest.mark.parametrize("fresh", [(), ("--fresh",)])
def test_out_that_is_not_for_a_run(refuse: Refuse, tmp_path: Path, fresh: tuple[str, ...]) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "strangers").mkdir()
    (tmp_path / "strangers" / "thesis.txt").write_text("mine")
    (tmp_path / "models" / "weights").mkdir(parents=True)
    (tmp_path / "models" / "weights" / "precious.safetensors").write_text("mine")
    for out in ("file", "file/below", "strangers", "models"):
        line = refuse("run", "--out", out, *fresh)
        assert line.startswith(f"quantstudy: out: '{out}' is not allowed; ")
        assert "folder" in line
        # the notice about wide integers must not come before the refusal
        refuse("run", "--bits", "12", "--out", out, *fresh)


def test_fresh_spares_a_run_folder_with_a_strangers_file(refuse: Refuse, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    (folder / "figures").mkdir()
    (folder / "figures" / "notes.txt").write_text("mine")
    assert "figures/notes.txt" in refuse("run", "--out", "run", "--fresh")
    (folder / "thesis.txt").write_text("mine")
    assert "thesis.txt" in refuse("run", "--out", "run", "--fresh")


def test_out_that_holds_another_study(refuse: Refuse, tmp_path: Path) -> None:
    run_folder(tmp_path / "other", StudyConfig(seeds=3))
    line = refuse("run", "--out", "other")
    assert "out: 'other' is not allowed; it holds another study" in line
    assert "--fresh" in line


def test_out_with_a_study_of_ones_own_is_not_overwritten(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.toml").write_text("seeds = 3  # written by hand")
    assert "another study" in refuse("run", "--out", "mine")


def test_out_of_another_format(refuse: Refuse, tmp_path: Path) -> None:
    run_folder(tmp_path / "old", format=0)
    for command in (("run", "--out"), ("report",)):
        line = refuse(*command, "old")
        assert "format 0" in line
        assert f"format {FORMAT}" in line


@pytest.mark.parametrize("older", [REVISION - 1, None])
@pytest.mark.parametrize("state", ["running", "complete"])
def test_out_of_another_arithmetic(refuse: Refuse, tmp_path: Path, older: int | None, state: str) -> None:
    run_folder(tmp_path / "old", arithmetic=older, state=state)
    held = f"it holds a run of arithmetic {older}, this version computes with arithmetic {REVISION}"
    way_out = "choose another folder, or --fresh to empty this one"
    assert refuse("run", "--out", "old").strip() == f"quantstudy: out: 'old' is not allowed; {held}; {way_out}"
    way_out = "run the study again, into another folder or with --fresh"
    assert refuse("report", "old").strip() == f"quantstudy: DIR: 'old' is not allowed; {held}; {way_out}"


def test_out_with_an_edited_study(refuse: Refuse, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "edited")
    (folder / "study.toml").write_text(StudyConfig(seeds=3).to_toml())
    for command in (("run", "--out"), ("run", "edited/study.toml", "--out"), ("report",)):
        assert "edited after the run began" in refuse(*command, "edited")


def test_report_on_what_is_no_finished_run(refuse: Refuse, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    for folder in ("absent", "file", "empty", "file/below", ""):
        line = refuse("report", folder)
        assert line.startswith(f"quantstudy: DIR: '{folder or '.'}' is not allowed; a run folder is needed")
    run_folder(tmp_path / "unfinished")
    line = refuse("report", "unfinished")
    assert "unfinished; finish it with quantstudy run unfinished/study.toml --out unfinished" in line


def test_report_on_damaged_records(refuse: Refuse, tmp_path: Path) -> None:
    run_folder(tmp_path / "run", state="complete", files={"metrics.parquet": hashlib.sha256(b"whole").hexdigest()})
    assert "metrics.parquet is missing or damaged" in refuse("report", "run", code=1)


def test_a_damaged_manifest(refuse: Refuse, tmp_path: Path) -> None:
    folder = run_folder(tmp_path / "run")
    for text in ("{", "[]", "", "\0", "null"):
        (folder / "manifest.json").write_text(text)
        assert "manifest.json is damaged" in refuse("run", "--out", "run", code=1)
        assert "manifest.json is damaged" in refuse("report", "run", code=1)


def test_cuda_where_there_is_none(refuse: Refuse) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    line = refuse("run", "--device", "cuda")
    assert "device: 'cuda' is not allowed; no CUDA device is there; auto or cpu" in line


def alone(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60, **kwargs)


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--bits", "1"),
        ("run", "--activations", "reul"),
        ("run", "absent.toml"),
        ("report", "absent"),
        ("run", "--nope"),
    ],
)
def test_in_a_process_of_its_own(tmp_path: Path, own_cache: Path, arguments: tuple[str, ...]) -> None:
    done = alone(str(QUANTSTUDY), *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert arguments[-1] in done.stderr
    assert not list(tmp_path.iterdir()) + list(own_cache.iterdir())


HEAVY = ("torch", "torchao", "triton", "numba", "seaborn", "matplotlib")

LOADED = """
import sys
sys.argv = ["quantstudy", *{arguments}]
from quantstudy.cli.app import main
try:
    main()
except SystemExit as left:
    print(left.code, *sorted(set({heavy}) & set(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["run", "--help"], 0),
        (["--version"], 0),
        (["activations"], 0),
        (["run", "--bits", "99"], 2),
        (["run", "--activations", "relu@-3"], 2),
        (["run", "--out", "."], 2),
        (["report", "absent"], 2),
        (["show", "absent"], 2),
        (["run", "x.toml"], 2),
    ],
)
def test_nothing_heavy_is_loaded(tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "x.toml").write_text("sedes = 3")
    done = alone(sys.executable, "-c", LOADED.format(arguments=arguments, heavy=HEAVY), cwd=tmp_path)
    assert done.stderr.splitlines()[-1].split() == [str(code)]


def test_importing_the_package_loads_nothing_heavy() -> None:
    program = f"import sys, quantstudy, quantstudy.config.study; print(sorted(set({HEAVY}) & set(sys.modules)))"
    assert alone(sys.executable, "-W", "error", "-c", program).stdout.split() == ["[]"]


def test_help_answers_within_half_a_second() -> None:
    # time of the processor, not of the clock: other work on this machine is not the program's fault
    used = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = alone(str(QUANTSTUDY), "--help", env={**os.environ, "COLUMNS": "100"})
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0
        assert "report" in done.stdout
    assert min(used) < 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--recipes", "polsh"), "recipes: 'polsh' is not allowed; did you mean polish? allowed: equalize, "),
        (("--recipes", "polish+qat"), "recipes: 'polish+qat' is not allowed; parts come once each and in this order"),
        (("--recipes", "qat@0"), "recipes: 'qat@0' is not allowed; qat@N, N training steps from 1 to 100000"),
        (("--scheme", "w4x"), "scheme: 'w4x' is not allowed; schemes look like w4, a4, w4a8"),
        ((), "RUN: 'nowhere' is not allowed; a run folder is needed"),
    ],
)
def test_what_recover_refuses_without_a_run(refuse: Refuse, options: tuple[str, ...], said: str) -> None:
    line = refuse("recover", "nowhere", *options)
    assert line.startswith(f"quantstudy: {said}")
    assert line.count("\n") == 1


def test_an_unknown_preset(refuse: Refuse) -> None:
    assert refuse("run", "--preset", "ntcc").strip() == (
        "quantstudy: preset: 'ntcc' is not allowed; did you mean ntc? allowed: ntc"
    )

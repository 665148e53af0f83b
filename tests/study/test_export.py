"""quantstudy export and verify on a tiny run: files that hold what they say, records, a figure, one-line refusals."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from quantstudy.cli import app
from quantstudy.cli.verify import do_verify
from quantstudy.deploy.engines import ENGINES
from quantstudy.engine.export import BEST, Asked, export
from quantstudy.engine.pipeline import run_study
from quantstudy.engine.quantized import prepared
from quantstudy.engine.recover import recover
from quantstudy.engine.verify import verify
from quantstudy.engine.verify_file import verify_file
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.quantize.recover.names import parse_recipes
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.run import Run, open_run
from tests.study.conftest import TINY


def asked(out: Path, **other: Any) -> Asked:
    given = {"activation": "hardgelu", "scheme": "w4a8", "recipe": "plain", "seed": BEST, "format": "onnx", "out": out}
    return Asked(**{**given, **other})


@pytest.fixture(scope="module")
def repaired(tiny: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The tiny run with networks that polish has repaired."""
    folder = tmp_path_factory.mktemp("repaired") / "tiny"
    shutil.copytree(tiny.folder, folder)
    run = Run(folder, TINY)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("quantstudy.engine.recover.redo", lambda run, **_: None)
        recover(run, parse_scheme("w4a4"), parse_recipes("polish"), ["hardgelu"])
    return run


@pytest.fixture(scope="module")
def verified(repaired: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[str]]:
    """That run with what engines make of it, and what the user was told."""
    folder = tmp_path_factory.mktemp("verified") / "tiny"
    shutil.copytree(repaired.folder, folder)
    run, notices = Run(folder, TINY), list[str]()
    verify(run, ["relu", "hardgelu"], ["w4a4", "w8a8"], 2, notify=notices.append)
    return run, notices


def test_the_best_is_picked_on_one_half_and_judged_on_the_other(tiny: Run, tmp_path: Path) -> None:
    about = export(tiny, asked(tmp_path / "net.onnx")).about
    networks = prepared(tiny, "hardgelu", "w4a8")
    even = [export(tiny, asked(tmp_path / "one.onnx", seed=str(seed))).about["quantized_even"] for seed in range(3)]
    assert about["seed"] == int(np.argmax(even))
    assert about["chosen"] == "best of 3"
    from quantstudy.measure.recover import heldout

    measures = heldout(networks.on, networks.quantized)
    place = about["seed"]
    assert about["quantized_even"] == even[place] == measures["heldout_accuracy_quantized_even"][place]
    assert about["quantized_odd"] == measures["heldout_accuracy_quantized_odd"][place]
    assert about["quantized"] == measures["heldout_accuracy_quantized"][place]
    assert about["float"] - about["quantized"] == pytest.approx(measures["heldout_accuracy_drop"][place], abs=1e-15)


@pytest.mark.parametrize("form", ["onnx", "onnx-int"])
def test_a_file_runs_without_quantstudy(tiny: Run, tmp_path: Path, form: str) -> None:
    network = export(tiny, asked(tmp_path / "net.onnx", format=form, seed="1"))
    networks = prepared(tiny, "hardgelu", "w4a8", seeds=[1])
    points = networks.on.maps.points.numpy()
    opened = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    (logit,) = opened.run(None, {"x": np.ascontiguousarray(points.T)})
    from quantstudy.quantize.fake_quant import accumulated

    reference = accumulated(networks.quantized.stack, networks.quantized.plan, networks.on.maps.points).logit
    flips = int(((logit[:, 0] > 0) != (reference[0, 0].numpy() > 0)).sum())
    assert network.about["parity"]["onnxruntime"]["measured_flips"] == flips <= 2
    told = {entry.key: entry.value for entry in _metadata(tmp_path / "net.onnx")}
    assert told["quantstudy.config"] == TINY.digest
    assert (told["quantstudy.scheme"], told["quantstudy.seed"], told["quantstudy.recipe"]) == ("w4a8", "1", "plain")


def _metadata(path: Path) -> Any:
    import onnx

    return onnx.load_model(path).metadata_props


def test_its_readme_says_how_it_is_run(tiny: Run, tmp_path: Path) -> None:
    export(tiny, asked(tmp_path / "net.onnx"))
    text = (tmp_path / "net.onnx.md").read_text()
    for said in ("# net.onnx", 'InferenceSession("net.onnx"', "(1, 2)", "x, y", "above 0 means island", "best of 3"):
        assert said in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.onnx", "net.onnx.md"]
    code = text.split("```python\n")[1].split("```")[0]
    scope: dict[str, Any] = {}
    exec(code.replace('"net.onnx"', repr(str(tmp_path / "net.onnx"))), scope)  # the example runs as it stands
    assert scope["logit"].shape == (1, 1)


def test_repaired_networks_are_exported_alike(repaired: Run, tmp_path: Path) -> None:
    plain = export(repaired, asked(tmp_path / "a.onnx", scheme="w4a4", seed="0"))
    network = export(repaired, asked(tmp_path / "b.onnx", scheme="w4a4", seed="0", recipe="polish"))
    assert network.about["recipe"] == "polish"
    assert any(
        not np.array_equal(one.codes, other.codes)  # type: ignore[arg-type]
        for one, other in zip(plain.layers, network.layers, strict=True)
    )
    recorded = repaired.recovered()
    assert recorded is not None
    rows = recorded[(recorded["recipe"] == "polish") & (recorded["seed"] == 0) & (recorded["scheme"] == "w4a4")]
    value = rows.set_index("metric")["value"]["heldout_accuracy_quantized"]
    assert network.about["quantized"] == value


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("target", "outputs"), [("digits", 10), ("sine", 1)])
def test_classes_and_numbers(tmp_path: Path, target: str, outputs: int) -> None:
    config = TINY.with_options(target=target, task=None, hidden="6", steps=20, activations="silu", seeds=2)
    run = run_study(config, tmp_path / "run")
    network = export(run, asked(tmp_path / "net.onnx", activation="silu"))
    assert network.neurons[-1] == outputs
    _, (measured, heldout) = verify_file(tmp_path / "net.onnx")
    assert sum(measured.found.flips.values()) + sum(heldout.found.flips.values()) <= 2
    text = (tmp_path / "net.onnx.md").read_text()
    assert ("the largest wins: 0, 1, 2" in text) == (target == "digits")


BAD = [
    (["--format", "c"], "a file whose name ends in .h is needed for c"),
    (["--activation", "gelu"], "activation: 'gelu' is not allowed; those of the run: relu, relu@1000000, hardgelu"),
    (["--scheme", "w4a8dyn"], "scheme: 'w4a8dyn' is not allowed; static ranges are needed"),
    (["--scheme", "w9a9"], "integers of at most 8 bits"),
    (["--scheme", "four"], "schemes look like"),
    (["--format", "tflite"], "format: 'tflite' is not allowed; allowed: onnx, onnx-int, c, json"),
    (["--seed", "3"], "seed: '3' is not allowed; best, or a whole number from 0 to 2"),
    (["--seed", "-1"], "best, or a whole number from 0 to 2"),
    (["--recipe", "polish"], "recipe: 'polish' is not allowed; of hardgelu at w4a8 this run has plain; quantstudy rec"),
    (
        ["--out", "/no/such/net.onnx"],
        "is not allowed; a file in a folder that is there, and /no/such is none",
    ),
    (["--out", "/"], "out: '/' is not allowed; the path of a file is needed"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_bad_input_is_one_line(
    tiny: Run, tmp_path: Path, options: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    given = ["--activation", "hardgelu", "--scheme", "w4a8", "--format", "onnx", "--out", str(tmp_path / "net.onnx")]
    monkeypatch.setattr("sys.argv", ["quantstudy", "export", str(tiny.folder), *given, *options])
    with pytest.raises(SystemExit) as left:
        app.main()
    assert left.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_where_nothing_can_be(tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.engine import export as module

    def full(files: dict[Path, bytes]) -> None:
        raise OSError(28, "No space left on device", str(next(iter(files))))

    monkeypatch.setattr(module, "write_together", full)
    with pytest.raises(OSError, match="No space left"):
        export(tiny, asked(tmp_path / "net.onnx"))
    assert not list(tmp_path.iterdir())


def test_a_missing_extra_is_one_line(tiny: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantstudy.deploy.formats.find_spec", lambda name: None)
    with pytest.raises(StudyFailure, match=r"^onnx is needed for onnx and not installed: pip install 'quantstudy\[de"):
        export(tiny, asked(tmp_path / "net.onnx"))


def test_networks_that_are_not_finite_are_not_exported(copy: Run, tmp_path: Path) -> None:
    from safetensors.numpy import load, save

    path = copy.folder / "weights/relu.safetensors"
    arrays = load(path.read_bytes())
    arrays["layers.1.weight"][1] = np.nan
    path.write_bytes(save(arrays))
    with pytest.raises(StudyFailure, match="seed 1 has parameters that are not finite: nothing can run it"):
        export(copy, asked(tmp_path / "net.onnx", activation="relu", seed="1"))
    assert export(copy, asked(tmp_path / "net.onnx", activation="relu")).about["seed"] in (0, 2)


def test_verify_adds_what_engines_compute(verified: tuple[Run, list[str]]) -> None:
    run, notices = verified
    table = run.engines()
    assert table is not None
    kinds = table[["scheme", "recipe", "engine", "activation"]].drop_duplicates().astype(str).apply(tuple, axis=1)
    both, every = [("w4a4", "plain"), ("w8a8", "plain")], ("onnx", "onnx-int", "c")
    expected = {(*way, engine, name) for way in both for engine in every for name in ("relu", "hardgelu")}
    expected |= {("w8a8", "plain", "torchao", name) for name in ("relu", "hardgelu")}
    expected |= {("w4a4", "polish", engine, "hardgelu") for engine in every}
    assert {kind for kind in kinds if kind[1] == "plain" or kind[0] == "w4a4"} == expected
    assert "torchao is left out at w4a4: torchao has no configuration for w4a4" in notices
    rows = run.verdict()["engines"]["rows"]
    assert all(row["networks"] == 2 and row["points"] == 2 * 2 * 17 * 17 for row in rows)
    assert all(sum(row["by"].values()) == row["flips"] for row in rows)
    assert not any("unexplained" in row["by"] for row in rows)
    assert (run.folder / "figures/engines.png").exists()
    assert "Do real engines compute what was simulated?" in (run.folder / "report.html").read_text()
    assert open_run(run.folder).engines() is not None  # a record like any other


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_what_verify_adds_stays(
    verified: tuple[Run, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(verified[0].folder, tmp_path / "tiny")
    run, file = Run(tmp_path / "tiny", TINY), tmp_path / "tiny/parity.parquet"
    before = file.read_bytes()
    monkeypatch.setattr("quantstudy.engine.verify.redo", lambda run, **_: None)
    verify(run, ["hardgelu"], ["w4a4"], 2, notify=lambda line: None)  # the same again
    assert file.read_bytes() == before
    (run.folder / "metrics.parquet").write_bytes(b"damaged")
    run_study(TINY, run.folder)
    assert file.read_bytes() == before
    assert run.is_sound("parity.parquet")
    file.write_bytes(b"damaged")
    notices: list[str] = []
    run_study(TINY, run.folder, notify=notices.append)
    assert any("parity.parquet is missing or damaged: make it again with quantstudy verify" in line for line in notices)
    assert "parity.parquet" not in run.manifest()["files"]


def test_verify_prints_an_engine_a_sentence(
    verified: tuple[Run, list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [row for row in verified[0].verdict()["engines"]["rows"] if row["scheme"] == "w4a4"]
    monkeypatch.setattr("quantstudy.cli.verify.verify", lambda *_, **__: found)
    do_verify(verified[0], ["hardgelu"], ["w4a4"], 1, as_json=False)
    out = " ".join(capsys.readouterr().out.split())
    assert "ONNX Runtime (QDQ)" in out
    assert out.endswith("figures and page: " + str(verified[0].folder / "report.html"))
    do_verify(verified[0], ["hardgelu"], ["w4a4"], 1, as_json=True)
    rows = json.loads(capsys.readouterr().out)["engines"]
    assert {row["engine"] for row in rows} == {"onnx", "onnx-int", "c"}


def test_verify_of_a_file_audits_it(tiny: Run, tmp_path: Path) -> None:
    import onnx
    from onnx import numpy_helper

    export(tiny, asked(tmp_path / "net.onnx"))
    assert [one.over for one in verify_file(tmp_path / "net.onnx")[1]] == ["measured", "heldout"]
    model = onnx.load_model(tmp_path / "net.onnx")
    for one in model.graph.initializer:
        if one.name == "layers.1.bias":
            one.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(one) + np.float32(1), one.name))
    onnx.save_model(model, tmp_path / "net.onnx")
    with pytest.raises(StudyFailure, match=r"net\.onnx: the bias of layer 1 is not that of its network; export it"):
        verify_file(tmp_path / "net.onnx")


def edited(path: Path, **about: Any) -> None:
    """Let a file tell something else of its network."""
    import onnx

    from quantstudy.deploy.as_json import network_of, text_of

    model = onnx.load_model(path)
    (entry,) = (one for one in model.metadata_props if one.key == "quantstudy.network")
    entry.value = text_of(network_of(entry.value, "it").told(**about))
    onnx.save_model(model, path)


LIES: list[tuple[str, dict[str, Any]]] = [
    ("what it says of its classes is not so", {"classes": ["island", "sea"]}),
    ("what it says of its inputs is not so", {"inputs": ["y", "x"]}),
    ("what it says of its shift is not so", {"shift": [0.0, 1.0]}),
    ("what it says of its largest_input is not so", {"largest_input": 9.0}),
    ("it says nothing of largest_input that could be", {"largest_input": None}),
    ("what it says of its accuracy (1.0, and it is", {"quantized_odd": 1.0}),
    ("what it says of its activation is not so", {"activation": "relu"}),
    ("what it says of its scheme is not so", {"scheme": "w8a8"}),
    ("what it says of its scheme is not so", {"scheme": "w4a4"}),
    ("what it says of its config is not so", {"config": "deadbeef"}),
    ("what it says of its target is not so", {"target": "spirals"}),
    ("what it says of its accuracy (0.999, and it is", {"quantized": 0.999}),
    ("what it says of its accuracy", {"seed": 0}),
    ("it says nothing of seed that could be", {"seed": "x"}),
    ("it says nothing of seed that could be", {"seed": None}),
    ("its format or its seed is none", {"seed": -1}),
    ("its format or its seed is none", {"format": ""}),
    ("it says nothing of format that could be", {"format": None}),
    ("it says nothing of peak that could be", {"task": "regression"}),
    ("line 1 is not what this version", {"format": "json"}),
]


@pytest.mark.parametrize(("said", "about"), LIES)
def test_a_file_that_tells_of_another_network(tiny: Run, tmp_path: Path, said: str, about: dict[str, Any]) -> None:
    export(tiny, asked(tmp_path / "net.onnx", seed="1"))
    verify_file(tmp_path / "net.onnx")
    edited(tmp_path / "net.onnx", **about)
    with pytest.raises(StudyFailure) as caught:
        verify_file(tmp_path / "net.onnx")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_with_a_study_that_is_none(tiny: Run, tmp_path: Path) -> None:
    export(tiny, asked(tmp_path / "net.onnx"))
    edited(tmp_path / "net.onnx", study="seeds = ")
    with pytest.raises(BadInput, match=r"^FILE: .* the study in it can't be read"):
        verify_file(tmp_path / "net.onnx")


@pytest.mark.parametrize("form", ["c", "json"])
def test_c_and_json_hold_what_they_say(tiny: Run, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"net.{'h' if form == 'c' else form}"
    network = export(tiny, asked(path, format=form))
    read, found = verify_file(path)
    assert read.about["seed"] == network.about["seed"]
    assert [one.engine for one in found] == ["c", "c"]
    assert all("unexplained" not in one.found.flips for one in found)
    text = path.read_text()
    if form == "c":
        path.write_text(text.replace("static", "extern", 1))
    else:
        told = json.loads(text)
        told["layers"][1]["bias"][0] += 1.0
        path.write_text(json.dumps(told, indent=1) + "\n")
    with pytest.raises(StudyFailure, match=r"is not what this version of quantstudy writes for its network|is damaged"):
        verify_file(path)


def test_json_of_floats_is_audited_alone(tiny: Run, tmp_path: Path) -> None:
    export(tiny, asked(tmp_path / "net.json", format="json", scheme="w4"))
    network, found = verify_file(tmp_path / "net.json")
    assert network.about["scheme"] == "w4"
    assert found == []


def test_files_stay_where_they_must(tiny: Run, copy: Run, tmp_path: Path) -> None:
    from quantstudy.records.folders import require_place

    (tmp_path / "plain").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "plain")
    require_place(tmp_path / "plain", "out")
    for path, said in (
        (tmp_path / "link", "a link or a device"),
        (Path("/dev/null"), "a link or a device"),
        (copy.folder / "net.onnx", "is that of a run"),
        (copy.folder / "weights/net.onnx", "is that of a run"),
        (tmp_path, "this is a folder"),
    ):
        with pytest.raises(BadInput, match=said):
            require_place(path, "out")
    (tmp_path / "net.onnx.md").write_text("my own notes")
    with pytest.raises(BadInput, match="it would be replaced, and was not exported"):
        export(tiny, asked(tmp_path / "net.onnx"))
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize(("form", "name"), [("onnx", "n.onnx"), ("onnx-int", "n.x"), ("c", "n.h"), ("json", "n.json")])
def test_a_file_is_exported_again_and_again_but_over_no_other(tiny: Run, tmp_path: Path, form: str, name: str) -> None:
    export(tiny, asked(tmp_path / name, format=form))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    export(tiny, asked(tmp_path / name, format=form))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    for path, data in before.items():
        (tmp_path / path).write_text("my notes on quantst-something")
        with pytest.raises(BadInput, match="it would be replaced, and was not exported"):
            export(tiny, asked(tmp_path / name, format=form))
        (tmp_path / path).write_bytes(data)


@pytest.mark.parametrize("stem", ["MY_NAME", "SYSTEM", "NAME", "INPUTS_FILE", "a-b c", "int"])
def test_c_files_of_any_name_compile_and_say_how(tiny: Run, tmp_path: Path, stem: str) -> None:
    import subprocess

    export(tiny, asked(tmp_path / f"{stem}.h", format="c"))
    assert [one.engine for one in verify_file(tmp_path / f"{stem}.h")[1]] == ["c", "c"]
    text = (tmp_path / f"{stem}.h.md").read_text()
    line = text.split("## How to run it")[1].split("```")[1].strip()
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2  # the logit and the class
    assert f"include {stem}.h alone" in text
    (tmp_path / f"{stem}.h").rename(tmp_path / "other.h")
    with pytest.raises(StudyFailure, match="was exported by another name, by which all in it is called"):
        verify_file(tmp_path / "other.h")


def test_a_name_that_c_has_itself_is_refused(tiny: Run, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="C has a header of this name"):
        export(tiny, asked(tmp_path / "stdint.h", format="c"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["false", "'", "./none", "true", "no-such-compiler"])
def test_a_compiler_that_makes_nothing_is_left_out(
    copy: Run, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", command)
    monkeypatch.setattr("quantstudy.engine.verify.redo", lambda run, **_: None)
    notices: list[str] = []
    rows = verify(copy, ["relu"], ["w4a4"], 1, notify=notices.append)
    assert {row["engine"] for row in rows} == {"onnx", "onnx-int"}
    assert any("no C compiler is found that makes programs for this machine" in line for line in notices)
    about = export(copy, asked(tmp_path / "net.h", format="c")).about
    assert about["parity"] == {"C99 compiled by": None}
    assert "what would run it is not installed here" in (tmp_path / "net.h.md").read_text()


def test_all_files_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from quantstudy.records import files

    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "two").mkdir()
    with pytest.raises(OSError, match="two"):
        files.write_together({tmp_path / "one": b"new", tmp_path / "two" / "none" / "x": b"new"})
    assert (tmp_path / "one").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("how", [{"placement": "both"}, {"input_bits": 8}, {"target": "sine"}, {"hidden": (1,)}])
def test_what_torchao_cannot_do_is_left_out(tmp_path: Path, how: dict[str, Any], monkeypatch) -> None:
    config = TINY.with_options(**{"steps": 20, "activations": "relu", "seeds": 2, "task": None, **how})
    run, notices = run_study(config, tmp_path / "run"), list[str]()
    monkeypatch.setattr("quantstudy.engine.verify.redo", lambda run, **_: None)
    rows = verify(run, ["relu"], ["w8a8"], 1, notify=notices.append)
    assert any(line.startswith("torchao is left out at w8a8: torchao") for line in notices)
    assert {"onnx"} <= {row["engine"] for row in rows} <= {"onnx", "onnx-int", "c"}
    assert not any("unexplained" in row["by"] for row in rows)


@pytest.mark.usefixtures("undrawn")
def test_verify_of_a_file_whose_data_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["a,b,label", *(f"{n % 7},{n % 5},{int(n % 7 > n % 5)}" for n in range(60))]
    (tmp_path / "table.csv").write_text("\n".join(rows))
    monkeypatch.chdir(tmp_path)
    config = TINY.with_options(target="table.csv", steps=20, activations="relu", seeds=2)
    run = run_study(config, tmp_path / "run")
    export(run, asked(tmp_path / "net.onnx", activation="relu"))
    text = (tmp_path / "net.onnx.md").read_text()
    assert "| input | shift | scale |" in text
    verify_file(tmp_path / "net.onnx")
    (tmp_path / "table.csv").write_text("\n".join([*rows, "1,2,0"]))
    with pytest.raises(BadInput, match="held other data when it was exported; export it again"):
        verify_file(tmp_path / "net.onnx")


def test_an_engine_that_is_not_installed_is_left_out(copy: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnx-int"):
        monkeypatch.setitem(ENGINES, name, replace(ENGINES[name], version=lambda: ""))
    monkeypatch.setattr("quantstudy.engine.verify.redo", lambda run, **_: None)
    notices: list[str] = []
    verify(copy, ["relu"], ["w8a8"], 1, notify=notices.append)
    assert "onnxruntime is not installed: pip install 'quantstudy[deploy]'; it is left out" in notices

"""A run that goes on, or is looked at again, on another machine."""

import sys

import pytest
import torch

from quantstudy.activations import functions
from quantstudy.config.study import StudyConfig
from quantstudy.engine import pipeline
from quantstudy.engine.pipeline import run_study
from quantstudy.errors import BadInput
from quantstudy.records import provenance
from quantstudy.records.cells import load_cell

PORTABLE = StudyConfig(
    name="machines",
    activations=("relu", "hardgelu"),
    seeds=1,
    steps=20,
    batch=32,
    grid=12,
    hidden=(4, 3),
    device="cpu",
    quick=True,
)
WAVE = "import torch\n\ndef wave(x):\n    return torch.sin(x)"
HERE, THERE = "some processor", "another processor"


@pytest.fixture
def wave(tmp_path, monkeypatch):
    """Return a function: what the activation from outside returns is followed by this text from now on."""
    monkeypatch.chdir(tmp_path)

    def write(more=""):
        (tmp_path / "outside_machines.py").write_text(f"{WAVE}{more}\n")
        for path in (tmp_path / "__pycache__").glob("*"):  # it may be of the same second and size
            path.unlink()
        sys.modules.pop("outside_machines", None)
        functions.look_again()

    write()
    yield write
    write()
    sys.modules.pop("outside_machines", None)


@pytest.fixture
def rounded_elsewhere(monkeypatch):
    """Return a function: from now on torch computes the sine as another processor might, in other last bits."""
    sine = torch.sin
    return lambda: monkeypatch.setattr(
        torch,
        "sin",
        lambda x: sine(x.float()).to(x.dtype) if x.dtype == torch.float64 else sine(x) * (1 + torch.finfo(x.dtype).eps),
    )


@pytest.fixture
def both(wave):
    """A study of one portable activation and one that is not."""
    return PORTABLE.with_options(activations=("relu", "outside_machines:wave"))


@pytest.fixture
def machine(monkeypatch):
    """Return a function: from now on this is another processor."""
    found = provenance.processor()

    def move(name, *sets):
        processor = found | {"name": name, "instruction_sets": list(sets)}
        monkeypatch.setattr(provenance, "processor", lambda: processor)
        monkeypatch.setattr(pipeline, "processor", lambda: processor)
        monkeypatch.setattr("quantstudy.records.origins.processor", lambda: processor)

    return move


def test_a_killed_run_that_goes_on_elsewhere_does_again_what_is_not_portable(
    tmp_path, wave, both, machine, undrawn, monkeypatch, rounded_elsewhere
):
    folder, real, done = tmp_path / "run", pipeline.run_cell, []

    def until(where, config, unit):
        if unit.stage == "picture":
            raise KeyboardInterrupt
        done.append((unit.stage, unit.activation))
        return real(where, config, unit)

    monkeypatch.setattr(pipeline, "run_cell", until)
    told = []
    machine(HERE, "avx2", "avx512f", "fma")
    with pytest.raises(KeyboardInterrupt):
        run_study(both, folder, notify=told.append)
    assert done == [(stage, name) for stage in ("train", "measure") for name in both.activations]
    assert [line for line in told if "depend on the machine" in line] == [told[0]]
    assert "outside_machines:wave" in told[0]
    assert "relu" not in told[0]
    done.clear()
    machine(THERE, "avx2", "fma")
    rounded_elsewhere()
    with pytest.raises(KeyboardInterrupt):
        run_study(both, folder)
    assert done == [(stage, "outside_machines:wave") for stage in ("train", "measure")]
    monkeypatch.setattr(pipeline, "run_cell", real)
    run = run_study(both, folder)
    assert run.manifest()["processor"]["name"] == THERE
    fresh = run_study(both, tmp_path / "fresh")
    for name in ("metrics.parquet", "plans.parquet", "weights/relu.safetensors"):
        assert (folder / name).read_bytes() == (fresh.folder / name).read_bytes()


def test_nothing_portable_is_done_again(tmp_path, machine, undrawn, monkeypatch, inexact):
    folder, told, real = tmp_path / "run", [], pipeline.run_cell

    def stop(where, config, unit):
        if unit.stage == "picture":
            raise KeyboardInterrupt
        return real(where, config, unit)

    monkeypatch.setattr(pipeline, "run_cell", stop)
    machine(HERE, "avx512f")
    with pytest.raises(KeyboardInterrupt):
        run_study(PORTABLE, folder, notify=told.append)
    kept = [path.name for path in (folder / "cells").iterdir()]
    assert len(kept) == 4
    machine(THERE, "fma")
    monkeypatch.setattr(pipeline, "run_cell", lambda where, config, unit: (load_cell(where, unit.key), 1 / 0))
    with pytest.raises(ZeroDivisionError):  # a picture is the first cell that is missing
        run_study(PORTABLE, folder, notify=told.append)
    assert [path.name for path in (folder / "cells").iterdir()] == kept
    assert told == list(inexact)


def test_a_finished_run_is_not_refused_for_a_last_bit(
    tmp_path, wave, both, machine, undrawn, monkeypatch, rounded_elsewhere
):
    machine(HERE, "avx512f")
    run = run_study(both, tmp_path / "run")
    before = (run.folder / "manifest.json").read_bytes()
    told = run.manifest()["functions"]["outside_machines:wave"]
    machine(THERE, "fma")
    rounded_elsewhere()
    functions.look_again()
    assert functions.activation_at("outside_machines:wave").fingerprint != told["fingerprint"]
    monkeypatch.setattr(pipeline, "run_cell", lambda *_: pytest.fail("a cell was run"))
    run_study(both, run.folder)
    assert (run.folder / "manifest.json").read_bytes() == before
    wave(" * 1.0001")
    with pytest.raises(BadInput, match="outside_machines:wave was another function when it was made"):
        run_study(both, run.folder)
    assert (run.folder / "manifest.json").read_bytes() == before

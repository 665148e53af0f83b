"""A whole study of a user's modules and of a function with a beginning of its own."""

import sys

import numpy as np
import pytest
from safetensors.numpy import load_file

from quantstudy.activations.catalogue import parse_activation
from quantstudy.activations.functions import look_again
from quantstudy.config.study import StudyConfig
from quantstudy.engine.pipeline import run_study
from quantstudy.engine.trained import trained_stack
from quantstudy.errors import BadInput

MINE = """
import torch
from torch import nn

class Copy(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return torch.where(x > 0, x, self.slope * x)

class Each(Copy):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.full((4,), 0.25))

def quiet(x):
    return torch.tanh(x)

quiet.initial_weights = lambda generator, outputs, inputs, layer: generator.uniform(-1, 1, (outputs, inputs))
quiet.learning_rate = 1e-6
"""
STUDY = StudyConfig(
    name="modules",
    activations=("relu", "modules_mine:Copy", "modules_mine:Each@3", "modules_mine:quiet"),
    seeds=2,
    steps=40,
    batch=32,
    grid=12,
    hidden=(4, 4),
    device="cpu",
    quick=True,
)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    sys.modules.pop("modules_mine", None)
    look_again()
    (home / "modules_mine.py").write_text(MINE)
    yield home
    sys.modules.pop("modules_mine", None)
    look_again()


@pytest.mark.slow
def test_a_study_trains_saves_and_shows_them_and_is_found_again(mine, command, capfd, tmp_path):
    run = run_study(STUDY, tmp_path / "run")
    copied = load_file(run.folder / "weights" / "modules_mine-Copy.safetensors")
    assert {name: array.shape for name, array in copied.items() if "activation" in name} == {
        "activation.0.slope": (2,),
        "activation.1.slope": (2,),
    }
    assert len({*copied["activation.0.slope"].tolist(), *copied["activation.1.slope"].tolist(), 0.25}) == 5
    each = load_file(run.folder / "weights" / "modules_mine-Each@3.safetensors")
    assert each["activation.1.slope"].shape == (2, 4)
    quiet = load_file(run.folder / "weights" / "modules_mine-quiet.safetensors")
    assert all(np.abs(quiet[f"layers.{layer}.weight"]).max() < 1.001 for layer in range(3))  # barely trained
    assert np.abs(quiet["layers.0.bias"]).max() < 1e-4

    told = run.manifest()["functions"]
    assert told["modules_mine:Copy"]["learned"] == {"slope": 0.25}
    assert told["modules_mine:Each@3"]["learned"] == {"slope": [0.25] * 4}
    assert (told["modules_mine:quiet"]["initial_weights"], told["modules_mine:quiet"]["learning_rate"]) == (True, 1e-6)
    page = (run.folder / "report.html").read_text()
    assert "learns slope; at first: bends at 0; from −∞ to ∞; never falls" in page
    assert "smooth; from −1 to 1; never falls; first weights of its own; learning rate 1e-06 of its own" in page

    written = (run.folder / "weights" / "modules_mine-Copy.safetensors").stat().st_mtime_ns
    assert run_study(STUDY, tmp_path / "run").folder == run.folder
    assert (run.folder / "weights" / "modules_mine-Copy.safetensors").stat().st_mtime_ns == written
    stack, _ = trained_stack(STUDY, "modules_mine:Copy", 0, 2)
    np.testing.assert_array_equal(stack.arrays()["activation.0.slope"], copied["activation.0.slope"])
    assert command("report", str(run.folder)) == 0
    assert capfd.readouterr().err == ""


def test_one_that_begins_otherwise_is_another_function(mine, undrawn, tmp_path):
    asked = STUDY.with_options(activations=("modules_mine:Copy",))
    run_study(asked, tmp_path / "run")
    sys.modules.pop("modules_mine")
    (mine / "modules_mine.py").write_text(MINE.replace("tensor(0.25)", "tensor(0.5) "))
    with pytest.raises(BadInput, match="was another function"):
        run_study(asked, tmp_path / "run")


def test_layers_that_do_not_fit_stop_a_study_before_anything_is_written(mine, tmp_path):
    assert parse_activation("modules_mine:Each").width == 4
    for hidden in ((4, 5), (8, 8)):
        with pytest.raises(BadInput, match="it has parameters for 4 neurons"):
            run_study(STUDY.with_options(hidden=hidden), tmp_path / "run")
    assert not (tmp_path / "run").exists()

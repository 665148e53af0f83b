"""Trained stacks by their settings: the cache, the reference trainer for what has no kernel."""

import sys

import numpy as np
import pytest

from quantstudy.activations import functions
from quantstudy.config.study import StudyConfig
from quantstudy.engine import trained as stacks
from quantstudy.records import provenance

SMALL = StudyConfig(steps=40, batch=64, grid=12, hidden=(4, 3), lr=0.05)
MODULE = "import torch\n\n\ndef rectify(x):\n    return torch.relu(x)\n"


@pytest.fixture
def outside(tmp_path, monkeypatch):
    (tmp_path / "outside_here.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "outside_here.py"
    forget()


def forget() -> None:
    sys.modules.pop("outside_here", None)
    functions.look_again()


@pytest.fixture
def trained(monkeypatch):
    done = []
    real = stacks.train
    monkeypatch.setattr(stacks, "train", lambda *of, **how: (done.append(of[0].activation.name), real(*of, **how))[1])
    return done


def arrays(name, config=SMALL, **options):
    return stacks.trained_arrays(config, name, range(3), **options)


def test_a_stack_is_trained_once(trained):
    first, again = arrays("relu"), arrays("relu")
    assert trained == ["relu"]
    assert all(np.array_equal(first[name], again[name]) for name in first)
    arrays("relu", SMALL.with_options(lr=0.06))
    arrays("relu", SMALL.with_options(bits="8"))  # changes no weight
    assert trained == ["relu", "relu"]


def test_what_has_no_kernel_is_trained_by_the_reference_trainer_and_that_is_told(outside):
    told = []
    ours = arrays("outside_here:rectify", notify=told.append)
    theirs = arrays("relu", SMALL.with_options(trainer="reference"), notify=told.append)
    assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)
    assert told == ["outside_here:rectify has no kernel: it is trained by the reference trainer, some ten times slower"]
    told.clear()
    arrays("outside_here:rectify", notify=told.append)  # from the cache: nothing is slow
    arrays("tanh", SMALL.with_options(trainer="reference"), notify=told.append)  # as it was asked for
    assert told == []


def test_a_changed_function_is_trained_again(outside, trained):
    arrays("outside_here:rectify")
    outside.write_text(MODULE.replace("torch.relu(x)", "torch.relu(x) - 0.125"))
    forget()
    arrays("outside_here:rectify")
    arrays("outside_here:rectify")
    assert trained == ["outside_here:rectify"] * 2


def test_other_data_in_the_same_file_are_learnt_anew(trained, tmp_path):
    rows = [f"{x},{x * x % 7},{int(x % 3 > 0)}" for x in range(30)]
    config = SMALL.with_options(target=str(tmp_path / "points.csv"), batch=8)
    for last in ("90,3,1", "90,3,0", "90,3,1"):
        (tmp_path / "points.csv").write_text("\n".join(["x,y,label", *rows, last]))
        arrays("relu", config)
    assert trained == ["relu", "relu"]


def test_another_processor_finds_portable_stacks_and_no_others(outside, trained, monkeypatch):
    config = SMALL.with_options(trainer="reference")
    found = provenance.processor()
    for sets in (["fma"], ["avx2", "fma"], ["fma"]):
        monkeypatch.setattr(provenance, "processor", lambda sets=sets: found | {"instruction_sets": sets})
        arrays("relu")
        arrays("outside_here:rectify")
        arrays("gelu", config)
    assert trained == ["relu", "outside_here:rectify", "gelu", "outside_here:rectify", "gelu"]


def test_the_stack_with_its_masks():
    stack, masks = stacks.trained_stack(SMALL, "hardgelu", 1, 3)
    assert (stack.models, masks.shape, stack.activation.name) == (2, (2, 12, 12), "hardgelu")

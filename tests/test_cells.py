import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from quantstudy import cells
from quantstudy.cells import Cell, cell, training_cell
from quantstudy.config import StudyConfig

CONFIG = StudyConfig(activations=("relu", "gelu"), seeds=37)

OTHER: dict[str, Any] = {
    "bits": (5,),
    "steps": 10,
    "batch": 7,
    "lr": 0.2,
    "grid": 16,
    "hidden": (8, 8),
    "frequency": 2.0,
    "placement": "pre",
    "observer": "mse",
    "coordinates": True,
    "allowed_drop": 0.05,
    "device": "cpu",
    "trainer": "reference",
}


def key(config: StudyConfig, stage: str = "measure", first: int = 0, last: int = 16) -> str:
    return cell(stage, config, "relu", first, last).key


def test_the_cells_of_a_study() -> None:
    found = list(cells.cells("train", CONFIG))
    assert [(unit.activation, unit.first, unit.last) for unit in found] == [
        (name, *ends) for name in ("relu", "gelu") for ends in ((0, 16), (16, 32), (32, 37))
    ]
    assert len({unit.key for unit in found}) == 6
    assert list(found[2].seeds) == [32, 33, 34, 35, 36]
    assert found[0].key.startswith("train-relu-0-16-")
    one = list(cells.cells("train", StudyConfig(activations=("relu",), seeds=1)))
    assert [(unit.first, unit.last) for unit in one] == [(0, 1)]
    full = list(cells.cells("train", StudyConfig(activations=("relu",), seeds=32)))
    assert [(unit.first, unit.last) for unit in full] == [(0, 16), (16, 32)]


def test_the_training_cell_of_each_seed() -> None:
    found = list(cells.cells("train", CONFIG))
    for seed in range(CONFIG.seeds):
        company = training_cell(CONFIG, "gelu", seed)
        assert seed in company.seeds
        assert company in found


def test_the_key_changes_with_every_setting_that_changes_numbers() -> None:
    assert set(OTHER) == {field.name for field in fields(StudyConfig)} - {"name", "activations", "seeds"}
    keys = {key(CONFIG.with_options(**{name: value})) for name, value in OTHER.items()}
    keys |= {key(CONFIG), key(CONFIG, "train"), key(CONFIG, first=1), key(CONFIG, last=15)}
    keys.add(cell("measure", CONFIG, "gelu", 0, 16).key)
    assert len(keys) == len(OTHER) + 5


def test_the_key_does_not_change_with_the_name_the_number_of_seeds_and_the_other_activations() -> None:
    for name, value in {"name": "x", "seeds": 64, "activations": ("relu",)}.items():
        assert key(CONFIG.with_options(**{name: value})) == key(CONFIG)


def test_the_key_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    real = cells.version
    keys = {key(CONFIG)}
    for package in ("quantstudy", "torch", "torchao", "numpy", "noise", "numba", "llvmlite"):
        with monkeypatch.context() as patched:
            patched.setattr(cells, "version", lambda name, changed=package: real(name) + ".1" * (name == changed))
            keys.add(key(CONFIG))
    assert len(keys) == 8


def test_versions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    key(CONFIG)
    monkeypatch.setattr(cells.metadata, "version", lambda name: pytest.fail(f"{name} was read again"))
    key(CONFIG)


def test_the_key_is_the_same_in_another_process() -> None:
    program = (
        "from quantstudy.cells import cell; from quantstudy.config import StudyConfig; import sys;"
        "print(cell('measure', StudyConfig(activations=('relu', 'gelu'), seeds=37), 'relu', 0, 16).key);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == key(CONFIG)


def test_a_cell_can_be_sent_to_a_worker() -> None:
    import pickle

    unit = cell("train", CONFIG, "relu", 0, 16)
    assert pickle.loads(pickle.dumps(unit)) == unit
    assert isinstance(unit, Cell)

import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine import cells, portability
from quantstudy.engine.cells import Cell, cell
from quantstudy.records import provenance

CONFIG = StudyConfig(activations=("relu", "gelu"), seeds=37)

OTHER: dict[str, Any] = {
    "target": "spirals",
    "bits": (5,),
    "schemes": ("wf8", "w4a8"),
    "steps": 10,
    "batch": 7,
    "lr": 0.2,
    "grid": 16,
    "hidden": (8, 8),
    "frequency": 2.0,
    "placement": "pre",
    "observer": "mse",
    "weight_observer": "no_clipping",
    "input_bits": 8,
    "input_rounding": "truncate",
    "scales": "pow2",
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


@pytest.mark.parametrize(("seeds", "looks"), [(37, ()), (8, (8,)), (40, (8, 24, 40)), (41, (5, 21, 37, 41))])
def test_every_cell_lies_within_the_cell_that_trained_it(seeds: int, looks: tuple[int, ...]) -> None:
    config = CONFIG.with_options(seeds=seeds)
    trained = {unit.key: unit for unit in cells.cells("train", config, looks)}
    for stage in ("measure", "vary"):
        found = list(cells.cells(stage, config, looks))
        assert [seed for unit in found if unit.activation == "gelu" for seed in unit.seeds] == list(range(seeds))
        for unit in found:
            company = trained[unit.trained]
            assert company.activation == unit.activation
            assert company.first + unit.place == unit.first
            assert unit.last <= company.last
    for seed in range(seeds):
        unit = cell("picture", config, "gelu", seed, seed + 1, looks)
        assert list(trained[unit.trained].seeds)[unit.place] == seed


def test_more_seeds_are_more_cells_and_leave_the_others_as_they_are() -> None:
    asked = CONFIG.with_options(seeds=5, until_decided=True, max_seeds=37)
    before: set[str] = set()
    for number, seeds in enumerate(asked.looks, start=1):
        config = asked.with_options(seeds=seeds)
        keys = {unit.key for unit in cells.cells("train", config, asked.looks[:number])}
        assert before < keys
        before = keys
    assert len(before) == 2 * 3


def test_networks_beside_the_study_are_trained_and_varied_but_not_measured() -> None:
    config = CONFIG.with_options(activations=("gelu", "hardgelu", "relu@3"))
    names = {stage: {unit.activation for unit in cells.cells(stage, config)} for stage in ("train", "measure", "vary")}
    assert names["measure"] == set(config.activations)
    assert names["train"] == names["vary"] == {*config.activations, "gelu@3", "hardgelu_uncapped"}
    quick = config.with_options(quick=True)
    assert {unit.activation for unit in cells.cells("train", quick)} == set(config.activations)
    assert not list(cells.cells("vary", quick))


def test_the_key_changes_with_every_setting_that_changes_numbers() -> None:
    assert set(OTHER) == {field.name for field in fields(StudyConfig)} - {*cells.CHANGE_NO_CELL, "task", "label"}
    together = {"input_rounding": {"quick": True, "input_bits": 8}, "scales": {"quick": True}}
    keys = {key(CONFIG.with_options(**{**together.get(name, {}), name: value})) for name, value in OTHER.items()}
    keys |= {key(CONFIG), key(CONFIG, "train"), key(CONFIG, first=1), key(CONFIG, last=15)}
    keys.add(cell("measure", CONFIG, "gelu", 0, 16).key)
    assert len(keys) == len(OTHER) + 5


@pytest.mark.parametrize("stage", ["train", "measure", "vary"])
def test_the_key_changes_with_the_bytes_of_a_table(stage: str, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    config, found = CONFIG.with_options(target=str(path)), []
    for last in ("3,1", "4,1", "3,1"):
        path.write_text(f"x,label\n1,0\n2,1\n{last}\n")
        found.append(cell(stage, config, "relu", 0, 16))
    first, other, again = found
    assert first == again
    assert first.key != other.key
    assert first.data != other.data


def test_the_key_does_not_change_with_the_name_the_number_of_seeds_and_the_other_activations() -> None:
    same = {"name": "x", "seeds": 64, "activations": ("relu",), "quick": True, "until_decided": True, "max_seeds": 99}
    same |= {"allowed_drop": 0.05, "allowed_psnr_drop": 0.5, "assurance": 0.9, "min_accuracy": 0.9, "learned": 0.95}
    assert set(same) == set(cells.CHANGE_NO_CELL)
    for name, value in same.items():
        assert key(CONFIG.with_options(**{name: value})) == key(CONFIG)
    assert key(CONFIG.with_options(learned="halfway")) != key(CONFIG)  # the best constant answer is measured then


def test_the_key_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    real = cells.version
    keys = {key(CONFIG)}
    for package in ("quantstudy", "torch", "torchao", "numpy", "noise", "numba", "llvmlite"):
        with monkeypatch.context() as patched:
            patched.setattr(cells, "version", lambda name, changed=package: real(name) + ".1" * (name == changed))
            keys.add(key(CONFIG))
    assert len(keys) == 8


@pytest.mark.parametrize("stage", ["train", "measure", "vary", "picture"])
def test_the_key_changes_with_the_arithmetic(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    before = key(CONFIG, stage)
    monkeypatch.setattr(cells, "REVISION", cells.REVISION + 1)
    assert key(CONFIG, stage) != before


@pytest.mark.parametrize("stage", ["train", "measure", "vary", "picture"])
def test_keys_hold_the_processor_of_what_is_not_portable(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    names = ("relu", "hardgelu", "gelu@3", "relu6", "tanh", "mish@2")

    def keys(**settings: Any) -> list[str]:
        config = StudyConfig(activations=names, seeds=4, **{"device": "cpu"} | settings)
        return [cell(stage, config, name, 0, 4).key for name in names]

    here = keys(), keys(trainer="reference"), keys(device="cuda")
    found = provenance.processor()
    monkeypatch.setattr(provenance, "processor", lambda: found | {"instruction_sets": ["fma"], "name": "other"})
    there = keys(), keys(trainer="reference"), keys(device="cuda")
    assert [a == b for a, b in zip(here[0], there[0], strict=True)] == [True] * 4 + [False] * 2
    assert not {*here[1], *here[2]} & {*there[1], *there[2]}
    # a name alone changes no bit
    monkeypatch.setattr(provenance, "processor", lambda: found | {"name": "other"})
    assert (keys(), keys(trainer="reference"), keys(device="cuda")) == here


def test_keys_hold_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = set()
    for name in (None, "one", "another"):
        monkeypatch.setattr(portability, "gpu", lambda name=name: name)
        keys |= {key(CONFIG.with_options(device=device)) for device in ("auto", "cpu", "cuda")}
    assert len(keys) == 3 + 1 + 3


def test_versions_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    key(CONFIG)
    monkeypatch.setattr(provenance.metadata, "version", lambda name: pytest.fail(f"{name} was read again"))
    key(CONFIG)


def test_the_key_is_the_same_in_another_process() -> None:
    program = (
        "from quantstudy.engine.cells import cell; from quantstudy.config.study import StudyConfig; import sys;"
        "print(cell('measure', StudyConfig(activations=('relu', 'gelu'), seeds=37, device='cpu'), 'relu', 0, 16)"
        ".key);"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == key(CONFIG.with_options(device="cpu"))


def test_a_cell_can_be_sent_to_a_worker() -> None:
    import pickle

    unit = cell("train", CONFIG, "relu", 0, 16)
    assert pickle.loads(pickle.dumps(unit)) == unit
    assert isinstance(unit, Cell)

"""The names of a sweep's cells: all that their numbers depend on, and nothing else."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

from quantstudy.activations import catalogue
from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import sweep_of
from quantstudy.engine import portability, swept
from quantstudy.engine.portability import provenance
from quantstudy.engine.same import wanted
from quantstudy.engine.sweep_cell import run_swept
from quantstudy.engine.sweep_work import made
from quantstudy.engine.swept import TUNED_ON, SweptCell, cells_of, sweep_cells
from quantstudy.engine.tuned import tuned
from quantstudy.errors import StudyFailure

STUDY = StudyConfig(activations=("relu", "hardgelu"), seeds=4, quick=True)


def names(study: StudyConfig = STUDY, **how: Any) -> list[str]:
    return [cell.name for cell in cells_of([study], **how)]


def test_a_cell_for_every_activation_of_every_study() -> None:
    sweep = sweep_of(STUDY, {"hidden": [[4], [8]], "frequency": [2.0, 3.0]})
    cells = list(sweep_cells(sweep))
    assert len(cells) == sweep.cells == len({cell.name for cell in cells}) == 8
    assert [(cell.activation, cell.config.hidden, cell.config.frequency) for cell in cells[:3]] == [
        ("relu", (4,), 2.0),
        ("hardgelu", (4,), 2.0),
        ("relu", (4,), 3.0),
    ]


def test_a_name_is_a_path_that_hive_readers_understand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantstudy.targets.catalogue._image_digest", lambda text: "0" * 16)
    asked = STUDY.with_options(target="/some where/photo.png:0.5", activations=("torch.nn.functional:softsign@3",))
    (name,) = names(asked)
    parts = dict(part.split("=") for part in name.split("/")[:2])
    assert {key: unquote(value) for key, value in parts.items()} == {
        "activation": "torch.nn.functional:softsign@3",
        "target": "/some where/photo.png:0.5",
    }
    assert re.fullmatch(r"[A-Za-z0-9%=/._-]+/[0-9a-f]{16}", name)


def test_a_long_path_fits_into_the_name_of_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quantstudy.targets.catalogue._image_digest", lambda text: "0" * 16)
    far = [STUDY.with_options(target=f"/{'数据' * 20}/{number}.png", activations=("relu",)) for number in range(2)]
    found = [name.split("/")[1] for study in far for name in names(study)]
    assert len({*found}) == 2
    assert all(re.fullmatch(r"target=~[0-9a-f]{16}", part) for part in found)


CHANGES: dict[str, Any] = {
    **{
        "seeds": 5,
        "steps": 10,
        "batch": 2,
        "lr": 0.2,
        "grid": 9,
        "hidden": (8, 8),
        "frequency": 2.0,
        "target": "glyph",
    },
    **{"bits": (3,), "schemes": ("w4a8",), "placement": "pre", "observer": "mse", "weight_observer": "no_clipping"},
    **{"input_bits": 8, "scales": "pow2", "trainer": "reference", "device": "cuda"},
}


@pytest.mark.parametrize("key", CHANGES)
def test_what_changes_numbers_changes_the_name(key: str) -> None:
    assert not {*names()} & {*names(STUDY.with_options(**{key: CHANGES[key]}))}


@pytest.mark.parametrize(
    "how", [{"tune": (0.1,)}, {"tune": (0.1, 0.2)}, {"recipes": ("polish",)}, {"analysis": "multiverse"}]
)
def test_so_does_what_is_done_in_the_cell(how: dict[str, Any]) -> None:
    assert not {*names()} & {*names(**how)}


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"activations": ("hardgelu", "relu", "gelu")}, {"allowed_drop": 0.5}, {"assurance": 0.9}],
    ids=str,
)
def test_what_changes_no_number_does_not(change: dict[str, Any]) -> None:
    assert {*names()} <= {*names(STUDY.with_options(**change))}


def test_versions_and_arithmetic_change_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real, found = swept.version, {tuple(names())}
    for package in ("quantstudy", "torch", "torchao", "numpy", "noise", "numba", "llvmlite"):
        with monkeypatch.context() as patched:
            patched.setattr(swept, "version", lambda name, changed=package: real(name) + ".1" * (name == changed))
            found.add(tuple(names()))
    monkeypatch.setattr(swept, "REVISION", swept.REVISION + 1)
    found.add(tuple(names()))
    assert len(found) == 9


def test_the_processor_is_part_of_what_is_not_portable_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    studies = [STUDY.with_options(device="cpu"), STUDY.with_options(device="cpu", trainer="reference")]
    before = [names(study) for study in studies]
    found = provenance.processor()
    monkeypatch.setattr(provenance, "processor", lambda: found | {"instruction_sets": ["sse41"]})
    after = [names(study) for study in studies]
    assert before[0] == after[0]
    assert not {*before[1]} & {*after[1]}


def test_a_worker_of_another_kind_makes_no_cell_under_a_name_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name says which processor or graphics card its numbers are of, or that they are the same on all."""
    small = STUDY.with_options(seeds=1, steps=2, grid=9)
    portable, by_torch = (next(cells_of([small.with_options(trainer=one)])) for one in ("fused", "reference"))
    with monkeypatch.context() as patched:
        patched.setattr(portability, "gpu", lambda: "a graphics card")
        with pytest.raises(StudyFailure, match="would get other bits by worker"):
            made(portable, 1)
    found = provenance.processor()
    monkeypatch.setattr(provenance, "processor", lambda: found | {"instruction_sets": ["sse41"]})
    with pytest.raises(StudyFailure, match="would get other bits by worker"):
        made(by_torch, 1)


@pytest.mark.parametrize(("activation", "most"), [("mine:wave", 1), ("relu", 2)])
def test_functions_of_the_users_are_called_by_one_thread_at_a_time(
    monkeypatch: pytest.MonkeyPatch, activation: str, most: int
) -> None:
    running, found, both = list[str](), list[int](), threading.Barrier(2)

    def makes(cell: SweptCell, threads: int) -> tuple[bytes, bytes, str, float, list[str]]:
        running.append(cell.name)
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        found.append(len(running))
        with suppress(threading.BrokenBarrierError):
            both.wait(0.2)
        running.remove(cell.name)
        return b"", b"", "cpu", 0.0, []

    monkeypatch.setattr("quantstudy.engine.sweep_work.made", makes)
    with ThreadPoolExecutor(2) as pool:
        where = f"memory://threads/{most}"
        some = [SweptCell(f"activation=a/target=b/{number}", STUDY, activation) for number in range(2)]
        for future in [pool.submit(run_swept, where, cell, wanted()) for cell in some]:
            future.result()
    assert max(found) == most


def test_cells_are_made_one_after_the_other() -> None:
    def studies() -> Iterator[StudyConfig]:
        yield STUDY
        raise AssertionError("the second study is not asked for yet")

    cells = cells_of(studies())
    assert isinstance(next(cells), SweptCell)
    assert isinstance(next(cells), SweptCell)


def test_no_study_has_the_seeds_that_rates_are_chosen_on() -> None:
    from quantstudy.config.allowed import WHOLE_NUMBERS

    assert WHOLE_NUMBERS["seeds"][1] <= TUNED_ON.start


def test_an_activation_with_a_rate_of_its_own_is_said_to_have_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is trained with that whatever the list says, so that no rate of the list may stand in its records."""
    monkeypatch.setattr(catalogue, "parse_activation", lambda name: SimpleNamespace(learning_rate=0.03))
    assert tuned(STUDY, "mine:wave", (0.1, 0.3), TUNED_ON).lr == 0.03
    assert tuned(STUDY, "mine:wave", (), TUNED_ON) == STUDY

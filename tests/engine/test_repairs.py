"""Which networks are repaired, and by what."""

from collections.abc import Sequence

import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import SEEDS_PER_CELL, repair_cells
from quantstudy.engine.repairs import (
    MOST_WORK,
    activations_of,
    lacking,
    require_recoverable,
    seconds_a_network,
    widths,
    work,
)
from quantstudy.errors import BadInput
from quantstudy.quantize.recover.names import parse_recipe
from quantstudy.quantize.scheme import parse_scheme

CONFIG = StudyConfig(activations=("relu", "torch.nn.functional:softsign", "hardgelu"), seeds=20)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("w4a4", ["w2a2", "w3a3", "w4a4", "w5a5", "w6a6", "w7a7", "w8a8"]),
        ("w4a8", ["w2a8", "w3a8", "w4a8", "w5a8", "w6a8", "w7a8", "w8a8"]),
        ("w8a8dyn", [f"w{bits}a8dyn" for bits in range(2, 9)]),
        ("w4", [f"w{bits}" for bits in range(2, 9)]),
        ("a6", [f"a{bits}" for bits in range(2, 9)]),
        ("wf8af8", []),
    ],
)
def test_other_widths_of_a_scheme(scheme: str, expected: Sequence[str]) -> None:
    assert widths(parse_scheme(scheme)) == expected


def test_cells_of_a_repair_hold_each_seed_once() -> None:
    cells = list(repair_cells(CONFIG, "relu", "w4a4", "polish"))
    assert [seed for cell in cells for seed in cell.seeds] == list(range(20))
    assert max(len(cell.seeds) for cell in cells) == SEEDS_PER_CELL["recover"]
    assert {(cell.scheme, cell.recipe, cell.stage) for cell in cells} == {("w4a4", "polish", "recover")}


def test_the_key_names_scheme_and_recipe() -> None:
    keys = {
        next(repair_cells(config, name, scheme, recipe)).key
        for config in (CONFIG, CONFIG.with_options(steps=10))
        for name in ("relu", "hardgelu")
        for scheme in ("w4a4", "w4a8")
        for recipe in ("plain", "polish", "qat@300")
    }
    assert len(keys) == 2 * 2 * 2 * 3


@pytest.mark.parametrize(
    ("recipe", "scheme", "name", "said"),
    [
        ("polish", "w4a4", "gelu", "activations: 'gelu' is not allowed; those of the run: relu"),
        ("equalize+qat", "w4a4", "torch.nn.functional:softsign", "has no kernel, which qat needs"),
        ("polish", "wf8af8", "relu", "polish repairs integers"),
        ("equalize", "a4", "relu", "leaves them float"),
    ],
)
def test_what_is_refused(recipe: str, scheme: str, name: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        require_recoverable(CONFIG, parse_scheme(scheme), [parse_recipe(recipe)], [name])
    assert said in str(caught.value)


@pytest.mark.parametrize("given", [("",), ("relu", ""), ("gelu",), ("reul",), ("relu@3",), ("relu@x",), ("not:there",)])
def test_other_activations_are_refused_with_those_of_the_run(given: tuple[str, ...]) -> None:
    with pytest.raises(BadInput) as caught:
        activations_of(CONFIG, given)
    assert (caught.value.field, caught.value.value) == ("activations", given[-1])
    assert caught.value.allowed == "those of the run: relu, torch.nn.functional:softsign, hardgelu"


def test_activations_of_the_run_by_any_of_their_names() -> None:
    assert activations_of(CONFIG, ("hardgelu", "ReLU")) == ("hardgelu", "relu")
    with pytest.raises(BadInput, match="each activation once"):
        activations_of(CONFIG, ("relu", "relu"))


def test_a_refusal_for_want_of_a_kernel_names_the_parts_that_need_none() -> None:
    name = "torch.nn.functional:softsign"
    with pytest.raises(BadInput, match=r"needs; these go: mse_ranges, bias_correction$"):
        require_recoverable(CONFIG, parse_scheme("a4"), [parse_recipe("qat")], [name])


def test_what_needs_no_kernel_repairs_any_activation() -> None:
    name = "torch.nn.functional:softsign"
    require_recoverable(CONFIG, parse_scheme("w4a4"), [parse_recipe("mse_ranges+bias_correction")], [name])
    assert not lacking(parse_recipe("equalize"), name)
    assert lacking(parse_recipe("equalize+polish"), name)


def test_scales_of_powers_of_two_stay_such() -> None:
    config = StudyConfig(activations=("relu",), scales="pow2", quick=True)
    with pytest.raises(BadInput, match="polish chooses scales of its own, and these are pow2"):
        require_recoverable(config, parse_scheme("w4a4"), [parse_recipe("polish")], ["relu"])
    require_recoverable(config, parse_scheme("w4a4"), [parse_recipe("bias_correction")], ["relu"])


def test_seconds_a_network_over_the_cells_that_are_known() -> None:
    done = list(repair_cells(CONFIG, "relu", "w4a4", "polish"))
    cells = {cell.key: {"state": "done", "seconds": 0.5 * len(cell.seeds) + 9.0, "compiling": 9.0} for cell in done[:2]}
    manifest = {"cells": cells, "recover_seconds": {"w4a4": {"plain": {"relu": 0.1}}}}
    expected = {"w4a4": {"plain": {"relu": 0.1}, "polish": {"relu": 0.5}}}
    assert seconds_a_network(manifest, done) == expected
    assert manifest["recover_seconds"] == {"w4a4": {"plain": {"relu": 0.1}}}


def test_the_default_study_is_little_work_and_large_networks_are_much() -> None:
    assert work(StudyConfig()) == (2 * 8 + 8 + 2 * (64 + 8) + 8 + 1) ** 2 * 128**2 < MOST_WORK
    assert work(StudyConfig(hidden=(64, 64, 64))) > MOST_WORK

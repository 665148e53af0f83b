"""Sweeps: from TOML and back, every combination once, and what is not allowed."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.config.study import StudyConfig
from quantstudy.config.sweep import AXES, Sweep, read_sweep, sweep_of
from quantstudy.errors import BadInput

VALUES: dict[str, list[Any]] = {
    "target": ["islands", "spirals", "sine"],
    "hidden": [[8, 8, 8], [16, 16], [4]],
    "frequency": [2, 3.5, 5.0],
    "lr": [0.1, 0.03],
    "steps": [10, 3000],
    "batch": [16, 1024],
    "grid": [8, 128],
    "placement": ["post", "pre"],
    "observer": ["minmax", "mse"],
    "weight_observer": ["symmetric", "restricted"],
    "scales": ["any", "pow2"],
    "input_bits": [8, "none"],
}


def asked() -> st.SearchStrategy[dict[str, list[Any]]]:
    return st.lists(st.sampled_from(AXES), unique=True, max_size=3).flatmap(
        lambda axes: st.fixed_dictionaries(
            {axis: st.lists(st.sampled_from(VALUES[axis]), min_size=1, max_size=2, unique_by=str) for axis in axes}
        )
    )


def test_every_axis_has_values_here() -> None:
    assert set(VALUES) == set(AXES)


@settings(max_examples=60)
@given(given_axes=asked(), tune=st.booleans(), recipes=st.booleans())
def test_a_file_gives_the_same_sweep_back(
    given_axes: dict[str, list[Any]], tune: bool, recipes: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    more: dict[str, Any] = {"tune": [0.1, 0.03]} if tune and "lr" not in given_axes else {}
    more |= {"recipes": ["polish", "plain"]} if recipes else {}
    sweep = sweep_of(StudyConfig(activations=("relu", "gelu"), seeds=3), given_axes | more)
    file = tmp_path_factory.mktemp("sweep") / "sweep.toml"
    file.write_text(sweep.to_toml())
    assert read_sweep(file) == sweep
    assert list(read_sweep(file).axes) == list(sweep.axes)  # in the same order
    assert sweep.tune == ((0.03, 0.1) if "tune" in more else ())
    assert sweep.recipes == (("polish",) if recipes else ())


@settings(max_examples=60)
@given(given_axes=asked())
def test_it_is_every_combination_once(given_axes: dict[str, list[Any]]) -> None:
    sweep = sweep_of(StudyConfig(), given_axes)
    studies = list(sweep.studies)
    assert len(studies) == len(sweep) == len(set(studies))
    assert sweep.cells == 7 * len(sweep)
    combinations = product(*(given_axes[axis] for axis in given_axes))
    for study, values in zip(studies, combinations, strict=True):
        typed = {
            axis: tuple(one) if isinstance(one, list) else one for axis, one in zip(given_axes, values, strict=True)
        }
        alone = StudyConfig(quick=True, **typed)
        assert {axis: getattr(study, axis) for axis in given_axes} == {
            axis: getattr(alone, axis) for axis in given_axes
        }
        assert study.seeds == 32


def test_a_target_brings_its_own_settings_where_no_axis_names_them() -> None:
    sweep = sweep_of(StudyConfig(), {"target": ["islands", "digits"], "steps": [50]})
    assert [(study.hidden, study.steps) for study in sweep.studies] == [((8, 8, 8), 50), ((32, 32), 50)]


def test_its_name_changes_with_every_value() -> None:
    names = {
        sweep_of(StudyConfig(), {"lr": [0.1]}).folder_name,
        sweep_of(StudyConfig(), {"lr": [0.1, 0.2]}).folder_name,
        sweep_of(StudyConfig(), {"lr": [0.2, 0.1]}).folder_name,
        sweep_of(StudyConfig(), {"tune": [0.1]}).folder_name,
        sweep_of(StudyConfig(seeds=3), {"lr": [0.1]}).folder_name,
    }
    assert len(names) == 5
    assert sweep_of(StudyConfig(name="mine"), {}).folder_name.startswith("mine-sweep-")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"widths": [8]}, r"sweep\.widths.*there is no such axis.*hidden"),
        ({"bits": [[4], [8]]}, r"sweep\.bits.*it stands in the study"),
        ({"seeds": [1, 2]}, r"sweep\.seeds.*it stands in the study"),
        ({"lr": []}, r"sweep\.lr.*a list of 1 to 1000 values"),
        ({"lr": 0.1}, r"sweep\.lr.*a list of 1 to 1000 values"),
        ({"lr": ["0.1"]}, r"sweep\.lr.*without quotes"),
        ({"lr": [-1]}, r"sweep\.lr.*-1 is not allowed"),
        ({"hidden": [8, 8]}, r"sweep\.hidden.*a list of lists of widths"),
        ({"hidden": [[0]]}, r"sweep\.hidden"),
        ({"target": ["iland"]}, r"sweep\.target.*did you mean islands"),
        ({"observer": ["best"]}, r"sweep\.observer.*minmax"),
        ({"tune": [0.1], "lr": [0.2]}, r"sweep\.tune.*no list for lr beside it"),
        ({"tune": [0]}, r"sweep\.tune"),
        ({"recipes": ["polsh"]}, r"polsh"),
        ({"recipes": [3]}, r"sweep.recipes: 3 is not allowed; names in quotes"),
        (
            {"frequency": [1 + i / 1000 for i in range(1000)], "grid": [4, 5], "steps": list(range(1, 502))},
            "at most 1000000",
        ),
        ([1], r"sweep.*a table of lists is needed"),
    ],
)
def test_what_is_not_allowed(table: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        sweep_of(StudyConfig(), table)


def test_a_study_until_decided_is_refused() -> None:
    with pytest.raises(BadInput, match="every cell has the same seeds"):
        sweep_of(StudyConfig(until_decided=True), {})


def test_a_file_without_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("seeds = 3\n")
    with pytest.raises(BadInput, match=r"a table \[sweep\] of lists is needed"):
        read_sweep(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_text("seeds = 3\n[sweep]\nlr = [7000]\n")
    with pytest.raises(BadInput, match=r"a\.toml: sweep\.lr: 7000"):
        read_sweep(tmp_path / "a.toml")


def test_equal_values_count_once() -> None:
    assert sweep_of(StudyConfig(), {"frequency": [3, 3.0, 2]}).axes == {"frequency": (3.0, 2.0)}
    assert Sweep(StudyConfig()).cells == 7

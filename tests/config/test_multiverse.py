"""The axes of a multiverse: their defaults, what a study file may say of them, what it may not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from quantstudy.config.multiverse import multiverse_of, read_multiverse
from quantstudy.config.study import StudyConfig

BASE = StudyConfig(name="small", activations=("relu", "hardgelu"), hidden=(4, 3))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "small.toml"


def test_what_changes_no_numbers_changes_no_folder() -> None:
    other = BASE.with_options(quick=True, max_seeds=64)
    assert multiverse_of(other) == multiverse_of(BASE)
    assert multiverse_of(BASE.with_options(until_decided=True)) == multiverse_of(BASE)
    names = {
        m.folder_name
        for m in (multiverse_of(BASE, {"lr": [0.07]}), multiverse_of(BASE), multiverse_of(BASE.with_options(steps=21)))
    }
    assert len(names) == 3
    assert all(name.startswith("small-multiverse-") and len(name) == 25 for name in names)


def test_a_plain_study_has_the_default_axes_and_wide_layers_stay_within_the_limit(file: Path) -> None:
    file.write_text("lr = 0.1\nhidden = [200, 256]\n")
    found = read_multiverse(file)
    assert found == multiverse_of(StudyConfig(hidden=(200, 256)))
    assert found.hidden == ((200, 256), (256, 256))
    assert len(list(found.studies)) == 18


def test_what_is_written_is_read_back(file: Path) -> None:
    asked = multiverse_of(BASE, {"lr": [1, 0.3, 1.0], "hidden": [[9], [4, 3], [9]], "metric": ["flip_rate"]})
    assert asked.lr == (0.1, 0.3, 1.0)
    assert asked.hidden == ((9,), (4, 3))
    file.write_text(asked.to_toml())
    assert read_multiverse(file) == asked
    assert asked.own == {
        "lr": 0.1, "frequency": 3.0, "hidden": "4,3", "placement": "post", "observer": "minmax",
        "metric": "heldout_accuracy_quantized",
    }  # fmt: skip


BAD = {
    "lr = [0]": ("multiverse.lr: 0 ", "numbers from 1e-06 to 10"),
    'lr = ["0.1"]': ("multiverse.lr: '0.1'", "without quotes"),
    "lr = 0.1": ("multiverse.lr: 0.1 ", "a list of 1 to 16 values"),
    "lr = []": ("multiverse.lr: []", "a list of 1 to 16 values"),
    "frequency = [nan]": ("multiverse.frequency: nan", "numbers from 0.1 to 64"),
    "hidden = [8, 8, 8]": ("multiverse.hidden: 8 ", "lists of widths such as [8, 8, 8]"),
    "hidden = [[0]]": ("multiverse.hidden: 0 ", "whole numbers from 1 to 256"),
    "hidden = [[8], []]": ("multiverse.hidden: ()", "whole numbers from 1 to 256"),
    'placement = ["pots"]': ("multiverse.placement: 'pots'", "did you mean post?"),
    'observer = [["mse"]]': ("multiverse.observer: ['mse']", "minmax, percentile, mse"),
    'metric = ["accuracy"]': ("multiverse.metric: 'accuracy'", "accuracy_quantized", "flip_rate"),
    "seeds = [4]": ("multiverse.seeds: [4]", "there is no such axis", "lr, frequency, hidden"),
}


@pytest.mark.parametrize("line", BAD)
def test_bad_axes_are_refused_in_one_line_and_nothing_is_written(
    file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], command: Callable[..., int], line: str
) -> None:
    file.write_text(f"steps = 3\n[multiverse]\n{line}\n")
    assert command("multiverse", str(file), "--out", str(tmp_path / "out")) == 2
    out, err = capfd.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err.startswith(f"quantstudy: {file}: ")
    assert all(part in err for part in BAD[line]), err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.toml"]


@pytest.mark.parametrize(
    ("text", "said"), [("multiverse = 3", "multiverse: 3"), ("stpes = 3", "did you mean steps?"), ("lr = 99", "lr: 99")]
)
def test_bad_studies_are_refused(
    file: Path, capfd: pytest.CaptureFixture[str], command: Callable[..., int], text: str, said: str
) -> None:
    file.write_text(text)
    assert command("multiverse", str(file)) == 2
    assert said in capfd.readouterr().err

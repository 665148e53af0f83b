from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.targets.arrays import target_of
from quantstudy.targets.catalogue import parse_target

INPUTS = np.random.Generator(np.random.PCG64(5)).normal(size=(20, 2))
LABELS = np.arange(20) % 2


def made(text, task="classes"):
    return parse_target(text, task=task).make([0], grid=8, frequency=3.0)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (LABELS, ("0", "1")),
        (LABELS == 1, ("False", "True")),
        (["a", "b"] * 10, ("a", "b")),
        (pd.Series(["a", "b"] * 10), ("a", "b")),
        (np.array(["a", "b"] * 10, dtype=object), ("a", "b")),
    ],
)
def test_arrays_become_a_target(labels, classes, own_cache):
    text = target_of(pd.DataFrame(INPUTS), labels)
    data = made(text)
    assert Path(text).parent == own_cache / "quantstudy" / "targets"
    assert data.classes == classes
    assert data.inputs == ("x0", "x1")
    assert parse_target(text).name == text


def test_the_same_arrays_are_the_same_file_and_others_another(own_cache):
    first = target_of(INPUTS, LABELS)
    assert target_of(INPUTS.copy().tolist(), LABELS.tolist()) == first
    assert target_of(INPUTS, LABELS + 1) != first
    assert target_of(-INPUTS, LABELS) != first
    assert len(list((own_cache / "quantstudy" / "targets").iterdir())) == 3
    assert Path(first).stem.isalnum()
    assert len(Path(first).stem) == 16


def test_numbers_are_for_regression():
    assert made(target_of(INPUTS, INPUTS[:, 0]), "regression").outputs == 1
    assert made(target_of(INPUTS, INPUTS * 2), "regression").outputs == 2


@pytest.mark.parametrize(
    ("inputs", "labels", "message"),
    [
        (INPUTS[:, 0], LABELS, "inputs: 'float64 [20]' is not allowed; numbers [rows, inputs] are needed"),
        (5, LABELS, "inputs: 'int64 []' is not allowed"),
        ([["a", "b"]] * 20, LABELS, "inputs: '<U1 [20, 2]' is not allowed"),
        (INPUTS * 1j, LABELS, "inputs: 'complex128 [20, 2]' is not allowed"),
        (INPUTS, LABELS[:7], "labels: 'int64 [7]' is not allowed; classes or numbers [rows] are needed, 20 rows"),
        (INPUTS, [None] * 20, "labels: 'object [20]' is not allowed"),
        (INPUTS, LABELS[:, None, None], "labels: 'int64 [20, 1, 1]' is not allowed"),
    ],
)
def test_other_arrays_are_refused(inputs, labels, message):
    with pytest.raises(BadInput) as refused:
        target_of(inputs, labels)
    assert message in str(refused.value)


def test_a_cache_that_can_not_be_written_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StudyFailure, match=r"^the arrays can't be kept in a file \(Not a directory\); XDG_CACHE_HOME"):
        target_of(INPUTS, LABELS)


def test_a_user_without_home_is_told(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(StudyFailure, match="XDG_CACHE_HOME says where"):
        target_of(INPUTS, LABELS)


def test_a_relative_cache_gives_a_path_that_holds_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert target_of(INPUTS, LABELS).startswith(str(tmp_path / "cache"))

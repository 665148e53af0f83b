import math

import numpy as np
import pandas as pd
import pytest

from quantstudy.errors import BadInput
from quantstudy.targets.catalogue import parse_target
from quantstudy.targets.splits import three_tenths

ROWS = 20
DRAWS = np.random.Generator(np.random.PCG64(5)).normal(size=(ROWS, 2))
LABELS = np.arange(ROWS) % 2


def frame(**columns):
    return pd.DataFrame({"x": DRAWS[:, 0], "y": DRAWS[:, 1], "label": LABELS} | columns)


def stored(folder, table, name="points.csv", **more):
    path = folder / name
    if isinstance(table, str):
        path.write_text(table)
    elif name.endswith(".parquet"):
        table.to_parquet(path, **more)
    else:
        table.to_csv(path, **{"index": False, **more})
    return str(path)


def made(text, task="classes", label=None, seeds=(0, 1)):
    return parse_target(text, task=task, label=label).make(list(seeds), grid=8, frequency=3.0)


def _first(count):
    return ", ".join(f"c{number}" for number in range(count))


def refusal(text, task="classes", label=None):
    with pytest.raises(BadInput) as refused:
        made(text, task, label)
    message = str(refused.value)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("name", ["points.csv", "points.parquet", "points.CSV", "points.npz"])
def test_every_format_gives_the_same_data(tmp_path, name):
    if name.endswith("npz"):
        np.savez(tmp_path / name, x=DRAWS[:, 0], y=DRAWS[:, 1], label=LABELS)
        data = made(str(tmp_path / name), seeds=(3, 6))
    else:
        data = made(stored(tmp_path, frame(), name), seeds=(3, 6))
    trained, heldout = three_tenths([3, 6], LABELS.astype(np.int32))
    assert (data.inputs, data.classes, data.outputs) == (("x", "y"), ("0", "1"), 1)
    assert data.plane is None
    assert np.array_equal(data.trained, trained)
    assert data.measured.inputs.shape[2] == ROWS
    for seed in (0, 1):
        place = lambda rows: ((DRAWS[rows] - data.shift[seed]) / data.scale[seed]).T  # noqa: B023, E731
        np.testing.assert_allclose(data.training.inputs[seed], place(trained[seed]), atol=1e-6)
        np.testing.assert_allclose(data.heldout.inputs[seed], place(heldout[seed]), atol=1e-6)
        assert np.array_equal(data.heldout.labels[seed], LABELS[heldout[seed]] == 1)
    np.testing.assert_allclose(data.training.inputs.mean(axis=2), 0, atol=1e-6)


def test_any_columns_are_inputs_and_the_user_names_the_label(tmp_path):
    table = frame(kind=["setosa", "virginica"] * 10).rename(columns={"label": "width"})
    data = made(stored(tmp_path, table[["kind", "y", "width", "x"]]), label="kind")
    assert data.inputs == ("y", "width", "x")
    assert data.classes == ("setosa", "virginica")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["b", "a", "c", "b"] * 5, ("a", "b", "c")),
        ([True, False] * 10, ("False", "True")),
        ([10, 9, 2, 9] * 5, ("2", "9", "10")),
        ([1.0, 0.0] * 10, ("0", "1")),
        ([0.5, 2.0] * 10, ("0.5", "2")),
        (["none", "some"] * 10, ("none", "some")),
        (["1", "2a"] * 10, ("1", "2a")),
    ],
)
def test_labels_of_every_kind_are_classes(tmp_path, name, labels, classes):
    data = made(stored(tmp_path, frame(label=labels), name))
    assert data.classes == classes
    names = np.array(classes)[data.heldout.labels[0].astype(int)]
    plain = [str(label) if isinstance(label, str | bool) else f"{label:g}" for label in labels]
    _, heldout = three_tenths([0], np.array([classes.index(label) for label in plain], np.int32))
    assert [plain[row] for row in heldout[0]] == names.tolist()


def test_a_category_of_pandas_is_text(tmp_path):
    labels = pd.Categorical(["b", "a"] * 10, categories=["b", "a", "unused"])
    assert made(stored(tmp_path, frame(label=labels), "a.parquet")).classes == ("a", "b")


def test_an_index_without_a_name_is_no_column(tmp_path):
    kept = frame()[lambda table: table.x > -5].sample(frac=1, random_state=1)
    assert made(stored(tmp_path, kept, "a.parquet")).inputs == ("x", "y")


def test_numbers_of_every_type_are_inputs(tmp_path):
    table = frame(whole=np.arange(ROWS, dtype=np.int16), yes=LABELS == 0, half=DRAWS[:, 0].astype(np.float32))
    data = made(stored(tmp_path, table, "a.parquet"))
    assert data.inputs == ("x", "y", "whole", "yes", "half")


def test_regression_learns_standardized_numbers(tmp_path):
    values = DRAWS[:, 0] * 1000 + 7
    data = made(stored(tmp_path, frame(label=values)), "regression", seeds=(2,))
    assert (data.outputs, data.classes, data.training.labels.shape) == (1, (), (1, 1, 14))
    trained, heldout = three_tenths([2], np.zeros(ROWS, np.int32))
    mean, scale = values[trained[0]].mean(), values[trained[0]].std()
    np.testing.assert_allclose(data.heldout.labels[0, 0], (values[heldout[0]] - mean) / scale, atol=1e-5)


def test_arrays_have_several_outputs_for_regression(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=DRAWS, labels=DRAWS[:, ::-1] * 3)
    data = made(str(tmp_path / "a.npz"), "regression")
    assert (data.outputs, data.inputs) == (2, ("x0", "x1"))
    np.testing.assert_allclose(data.training.labels[:, ::-1], data.training.inputs, atol=1e-5)  # y and x, tripled
    assert "labels has 2 columns: classes have one" in refusal(str(tmp_path / "a.npz"))


@pytest.mark.parametrize("labels", [LABELS, LABELS == 1, np.array(["a", "b"])[LABELS], np.array([b"a", b"b"])[LABELS]])
def test_arrays_of_every_kind_of_label(tmp_path, labels):
    np.savez(tmp_path / "a.npz", inputs=DRAWS.astype(np.float32)[:, :1], labels=labels[:, None])
    data = made(str(tmp_path / "a.npz"))
    assert data.inputs == ("x",)
    assert len(data.classes) == 2
    assert data.training.labels.sum(axis=1).tolist() == [7, 7]


def test_rare_classes_are_held_out_too(tmp_path):
    labels = ["common"] * 16 + ["rare"] * 4
    data = made(stored(tmp_path, frame(label=labels)), seeds=range(6))
    assert data.heldout.labels.sum(axis=1).tolist() == [1] * 6
    assert data.training.labels.sum(axis=1).tolist() == [3] * 6


def test_the_same_table_is_read_once_and_another_one_anew(tmp_path):
    path = stored(tmp_path, frame())
    first, digest = made(path), parse_target(path).made_of()
    assert made(path) is first
    stored(tmp_path, frame(x=DRAWS[:, 1]))
    assert made(path) is not first
    assert parse_target(path).made_of() != digest
    assert len(digest) == 16


# --- refusals: field, value, column and line


CELLS = [
    ("x", 3, "", "column 'x', line 5: nothing stands there"),
    ("y", 0, "NA", "column 'y', line 2: 'NA' is not a number"),
    ("y", 19, "n/a\tb", "column 'y', line 21: 'n/a\\tb' is not a number"),
    ("x", 1, "inf", "column 'x', line 3: 'inf' is not a number"),
    ("x", 1, "1e999", "column 'x', line 3: inf is not finite; at most 1e+30 is allowed"),
    ("x", 1, "-2e30", "column 'x', line 3: -2e+30 is too large; at most 1e+30"),
    ("label", 2, "", "column 'label', line 4: nothing stands there"),
    ("label", 2, "NaN", "column 'label', line 4: 'NaN' is no class"),
]


@pytest.mark.parametrize(("column", "row", "cell", "message"), CELLS)
def test_a_bad_cell_is_named(tmp_path, column, row, cell, message):
    table = frame().astype(str)
    table.loc[row, column] = cell
    path = stored(tmp_path, table)
    assert refusal(path).startswith("target: '")
    assert message in refusal(path)


def test_a_bad_cell_in_parquet_and_arrays_is_named_by_its_row(tmp_path):
    table = frame()
    table.loc[4, "x"] = math.nan
    assert "column 'x', row 5: no number stands there" in refusal(stored(tmp_path, table, "a.parquet"))
    table = frame(label=["a", None] + ["b"] * 18)
    assert "column 'label', row 2: nothing stands there" in refusal(stored(tmp_path, table, "b.parquet"))
    table = frame(label=pd.array([True, None] * 10, dtype="boolean"))
    assert "column 'label', row 2: nothing stands there" in refusal(stored(tmp_path, table, "c.parquet"))
    table = frame(when=pd.Timestamp("2020-01-01"))
    assert "column 'when', row 1: '2020-01-01 00:00:00' is not a number" in refusal(
        stored(tmp_path, table, "d.parquet")
    )
    inputs = DRAWS.copy()
    inputs[7, 1] = -math.inf
    np.savez(tmp_path / "a.npz", inputs=inputs, labels=LABELS)
    assert "column 'x1', row 8: -inf is not finite" in refusal(str(tmp_path / "a.npz"))


def test_a_column_of_text_is_no_input(tmp_path):
    assert "column 'who', line 2: 'me' is not a number" in refusal(stored(tmp_path, frame(who="me")))


def test_a_constant_column_is_named(tmp_path):
    assert "column 'z' is 3 in every line: nothing can be learnt from it" in refusal(stored(tmp_path, frame(z=3)))
    assert "column 'label' is 2.5 in every line" in refusal(stored(tmp_path, frame(label=2.5)), "regression")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 20, "column 'label' is 'a' everywhere: two classes are needed"),
        ([1] * 20, "column 'label' is 1 in every line"),
        (["a"] * 17 + ["b"] * 3, "class 'b' of column 'label' has 3 rows; 4 are needed, some to train on"),
        (
            [0] * 17 + [1] * 3,
            "has 3 rows; 4 are needed, some to train on and some to hold out; to predict numbers, --task",
        ),
        (range(20), "has 1 row; 4 are needed"),
    ],
)
def test_labels_that_are_no_classes_are_refused(tmp_path, labels, message):
    assert message in refusal(stored(tmp_path, frame(label=list(labels))))


def test_many_numbers_are_for_regression(tmp_path):
    table = pd.DataFrame({"x": np.arange(60.0), "label": np.arange(60) / 7})
    path = stored(tmp_path, table)
    message = "column 'label' has 60 different numbers, too many for classes; to predict numbers, --task regression"
    assert message in refusal(path)
    assert made(path, "regression").outputs == 1
    table = pd.DataFrame({"x": np.arange(1200.0), "label": np.arange(1200) % 300})
    assert "column 'label' has 300 different numbers" in refusal(stored(tmp_path, table))
    table = pd.DataFrame({"x": np.arange(1200.0), "label": [f"c{number % 300}" for number in range(1200)]})
    assert "column 'label' has 300 classes; 256 are allowed" in refusal(stored(tmp_path, table))
    assert "column 'label', line 2: 'c0' is not a number" in refusal(stored(tmp_path, table), "regression")


def test_a_missing_label_is_told_with_the_columns_that_there_are(tmp_path):
    path = stored(tmp_path, frame().rename(columns={"label": "lable"}))
    expected = (
        "label: 'label' is not allowed; name the column that is predicted with --label: no column of points.csv "
        "has this name; did you mean lable? allowed: lable, "
    )
    assert refusal(path).startswith(expected)
    assert refusal(path, label="z").startswith(
        "label: 'z' is not allowed; no column of points.csv has this name; allowed"
    )
    many = pd.DataFrame({f"c{number}": np.arange(20.0) for number in range(90)} | {"lable": LABELS})
    assert refusal(stored(tmp_path, many)).endswith("did you mean lable? allowed: lable, " + _first(19) + ", …")
    np.savez(tmp_path / "a.npz", x=DRAWS[:, 0], z=LABELS)
    assert "no column of a.npz has this name; allowed: x, z" in refusal(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y,label\n", "8 rows at least are needed, and it has 0"),
        ("x,y,label\n1,2,0\n", "8 rows at least are needed, and it has 1"),
        ("label\n0\n1\n", "1 to 256 columns are needed beside the label, and it has 0"),
        ("\n", "the file is blank"),
        ("", "the file is empty"),
        ("x,x,label\n1,2,0\n", "2 columns are called 'x'"),
    ],
)
def test_tables_with_too_little_are_refused(tmp_path, text, message):
    assert message in refusal(stored(tmp_path, text))


def test_too_many_inputs_are_refused(tmp_path):
    table = pd.DataFrame({f"c{number}": np.arange(20.0) for number in range(257)} | {"label": LABELS})
    assert "1 to 256 columns are needed beside the label, and it has 257" in refusal(stored(tmp_path, table))
    assert made(stored(tmp_path, table.drop(columns="c3"))).measured.inputs.shape[1] == 256


def test_files_that_are_something_else_are_refused(tmp_path):
    for name in ("a.parquet", "a.npz"):
        (tmp_path / name).write_bytes(b"PAR1 nonsense, not a table PAR1")
        assert f"it is no .{name[2:]} file" in refusal(str(tmp_path / name))
    (tmp_path / "b.parquet").write_bytes(frame().to_parquet()[:300])
    assert "it is no .parquet file, or a broken one" in refusal(str(tmp_path / "b.parquet"))
    np.savez(tmp_path / "b.npz", inputs=DRAWS, labels=LABELS)
    (tmp_path / "b.npz").write_bytes((tmp_path / "b.npz").read_bytes()[:-30])
    assert "it is no .npz file of numpy, or a broken one" in refusal(str(tmp_path / "b.npz"))
    assert "there is no such file" in refusal(str(tmp_path / "none.csv"))
    assert "there is no such file" in refusal("a\0b.csv") or "a readable file is needed" in refusal("a\0b.csv")


ARRAYS = [
    ({"inputs": DRAWS}, "array labels is missing; [rows] or [rows, columns] is needed"),
    ({"inputs": DRAWS[:, 0], "labels": LABELS}, "array inputs is of shape [20]; [rows, columns] is needed"),
    ({"inputs": DRAWS, "labels": LABELS[:5]}, "its arrays differ in their number of rows (x0: 20, label: 5)"),
    ({"inputs": np.ones((20, 6)), "labels": LABELS[:5]}, "differ in their number of rows (x0: 20, label: 5)"),
    ({"x": DRAWS, "label": LABELS}, "array x has the shape [20, 2]; a column is [rows]"),
    ({"x": DRAWS[:, 0] * 1j, "label": LABELS}, "array x holds complex128; numbers or text are needed"),
    ({"x": np.array([None] * 20), "label": LABELS}, "its arrays can't be read (Object arrays cannot be loaded"),
    ({}, "it holds no array"),
]


@pytest.mark.parametrize(("arrays", "message"), ARRAYS)
def test_arrays_that_are_no_table_are_refused(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    assert message in refusal(str(tmp_path / "a.npz"))


def test_arrays_without_columns_have_no_label_to_choose(tmp_path):
    np.savez(tmp_path / "a.npz", inputs=DRAWS, labels=LABELS)
    assert "have no names of columns, hence no y" in refusal(str(tmp_path / "a.npz"), label="y")


def test_files_that_are_too_large_are_refused(tmp_path, monkeypatch):
    from quantstudy.targets import files, npz

    path = stored(tmp_path, frame())
    monkeypatch.setattr(files, "MOST_BYTES", 100)
    assert "files of at most 0 MiB, and it has 0" in refusal(path)
    monkeypatch.undo()
    np.savez_compressed(tmp_path / "a.npz", inputs=np.zeros((1000, 100)), labels=np.zeros(1000))
    monkeypatch.setattr(npz, "MOST_BYTES", 1 << 19)
    assert "arrays of at most 0 MiB" in refusal(str(tmp_path / "a.npz"))
    monkeypatch.undo()
    table = pd.DataFrame(np.zeros((50_000, 101))).rename(columns=str)
    assert "tables of at most 4000000 numbers, and it has 50000 rows of 101" in refusal(
        stored(tmp_path, table, "a.parquet")
    )


def test_paths_begin_at_the_users_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    stored(tmp_path, frame())
    assert made("~/points.csv").classes == ("0", "1")

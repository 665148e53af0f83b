import hashlib
import inspect
import os
import pickle
from collections import Counter

import numpy as np
import pytest

from quantstudy.config import tasks
from quantstudy.errors import BadInput
from quantstudy.targets.catalogue import IMAGES, TABLES, TARGETS, parse_target
from quantstudy.targets.islands import heldout_masks, heldout_plane, island_masks, plane

GRID = 24
SEEDS = [0, 3, 8]


def made(name, seeds=SEEDS, grid=GRID):
    return TARGETS[name].make(seeds, grid=grid, frequency=3.0)


def test_every_entry_is_named_by_its_key_and_has_a_task():
    assert list(TARGETS) == [*tasks.KNOWN, *tasks.BEYOND]
    numbers = {"texture", "sine", *tasks.BEYOND[12:]}
    for name, target in TARGETS.items():
        assert target.name == name
        assert target.task == ("regression" if name in numbers else "classes")
        assert parse_target(name) is target
        assert parse_target(f" {name.upper()} ", task=target.task) is target


def test_islands_have_a_line_and_the_others_what_settings_have():
    from dataclasses import fields

    from quantstudy.config.study import StudyConfig

    assert dict(TARGETS["islands"].defaults) == {"learned": 0.9}
    known = {field.name for field in fields(StudyConfig)}
    for target in TARGETS.values():
        assert set(target.defaults) <= known
        StudyConfig(**target.defaults)
    assert TARGETS["texture"].defaults["hidden"] == (32, 32, 32)


def test_what_nobody_tuned_has_the_settings_of_the_first_of_its_kind():
    first = {("plane", 2): {}}  # as the islands, but for their line
    kinds = {"line": TARGETS["sine"], "rows": TARGETS["digits"], "plane": TARGETS["texture"]}
    for name in tasks.BEYOND:
        target = TARGETS[name]
        settings = first.get((target.over, len(made(name).inputs)), kinds[target.over].defaults)
        assert dict(target.defaults) == dict(settings), name


@pytest.mark.parametrize("name", TARGETS)
def test_data_are_what_the_contract_says(name):
    target, data = TARGETS[name], made(name)
    plane_points = GRID * GRID if data.plane else data.measured.inputs.shape[2]
    assert data.plane in (None, (GRID, GRID))
    for examples in (data.measured, data.heldout, data.training):
        assert examples.inputs.dtype == np.float32
        assert len(examples.inputs) in (1, 3)
        assert examples.inputs.shape[1] == len(data.inputs) == len(set(data.inputs))
        points = examples.inputs.shape[2]
        if target.task == "regression":
            assert examples.labels.shape == (3, data.outputs, points)
            assert examples.labels.dtype == np.float32
        else:
            assert examples.labels.shape == (3, points)
            assert examples.labels.dtype == (bool if len(data.classes) == 2 else np.int32)
        assert np.isfinite(examples.inputs).all()
        assert np.isfinite(examples.labels).all()
    assert data.measured.inputs.shape[2] == plane_points
    if target.task == "classes":
        assert data.outputs == (1 if len(data.classes) == 2 else len(data.classes))
        for seed in range(3):
            for examples in (data.measured, data.heldout):
                shares = np.bincount(examples.labels[seed].astype(int), minlength=len(data.classes)) / plane_points
                assert shares.min() > 0.02
    else:
        assert data.classes == ()
        assert (np.ptp(data.heldout.labels, axis=(1, 2)) > 0.2).all()


@pytest.mark.parametrize("name", TARGETS)
def test_held_out_points_are_none_that_is_trained_on(name):
    data = made(name)
    for seed in range(3):
        trained = data.training.inputs[min(seed, len(data.training.inputs) - 1)].T
        held = data.heldout.inputs[min(seed, len(data.heldout.inputs) - 1)].T
        same = {row.tobytes() for row in np.ascontiguousarray(trained)} & {
            row.tobytes() for row in np.ascontiguousarray(held)
        }
        assert not same
        assert len(held) > 2


@pytest.mark.parametrize("name", TARGETS)
def test_a_seed_has_the_same_data_in_whatever_company_and_no_other_seed_has(name):
    together, alone, again = made(name), made(name, [8]), made(name, [8])
    for part in ("measured", "heldout"):
        one, other = getattr(together, part), getattr(alone, part)
        assert one.inputs[-1:].tobytes() == other.inputs.tobytes()
        assert one.labels[-1:].tobytes() == other.labels.tobytes()
        assert getattr(again, part).labels.tobytes() == other.labels.tobytes()
    learnt = together.training  # rows of iris lie class by class: only the inputs tell splits apart
    inputs = np.broadcast_to(learnt.inputs, (3, *learnt.inputs.shape[1:]))
    assert len({inputs[seed].tobytes() + learnt.labels[seed].tobytes() for seed in range(3)}) == 3
    if together.trained is not None:
        assert np.array_equal(together.trained[2:], alone.trained)
        assert len({row.tobytes() for row in together.trained}) == 3


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "islands"])
def test_data_are_made_once_and_can_not_be_written_to(name):
    data = made(name)
    assert made(name) is data
    arrays = [data.measured.inputs, data.measured.labels, data.heldout.inputs, data.heldout.labels]
    for array in [*arrays, *(part for part in (data.trained, data.shift, data.scale) if part is not None)]:
        assert not array.flags.writeable


def digest_of(name):
    data = TARGETS[name].make([0, 3], grid=12, frequency=3.0)
    parts = (data.measured.inputs, data.measured.labels, data.heldout.inputs, data.heldout.labels)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def test_another_process_makes_the_same_bytes(python):
    code = (
        "import hashlib\nfrom quantstudy.targets.catalogue import TARGETS\n"
        + inspect.getsource(digest_of)
        + "print({name: (digest_of(name), target.made_of()) for name, target in TARGETS.items()})"
    )
    here = {name: (digest_of(name), target.made_of()) for name, target in TARGETS.items()}
    assert python(code, PYTHONHASHSEED="3").strip() == str(here)


def test_the_bytes_of_every_target_are_pinned():
    """They are the same on every machine, and with every version of the libraries: records rest on them."""
    assert {name: digest_of(name) for name in PINNED} == PINNED


PINNED = {
    "spirals": "e435fa6cf3a42e10",
    "glyph": "f354fd0407565bbd",
    "digits": "f0a2f25f8208fe29",
    "texture": "08ff6e26322a39b8",
    "sine": "7cdd8fab675865e1",
    "checkers": "edcada528d200990",
    "stripes": "231c0537dca564fd",
    "rings": "1f2cdef6c0e5aefa",
    "quadrants": "15d0878c840df032",
    "waves": "38461af371d35efc",
    "cubic": "bb2ab0db4afe3a58",
    "flower": "79d2c193441a7b67",
    "numeral": "a24faaaae624b0d2",
    "dusk": "73c24d040410adfc",
    "iris": "ca69ad328ad3b858",
    "wine": "a63271f2da56fc80",
    "cancer": "094dc5764ef8c677",
    "chirp": "9b7631b5c1766d7f",
    "steps": "d5871cb6306251cb",
    "ripples": "2470c756d4e29db4",
    "saddle": "e5a531447196e133",
    "hills": "83226406990f1328",
    "grey": "0d266aea8f6e7f5a",
    "surface": "afa00564543ad7f6",
    "scene": "65fb09ec500249bf",
    "diabetes": "396d00e60f00af5b",
    "linnerud": "c5587e4c63c5e17f",
}


def test_islands_are_the_masks_that_they_were():
    data = made("islands")
    assert np.array_equal(data.measured.inputs, plane(GRID)[None])
    assert np.array_equal(data.heldout.inputs, heldout_plane(GRID)[None])
    assert data.measured.labels.tobytes() == island_masks(SEEDS, GRID, 3.0).tobytes()
    assert data.heldout.labels.tobytes() == heldout_masks(SEEDS, GRID, 3.0).tobytes()
    assert data.classes == ("sea", "island")
    assert data.inputs == ("x", "y")


def test_what_is_drawn_has_no_digest_and_what_is_shipped_has_one():
    digests = {name: target.made_of() for name, target in TARGETS.items()}
    drawn = {"islands", "spirals", "glyph", "sine", *tasks.BEYOND[:8], *tasks.BEYOND[12:17]}
    assert {name for name, digest in digests.items() if not digest} == drawn
    assert digests["digits"] == "127bf61ecec3c27d"
    assert digests["texture"] == "7b7fd8be88fe06aa"


def test_names_are_read_without_a_library_and_without_a_file(python):
    code = (
        "import sys\nfrom quantstudy.targets.catalogue import parse_target\n"
        "for text in ('islands', 'digits', 'texture', 'no.png:0.25', 'no.csv', 'no.npz', 'no.parquet', 'not:there'):\n"
        "    parse_target(text)\n"
        "heavy = {'numpy', 'torch', 'pandas', 'pyarrow', 'PIL', 'sklearn', 'skimage', 'noise', 'scipy'}\n"
        "print(sorted(heavy & {*sys.modules}))"
    )
    assert python(code).strip() == "[]"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("photo.png", "photo.png"),
        ("photo.png:0.50", "photo.png:0.5"),
        ("photo.png:.5", "photo.png:0.5"),
        ("a b/photo.JPG:1", "a b/photo.JPG:1"),
        ("photo.tiff:1e-3", "photo.tiff:0.001"),
        (" ./points.csv ", "./points.csv"),
        ("data.npz:0", "data.npz:0"),
        ("~/points.parquet", "~/points.parquet"),
        ("mine.inner:disc", "mine.inner:disc"),
    ],
)
def test_names_have_one_canonical_form(text, name):
    name = name if name.startswith("mine") else os.path.abspath(os.path.expanduser(name))  # of a file its whole path
    assert parse_target(text).name == name
    assert parse_target(name).name == name


def test_a_users_own_is_of_classes_unless_said_otherwise():
    for text in ("a.png", "a.csv", "a:b"):
        assert parse_target(text).task == "classes"
        assert parse_target(text, task="classes").task == "classes"
        assert parse_target(text, task="regression").task == "regression"
        assert dict(parse_target(text).defaults) == {}


def test_every_kind_of_file_is_known_by_its_end():
    assert Counter(parse_target(f"a{end}").over for end in (*IMAGES, *TABLES)) == {"plane": 10, "rows": 4}
    assert parse_target("a:b").over == "plane"


def test_targets_of_users_can_be_sent_to_workers(tmp_path):
    (tmp_path / "a.csv").write_text("x,label\n" + "1,0\n2,1\n" * 5)
    for text in (str(tmp_path / "a.csv"), "a.png:0.5", "a:b"):
        target = parse_target(text)
        assert pickle.loads(pickle.dumps(target.make)).args == target.make.args
    sent = pickle.loads(pickle.dumps(parse_target(str(tmp_path / "a.csv"))))
    assert sent.make([0], grid=4, frequency=3.0).classes == ("0", "1")


REFUSED = [
    ("island", {}, "target: 'island' is not allowed; did you mean islands? allowed: islands, "),
    ("", {}, "target: '' is not allowed; allowed: islands"),
    ("data.xlsx", {}, "target: 'data.xlsx' is not allowed; allowed: islands"),
    (3, {}, "target: 3 is not allowed; allowed: islands"),
    ("nonsense\nline", {}, "target: 'nonsense\\nline' is not allowed; "),
    ("photo.png:2", {}, "target: 'photo.png:2' is not allowed; the threshold after : must be a number from 0 to 1"),
    ("photo.png:nan", {}, "must be a number from 0 to 1"),
    ("photo.png:half", {}, "must be a number from 0 to 1"),
    ("photo.png:", {}, "must be a number from 0 to 1"),
    ("photo.png:-0.1", {}, "must be a number from 0 to 1"),
    ("photo.png:0.5", {"task": "regression"}, "target: 'photo.png:0.5' is not allowed; a threshold makes two classes"),
    ("islands", {"task": "regression"}, "task: 'regression' is not allowed; islands is of the task classes"),
    ("sine", {"task": "classes"}, "task: 'classes' is not allowed; sine is of the task regression"),
    ("islands", {"task": "class"}, "task: 'class' is not allowed; did you mean classes? allowed: classes, regression"),
    ("islands", {"label": "z"}, "label: 'z' is not allowed; only tables (.csv, .tsv, .parquet, .npz) have columns"),
    ("a.png", {"label": "z"}, "label: 'z' is not allowed; only tables"),
    ("a:b", {"label": "z"}, "label: 'z' is not allowed; only tables"),
    ("a.csv:0.5", {}, "target: 'a.csv:0.5' is not allowed; "),
]


@pytest.mark.parametrize(("text", "more", "message"), REFUSED)
def test_what_is_no_target_is_refused_in_one_line(text, more, message):
    with pytest.raises(BadInput) as refused:
        parse_target(text, **more)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["digits", "texture", "dusk", "wine"])
def test_a_missing_library_is_named_with_the_way_to_get_it(name, monkeypatch):
    from quantstudy.targets import digits, tables, texture

    tables._rows.cache_clear()
    digits._rows.cache_clear()
    texture.photographs.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    monkeypatch.setattr(texture, "find_spec", lambda name: None)
    for ask in (lambda: TARGETS[name].make([77], grid=8, frequency=3.0), TARGETS[name].made_of):
        with pytest.raises(BadInput, match=rf"^target: '{name}' is not allowed; needs scikit-\w+: pip install 'quant"):
            ask()

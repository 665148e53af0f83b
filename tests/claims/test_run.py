"""Pieces of work: each once, kept as soon as it is done, found again while nothing has changed, in any order."""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from quantstudy.claims import run as claims
from quantstudy.claims.checkout import experiment
from quantstudy.claims.records import read_claim
from quantstudy.claims.run import measure_unit, run_claim, unit_paths
from quantstudy.engine.executors import ThisProcess
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records import provenance


@pytest.fixture
def run(small, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()

    def go(name="dead_neurons", seeds=3, **options):
        run_claim(name, seeds, folder, **{"executor": ThisProcess(), **options})
        return read_claim(folder, name)

    return go


def test_every_piece_is_measured_once_and_joined_in_order(run, measured):
    table, about = run()
    assert measured() == ["a", "b", "c"]
    assert table["activation"].tolist() == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert table["x"].isna().all()
    assert (about["claim"], about["seeds"]) == ("dead_neurons", 3)
    assert about["versions"]["numpy"]


def test_a_second_run_measures_nothing_and_gives_the_same(run, measured):
    first, about = run()
    measured()
    again, still = run()
    assert measured() == []
    assert again.equals(first)
    assert still == about  # when and where it was measured, not when it was joined


def test_other_seeds_are_other_pieces_and_fresh_measures_again(run, measured):
    run()
    measured()
    run(seeds=4)
    assert measured() == ["a", "b", "c"]
    run(fresh=True)
    assert measured() == ["a", "b", "c"]


def test_a_run_that_broke_off_goes_on(run, measured, small):
    stop = small / "experiments" / "claims" / "broken"
    stop.touch()
    with pytest.raises(RuntimeError, match="broken off"):
        run()
    assert measured() == ["a", "b", "c"]
    stop.unlink()
    table, _ = run()
    assert measured() == ["c"]
    assert len(table) == 9


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("claims/dead_neurons", True),
        ("measures/values", True),
        ("measures/numbers", True),  # `values` imports it, inside a function
        ("measures/unused", False),
        ("claims/dead_neurons_figure", False),
        ("claims/wish_list", False),
    ],
)
def test_a_changed_file_begins_again_where_numbers_come_from_it(small, changed, again):
    before = unit_paths("dead_neurons", [{"activation": "a"}])[0]
    path = small / "experiments" / f"{changed}.py"
    path.write_text(path.read_text() + "\n")
    assert (unit_paths("dead_neurons", [{"activation": "a"}])[0] != before) == again


def test_a_claim_made_from_others_is_not_measured(small, tmp_path):
    with pytest.raises(TypeError, match="made from the tables of other claims"):
        measure_unit("wish_list", {}, tmp_path / "piece.parquet", {})


def test_a_package_of_the_same_name_is_none_of_ours(small, tmp_path, monkeypatch):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert experiment("dead_neurons").claim.says == "a | leads."  # ours is found first
    for name in [name for name in sys.modules if name.partition(".")[0] == "experiments"]:
        del sys.modules[name]
    importlib.import_module("experiments")
    with pytest.raises(BadInput, match="claims are files of a checkout"):
        experiment("dead_neurons")


def test_what_is_no_experiment_is_refused(small):
    (small / "experiments" / "claims" / "wish_list.py").write_text("EXPERIMENT = 3\n")
    with pytest.raises(TypeError, match=r"wish_list\.EXPERIMENT is 3"):
        experiment("wish_list")


def test_another_processor_or_arithmetic_begins_again(small, monkeypatch):
    paths = {unit_paths("dead_neurons", [{"activation": "a"}])[0]}
    found = provenance.processor()
    with monkeypatch.context() as patched:
        patched.setattr(provenance, "processor", lambda: found | {"name": "another"})  # times depend on the model
        paths |= {*unit_paths("dead_neurons", [{"activation": "a"}])}
    with monkeypatch.context() as patched:
        patched.setattr(claims, "REVISION", claims.REVISION + 1)
        paths |= {*unit_paths("dead_neurons", [{"activation": "a"}])}
    assert len(paths) == 3


def test_a_damaged_piece_is_measured_again(run, measured):
    first, _ = run()
    measured()
    unit_paths("dead_neurons", [{"activation": "b", "seeds": 3}])[0].write_bytes(b"no parquet")
    again, _ = run()
    assert measured() == ["b"]
    assert again.equals(first)


def test_workers_give_the_same_table_in_the_same_order(run, measured):
    first, _ = run()
    with ThreadPoolExecutor(3) as executor:
        again, _ = run(fresh=True, executor=executor)
    assert again.equals(first)


def test_progress_counts_what_is_kept(run, small):
    told = []
    run(progress=lambda *step: told.append(step))
    assert told == [("dead_neurons", done, 3) for done in range(4)]
    told.clear()
    run(progress=lambda *step: told.append(step))
    assert told == [("dead_neurons", 3, 3)]


def test_a_claim_made_from_another(run, tmp_path):
    with pytest.raises(StudyFailure, match="quantstudy claim dead_neurons"):
        run("wish_list")
    assert not (tmp_path / "out" / "wish_list.parquet").exists()
    run()
    table, _ = run("wish_list")
    assert table["value"].tolist() == [9.0]


def test_damaged_and_foreign_tables_are_named(run, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    run()
    path = tmp_path / "out" / "dead_neurons.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StudyFailure, match=r"dead_neurons\.parquet is damaged"):
        read_claim(tmp_path / "out", "dead_neurons")
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(StudyFailure, match="another version"):
        read_claim(tmp_path / "out", "dead_neurons")

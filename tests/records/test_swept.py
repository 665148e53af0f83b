"""Cells of a sweep in a store: whole or not there, whatever is killed, cut short or listed late."""

import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import BinaryIO

import pytest

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records.compacting import compact
from quantstudy.records.files import sha256
from quantstudy.records.objects import Objects, objects_at
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import cell_table, done, has_cell, put_cell, require_sweep_store, table_of
from tests.records.made_up import METRICS, cell_name, cell_rows, put_made_up, rows_of

numbers = itertools.count()


class Killed(BaseException):
    """The process ends here."""


class Lossy:
    """A store that a process is killed in before the change after the next `left`, or whose listings lag."""

    def __init__(self, inner: Objects, left: int = 1000, unlisted: Sequence[str] = ()) -> None:
        self.inner, self.left, self.unlisted = inner, left, unlisted
        self.where = inner.where

    def _change(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        self._change()
        self.inner.put(name, data, synced=synced)

    def drop(self, names: Sequence[str]) -> None:
        for name in names:
            self._change()
            self.inner.drop([name])

    def get(self, name: str) -> bytes | None:
        return self.inner.get(name)

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        return self.inner.get_many(names)

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self.inner.opened(name)

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        return (
            (name, size) for name, size in self.inner.listed(under) if not name.endswith((*self.unlisted,) or ("\0",))
        )


@pytest.fixture(params=["folder", "memory"])
def objects(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Objects:
    where = str(tmp_path_factory.mktemp("swept")) if request.param == "folder" else f"memory://swept/{next(numbers)}"
    return objects_at(where)


def test_a_cell_that_was_put_is_found_and_read(objects: Objects) -> None:
    assert done(objects) == {}
    assert table_of(objects, SWEPT.names).num_rows == 0
    name = put_made_up(objects, "mine:wave", 3)
    assert has_cell(objects, name)
    assert not has_cell(objects, cell_name("mine:wave", 4))
    assert done(objects) == {name: {"seconds": 4.5, "compiling": 0.5, "device": "cpu", "worker": "one"}}
    assert cell_table(objects, name).to_pylist() == cell_rows("mine:wave", 3).to_pylist()
    marker = json.loads(objects.get(f"cells/{name}.json") or b"")
    table = objects.get(f"cells/{name}.parquet") or b""
    assert marker["files"][".parquet"] == [len(table), sha256(table)]
    assert {name for name, _ in objects.listed("")} == {
        f"cells/{name}.{kind}" for kind in ("json", "parquet", "safetensors")
    }


@pytest.mark.parametrize("puts", [0, 1, 2])
def test_killed_between_two_puts_a_cell_is_not_there(objects: Objects, puts: int) -> None:
    other = put_made_up(objects, "relu", 1)
    with pytest.raises(Killed):
        put_made_up(Lossy(objects, puts), "relu", 2)
    assert not has_cell(objects, cell_name("relu", 2))
    assert set(done(objects)) == {other}
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("relu", 1)])
    begun = {*objects.listed("cells")}
    assert compact(objects).cells == 1
    assert {name for name, _ in begun - {*objects.listed("cells")}} == {f"cells/{other}.json", f"cells/{other}.parquet"}
    assert set(done(objects)) == {other}
    put_made_up(objects, "relu", 2)
    assert set(done(objects)) == {other, cell_name("relu", 2)}
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("relu", 1), cell_rows("relu", 2)])


@pytest.mark.parametrize("ending", [".parquet", ".safetensors", ".json"])
def test_a_file_that_was_cut_short_is_found_and_its_cell_is_not_there(objects: Objects, ending: str) -> None:
    names = [put_made_up(objects, "relu", number) for number in range(3)]
    cut = f"cells/{names[1]}{ending}"
    objects.put(cut, (objects.get(cut) or b"")[:-7])
    assert set(done(objects)) == {names[0], names[2]}
    assert not has_cell(objects, names[1])
    assert set(done(objects)) == {names[0], names[2]}
    put_made_up(objects, "relu", 1)
    assert set(done(objects)) == {*names}


@pytest.mark.parametrize(
    "wrong",
    [
        *(b"", b"null", b"[]", b"{}", b'{"files": 3}', b'{"files": {".parquet": [1, "a"]}}'),
        b'{"files": {".parquet": 5, ".safetensors": 5}}',
        b'{"files": {".parquet": [null, "a"], ".safetensors": "ab"}}',
        b'{"files": {".parquet": [6, "a"], ".safetensors": [7, "a"]}, "seconds": "x"}',
    ],
)
def test_a_marker_that_says_nothing_is_none(wrong: bytes) -> None:
    objects = objects_at(f"memory://swept/{next(numbers)}")
    name = put_made_up(objects, "relu", 1)
    objects.put(f"cells/{name}.json", wrong)
    assert not has_cell(objects, name)
    assert table_of(objects, ["value"]).num_rows == 0
    assert done(objects) == {}


def test_bytes_of_the_right_number_that_differ_are_found_when_they_are_read(objects: Objects) -> None:
    names = [put_made_up(objects, "relu", number) for number in range(4)]
    for name in names[:2]:
        data = bytearray(objects.get(f"cells/{name}.parquet") or b"")
        data[60] ^= 1
        objects.put(f"cells/{name}.parquet", bytes(data))
    assert set(done(objects)) == {*names}, "the sizes are right"
    with pytest.raises(StudyFailure, match=rf"the cell {names[0]} and 1 more is damaged: run the sweep again"):
        table_of(objects, ["value"])
    assert set(done(objects)) == {*names[2:]}
    with pytest.raises(StudyFailure, match="does not hold the cell"):
        cell_table(objects, names[0])
    assert table_of(objects, SWEPT.names).num_rows == cell_rows("relu", 2).num_rows * 2


@pytest.mark.parametrize("unlisted", [[".json"], [".parquet"], [".safetensors"], [".json", ".parquet", ".safetensors"]])
def test_a_listing_that_lags_leads_to_work_done_again_at_most(objects: Objects, unlisted: list[str]) -> None:
    names = [put_made_up(objects, "relu", number) for number in range(3)]
    late = [names[1] + ending for ending in unlisted]
    found = done(Lossy(objects, unlisted=late))
    assert set(found) == ({names[0], names[2]} if ".json" in unlisted else {*names})
    assert set(done(objects)) == {*names}, "nothing was removed that is whole"
    rows = table_of(Lossy(objects, unlisted=late), SWEPT.names, names=names)
    assert rows_of([rows]) == rows_of([cell_rows("relu", number) for number in range(3)])


def test_a_table_has_what_was_asked_for(objects: Objects) -> None:
    names = {(one, number): put_made_up(objects, one, number) for one in ("relu", "tanh") for number in range(5)}
    for again in range(3):
        for metrics, schemes, cells in itertools.product(
            (None, ["flip_rate"], METRICS[:2], []),
            (None, ["w4a4"], ["w8a8", "float"]),
            (None, [("relu", 3), ("tanh", 1)]),
        ):
            expected = [
                row
                for activation, number in cells or names
                for row in cell_rows(activation, number).to_pylist()
                if (metrics is None or row["metric"] in metrics) and (schemes is None or row["scheme"] in schemes)
            ]
            chosen = None if cells is None else [names[cell] for cell in cells]
            found = table_of(
                objects, ["value", "cell", "hidden", "input_bits"], metrics=metrics, schemes=schemes, names=chosen
            )
            assert found.column_names == ["value", "cell", "hidden", "input_bits"]
            assert rows_of([found]) == rows_of([found.schema.empty_table().from_pylist(expected, found.schema)])
        if again == 0:
            assert compact(objects).cells == 10
        else:
            names["gelu", again] = put_made_up(objects, "gelu", again)
            names["relu", again + 10] = put_made_up(objects, "relu", again + 10)


def test_cells_that_are_not_there_are_missed_aloud(objects: Objects) -> None:
    names = [put_made_up(objects, "relu", number) for number in range(2)]
    for _ in range(2):
        with pytest.raises(StudyFailure, match=f"does not hold the cell {cell_name('relu', 7)}"):
            table_of(objects, ["value"], names=[*names, cell_name("relu", 7)])
        with pytest.raises(StudyFailure, match="does not hold the cell"):
            table_of(objects, ["value"], names=[cell_name("tanh", 0)])
        compact(objects)


def test_what_a_store_holds_is_told(objects: Objects) -> None:
    require_sweep_store(objects)
    with pytest.raises(BadInput, match="the place of a sweep is needed"):
        require_sweep_store(objects, begun=True)
    objects.put("sweep.toml", b"")
    require_sweep_store(objects)
    objects.put("manifest.json", b'{"kind": "tasks"}')
    put_cell(objects, cell_name("relu", 1), b"", b"", {})
    require_sweep_store(objects, begun=True)
    objects.put("manifest.json", b'{"format": 7}')
    with pytest.raises(BadInput, match="this one holds"):
        require_sweep_store(objects)

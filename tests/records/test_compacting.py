"""Compacting a sweep: the same rows before and after, whatever is killed, read or added at whatever moment."""

import io
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.errors import StudyFailure
from quantstudy.records.compacted import COMPACT, compact_file
from quantstudy.records.compacting import compact
from quantstudy.records.files import locked
from quantstudy.records.objects import Objects, objects_at
from quantstudy.records.schemas import SWEPT, to_parquet
from quantstudy.records.swept import done, put_cell, table_of
from tests.records.made_up import METRICS, SCHEMES, cell_name, cell_rows, put_made_up, rows_of
from tests.records.test_swept import Killed, Lossy

numbers = itertools.count()


def fresh() -> Objects:
    return objects_at(f"memory://compacting/{next(numbers)}")


class Counted:
    """A store of which a piece of work is done before a given call, and of which all that is read is counted."""

    def __init__(self, inner: Objects, before: int = -1, work: Callable[[], object] = lambda: None) -> None:
        self.inner, self.before, self.work, self.calls, self.read = inner, before, work, 0, 0
        self.where = inner.where

    def _call(self) -> Objects:
        if self.calls == self.before:
            self.work()
        self.calls += 1
        return self.inner

    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        self._call().put(name, data, synced=synced)

    def get(self, name: str) -> bytes | None:
        return self._call().get(name)

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        for name in names:
            yield name, self.get(name)

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        return self._call().opened(name)

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        return iter([*self._call().listed(under)])

    def drop(self, names: Sequence[str]) -> None:
        self._call().drop(names)


@pytest.mark.slow
def test_killed_between_any_two_changes_nothing_is_lost_nor_counted_twice() -> None:
    cells = [("relu", 0), ("relu", 1), ("gelu", 0)]
    for before in (0, 1):  # cells that were compacted earlier
        for left in itertools.count():
            objects = fresh()
            for cell in cells[::-1][:before]:
                put_made_up(objects, *cell)
            compact(objects)
            names = {put_made_up(objects, *cell) for cell in cells}
            whole = rows_of([cell_rows(*cell) for cell in cells])
            try:
                compact(Lossy(objects, left))
                finished = True
            except Killed:
                finished = False
            for _ in range(2):
                assert rows_of([table_of(objects, SWEPT.names)]) == whole
                assert done(objects).keys() == names
                compact(objects)
            kinds = [name.rpartition(".")[2] for name, _ in objects.listed("")]
            assert sorted(kinds) == ["parquet"] * 2 + ["safetensors"] * 3
            if finished:
                break
        assert left == 8 - before, "puts of files and removals"


ROUNDS = st.lists(st.lists(st.tuples(st.sampled_from(["relu", "a:b"]), st.integers(0, 9)), max_size=5), max_size=3)


@given(rounds=ROUNDS)
@settings(max_examples=6)
def test_cells_come_in_any_order_and_number(rounds: list[list[tuple[str, int]]]) -> None:
    objects, cells = fresh(), set[tuple[str, int]]()
    for added in rounds:
        for cell in added:
            put_made_up(objects, *cell)
        new = {*added} - cells
        cells |= new
        found = table_of(objects, SWEPT.names)
        assert rows_of([found]) == rows_of([cell_rows(*cell) for cell in cells])
        assert compact(objects).cells == len(new)
        assert table_of(objects, SWEPT.names).equals(found), "in the same order, too"
        assert done(objects).keys() == {cell_name(*cell) for cell in cells}


def test_rows_are_sorted_and_a_row_group_has_one_metric_and_scheme() -> None:
    objects = fresh()
    for number in (3, 1, 2):
        put_made_up(objects, "relu", number)
    compact(objects)
    file = pq.ParquetFile(pa.BufferReader(objects.get(compact_file("activation=relu")) or b""))
    keys = [(row["metric"], row["scheme"], row["cell"], row["seed"]) for row in file.read().to_pylist()]
    assert keys == sorted(keys)
    parts = [file.read_row_group(number, ["metric", "scheme"]) for number in range(file.num_row_groups)]
    groups = [{(row["metric"], row["scheme"]) for row in part.to_pylist()} for part in parts]
    assert [len(group) for group in groups] == [1] * (len(METRICS) * len(SCHEMES) + 2)
    assert file.schema_arrow.remove_metadata() == SWEPT


def test_what_is_not_asked_for_is_not_read() -> None:
    objects = fresh()
    for number in range(40):
        rows = cell_rows("relu", number, seeds=60)
        put_cell(objects, cell_name("relu", number), to_parquet([rows], SWEPT), b"", {})
    compact(objects)
    whole, part = Counted(objects), Counted(objects)
    read = 0

    class File:
        def __init__(self, inner: BinaryIO) -> None:
            self.inner = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

        def read(self, size: int = -1) -> bytes:
            nonlocal read
            data = self.inner.read(size)
            read += len(data)
            return data

    class Opened:
        def __init__(self, inner: AbstractContextManager[BinaryIO]) -> None:
            self.inner = inner

        def __enter__(self) -> Any:
            return File(self.inner.__enter__())

        def __exit__(self, *error: Any) -> None:
            self.inner.__exit__(*error)

    sizes = []
    for counted, wanted in ((whole, {}), (part, {"metrics": ["flip_rate"], "schemes": ["w4a4"]})):
        read = 0
        counted.opened = lambda name: Opened(objects.opened(name))  # type: ignore[method-assign, assignment, return-value]
        table_of(counted, ["cell", "value"], **wanted)  # type: ignore[arg-type]
        sizes.append(read)
    assert sizes[1] < sizes[0] / 3
    assert table_of(objects, ["value"], metrics=["flip_rate"], schemes=["w4a4"]).num_rows == 40 * 60


def test_compacted_while_it_is_read_a_table_is_whole_or_refused() -> None:
    refused = 0
    for before in itertools.count():
        objects = fresh()
        names = [put_made_up(objects, "relu", number) for number in range(2)]
        compact(objects)
        names += [put_made_up(objects, "relu", number) for number in range(2, 4)]
        reader = Counted(objects, before, lambda objects=objects: compact(objects))  # type: ignore[misc]
        try:
            found = table_of(reader, SWEPT.names)
        except StudyFailure:
            refused += 1
        else:
            assert rows_of([found]) == rows_of([cell_rows("relu", number) for number in range(4)])
        assert done(objects).keys() == {*names}, "what was read is not removed"
        if reader.calls <= before:
            break
    assert 0 < refused < before


@pytest.mark.parametrize("harm", ["cut", "flipped", "emptied"])
def test_a_compacted_file_that_is_damaged_is_named_and_left_alone(harm: str) -> None:
    objects = fresh()
    names = [put_made_up(objects, "relu", number) for number in range(3)]
    put_made_up(objects, "gelu", 1)
    compact(objects)
    name = compact_file("activation=relu")
    good = objects.get(name) or b""
    flipped = bytearray(good)
    flipped[len(good) // 3] ^= 4
    objects.put(name, {"cut": good[:-9], "flipped": bytes(flipped), "emptied": b""}[harm])
    with pytest.raises(StudyFailure, match=f"{name} is damaged: put a copy of it back, or remove it"):
        table_of(objects, SWEPT.names)
    if harm != "flipped":
        with pytest.raises(StudyFailure, match="is damaged"):
            done(objects)
        put_made_up(objects, "relu", 7)
        with pytest.raises(StudyFailure, match="is damaged"):
            compact(objects)
    assert table_of(objects, ["value"], names=[cell_name("gelu", 1)]).num_rows == cell_rows("gelu", 1).num_rows
    objects.put(name, good)
    assert {*names} <= done(objects).keys()
    objects.drop([name])
    assert not {*names} & done(objects).keys(), "they are run again"


def test_a_file_that_was_replaced_between_two_reads_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = fresh()
    put_made_up(objects, "relu", 1)
    compact(objects)
    between = Counted(objects)

    @contextmanager
    def opened(name: str) -> Iterator[BinaryIO]:
        yield io.BytesIO((objects.get(name) or b"")[:-9])

    monkeypatch.setattr(between, "opened", opened)
    with pytest.raises(StudyFailure, match="was written while it was read: run the same command again"):
        table_of(between, SWEPT.names)


def test_a_cell_that_is_damaged_stops_it_and_is_run_again() -> None:
    objects = fresh()
    names = [put_made_up(objects, activation, 1) for activation in ("gelu", "relu")]
    data = objects.get(f"cells/{names[1]}.parquet") or b""
    objects.put(f"cells/{names[1]}.parquet", data[:50] + b"!" + data[51:])
    with pytest.raises(StudyFailure, match=f"the cell {names[1]} is damaged"):
        compact(objects)
    assert done(objects).keys() == {names[0]}
    put_made_up(objects, "relu", 1)
    assert compact(objects).cells == 1
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("gelu", 1), cell_rows("relu", 1)])


def test_networks_that_are_cut_short_have_their_cell_run_again() -> None:
    objects = fresh()
    names = [put_made_up(objects, "relu", number) for number in range(2)]
    compact(objects)
    objects.put(f"cells/{names[0]}.safetensors", b"net")
    assert done(objects).keys() == {names[1]}
    put_made_up(objects, "relu", 0)
    assert done(objects).keys() == {*names}
    whole = rows_of([cell_rows("relu", number) for number in range(2)])
    assert rows_of([table_of(objects, SWEPT.names)]) == whole
    assert compact(objects).cells == 0
    assert rows_of([table_of(objects, SWEPT.names)]) == whole


def test_a_table_of_several_settings_is_no_cell() -> None:
    objects = fresh()
    rows = pa.concat_tables([cell_rows("relu", number) for number in range(2)]).unify_dictionaries().combine_chunks()
    put_cell(objects, cell_name("relu", 0), to_parquet([rows], SWEPT), b"", {})
    with pytest.raises(StudyFailure, match="a table of several settings"):
        compact(objects)


def test_a_cell_without_rows_is_compacted_too() -> None:
    objects = fresh()
    for number in range(2):
        put_cell(objects, cell_name("relu", number), to_parquet([SWEPT.empty_table()], SWEPT), b"", {"seconds": 1.0})
    put_made_up(objects, "relu", 2)
    assert compact(objects).cells == 3
    assert len(done(objects)) == 3
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("relu", 2)])


def test_a_folder_is_compacted_by_one_process_at_a_time(tmp_path: Path) -> None:
    objects = objects_at(str(tmp_path))
    name = put_made_up(objects, "relu", 1)
    (tmp_path / COMPACT).mkdir()
    with locked(tmp_path / COMPACT, print), pytest.raises(StudyFailure, match="is in use"):
        compact(objects)
    assert compact(objects).cells == 1
    assert done(objects).keys() == {name}

"""Cells in a bucket: the same as in a folder, with puts that fail, lists that lag and files cut short by hand."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quantstudy.errors import StudyFailure
from quantstudy.records import remote
from quantstudy.records.compacting import compact
from quantstudy.records.objects import Objects, objects_at
from quantstudy.records.schemas import SWEPT
from quantstudy.records.swept import done, has_cell, table_of
from tests.records.made_up import cell_name, cell_rows, put_made_up, rows_of
from tests.records.s3_server import Bucket, s3_server

SECRETS = (b"AKIATESTING", b"wJalrTESTING")


@pytest.fixture(scope="module")
def server() -> Iterator[Bucket]:
    with s3_server() as bucket:
        yield bucket


@pytest.fixture
def bucket(server: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    remote._system.cache_clear()
    yield server
    remote._system.cache_clear()
    server.refused.clear()
    server.unlisted.clear()


@pytest.fixture
def objects(bucket: Bucket, request: pytest.FixtureRequest) -> Objects:
    return objects_at(f"{bucket.url}/{request.node.name.partition('[')[0]}/x")


def test_a_bucket_is_as_a_folder(objects: Objects, bucket: Bucket) -> None:
    assert done(objects) == {}
    names = [put_made_up(objects, "mine:wave", number) for number in range(3)]
    whole = rows_of([cell_rows("mine:wave", number) for number in range(3)])
    assert [name.rpartition(".")[2] for name in bucket.puts[-3:]] == ["parquet", "safetensors", "json"], "marker last"
    assert len(bucket.puts) == 9, "a file is one put"
    assert objects.get("cells/nothing") is None
    assert set(done(objects)) == {*names}
    before = table_of(objects, SWEPT.names)
    assert rows_of([before]) == whole
    assert compact(objects).cells == 3
    assert table_of(objects, SWEPT.names).equals(before)
    assert set(done(objects)) == {*names}
    assert {name.rpartition(".")[2] for name, _ in objects.listed("cells")} == {"safetensors"}
    for name, _ in objects.listed(""):
        assert not any(secret in (objects.get(name) or b"") for secret in SECRETS)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ".safetensors", ".json"])
def test_a_put_that_is_refused_leaves_nothing_half_written(objects: Objects, bucket: Bucket, ending: str) -> None:
    number = hash(ending) % 1000
    name = cell_name("relu", number)
    bucket.refused[f"{name}{ending}"] = 403
    with pytest.raises(StudyFailure, match="it refuses access") as failed:
        put_made_up(objects, "relu", number)
    assert "AKIA" not in str(failed.value)
    assert objects.get(f"cells/{name}{ending}") is None
    assert not has_cell(objects, name)
    assert name not in done(objects)
    put_made_up(objects, "relu", number)
    assert name in done(objects)


@pytest.mark.slow
def test_a_put_that_fails_for_a_moment_is_tried_again(objects: Objects, bucket: Bucket) -> None:
    bucket.refused[".safetensors"] = 503
    name = put_made_up(objects, "relu", 1)
    assert not bucket.refused
    assert set(done(objects)) == {name}


@pytest.mark.slow
def test_a_list_that_lags_leads_to_work_done_again_at_most(objects: Objects, bucket: Bucket) -> None:
    names = [put_made_up(objects, "relu", number) for number in range(3)]
    for endings, seen in (([".parquet"], 3), ([".safetensors"], 3), ([".json"], 2)):
        bucket.unlisted[:] = [names[1] + ending for ending in endings]
        assert len(list(objects.listed("cells"))) == 8
        assert len(done(objects)) == seen
        with_all = table_of(objects, SWEPT.names, names=names)
        assert rows_of([with_all]) == rows_of([cell_rows("relu", number) for number in range(3)])
    assert compact(objects).cells == 2
    bucket.unlisted.clear()
    assert set(done(objects)) == {*names}
    put_made_up(objects, "relu", 1)  # what a driver does that has missed it
    assert rows_of([table_of(objects, SWEPT.names)]) == rows_of([cell_rows("relu", number) for number in range(3)])


@pytest.mark.slow
def test_what_another_process_writes_is_seen_at_once(objects: Objects) -> None:
    """No listing is kept, neither of files nor of folders."""
    assert list(objects.listed("cells")) == []
    code = (
        "import sys; from quantstudy.records.objects import objects_at\n"
        "from tests.records.made_up import put_made_up\n"
        "put_made_up(objects_at(sys.argv[1]), 'relu', int(sys.argv[2]))\n"
    )
    for number in range(2):
        subprocess.run([sys.executable, "-c", code, objects.where, str(number)], check=True)
        assert set(done(objects)) == {cell_name("relu", known) for known in range(number + 1)}
    cut = f"cells/{cell_name('relu', 0)}.parquet"
    objects_at(objects.where).put(cut, (objects.get(cut) or b"")[:100])
    assert set(done(objects)) == {cell_name("relu", 1)}
    with objects.opened(cut) as file:
        assert len(file.read()) == 100


def _child(objects: Objects, answer: Any) -> None:
    put_made_up(objects, "relu", 2)
    answer.send(sorted(done(objects)))


@pytest.mark.slow
def test_a_forked_process_has_a_connection_of_its_own(objects: Objects) -> None:
    put_made_up(objects, "relu", 1)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_child, args=(objects, there))
    child.start()
    assert here.poll(60)
    assert here.recv() == sorted(cell_name("relu", number) for number in (1, 2))
    child.join()
    assert child.exitcode == 0


@pytest.mark.slow
def test_a_file_of_many_parts_is_whole_or_not_there(objects: Objects, bucket: Bucket) -> None:
    """From 100 MB on a put has several parts."""
    data = os.urandom(1 << 20) * 101
    bucket.refused["big"] = 403  # one of the parts
    with pytest.raises(StudyFailure, match="refuses access"):
        objects.put("big", data)
    assert objects.get("big") is None
    objects.put("big", data)
    assert objects.get("big") == data


@pytest.mark.slow
def test_without_bucket_keys_or_network_one_line_says_so(
    bucket: Bucket, command: Callable[..., Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = objects_at("s3://nobucket/x")
    for ask in (
        lambda: nowhere.put("a", b""),
        lambda: nowhere.get("a"),
        lambda: list(nowhere.listed("")),
        lambda: done(nowhere),
    ):
        with pytest.raises(StudyFailure, match="there is no such bucket"):
            ask()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/nowhere")
    remote._system.cache_clear()
    assert command("compact", f"{bucket.url}/x") == 1
    assert "no credentials for it are found; set AWS_ACCESS_KEY_ID" in capsys.readouterr().err
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrTESTING")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://me:wJalrTESTING@127.0.0.1:9")
    remote._system.cache_clear()
    assert command("compact", f"{bucket.url}/x") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "it can't be reached" in said
    assert not any(secret.decode() in said for secret in SECRETS)

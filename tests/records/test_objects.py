"""A folder and a store behind a URL behave alike: as a dict does. No credential is ever shown."""

import importlib
import itertools
import os
import pickle
import sys
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from quantstudy.errors import BadInput, StudyFailure
from quantstudy.records import remote
from quantstudy.records.objects import Folder, Objects, objects_at

ROOT = Path(__file__).resolve().parents[2]

NAMES = (
    "sweep.toml",
    "cells/activation=relu/x.json",
    "cells/activation=mine%3Awave/target=a/x.parquet",
    "cells/b",
    "d/e",
)

FOLDERS = ("", "cells", "cells/activation=relu", "cells/activation=mine%3Awave/target=a", "d", "nothing")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(NAMES), st.binary(max_size=40)),
        st.tuples(st.just("drop"), st.lists(st.sampled_from(NAMES), max_size=3), st.just(b"")),
    ),
    max_size=12,
)

numbers = itertools.count()


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {"folder": str(tmp_path_factory.mktemp("stores")), "memory": "memory://stores"}


def check(objects: Objects, expected: dict[str, bytes]) -> None:
    for name in NAMES:
        assert objects.get(name) == expected.get(name)
        if name in expected:
            with objects.opened(name) as file:
                assert file.seek(0, os.SEEK_END) == len(expected[name])
                assert file.read() == b""
                file.seek(1)
                assert file.read(5) == expected[name][1:6]
        else:
            with pytest.raises(FileNotFoundError), objects.opened(name):
                pass
    many = [*NAMES, *NAMES[::-1]] * 7  # more than are asked for at once
    assert list(objects.get_many(many)) == [(name, expected.get(name)) for name in many]
    for folder in FOLDERS:
        inside = {name: len(data) for name, data in expected.items() if not folder or name.startswith(f"{folder}/")}
        listed = list(objects.listed(folder))
        assert dict(listed) == inside
        assert len(listed) == len(inside)


@pytest.mark.parametrize("kind", ["folder", "memory"])
@given(steps=STEPS)
@settings(max_examples=12)
def test_it_behaves_as_a_dict_does(kind: str, steps: list[tuple[str, Any, bytes]], places: dict[str, str]) -> None:
    objects, expected = objects_at(f"{places[kind]}/{next(numbers)}"), {}
    for what, name, data in steps:
        if what == "put":
            objects.put(name, data)
            expected[name] = data
        else:
            objects.drop(name)
            for one in name:
                expected.pop(one, None)
    check(objects, expected)
    check(pickle.loads(pickle.dumps(objects)), expected)
    check(objects_at(objects.where), expected)


@pytest.mark.parametrize("kind", ["folder", "memory"])
def test_what_killed_writers_left_is_not_listed(kind: str, places: dict[str, str]) -> None:
    objects = objects_at(f"{places[kind]}/{next(numbers)}")
    objects.put("cells/a.json", b"1")
    objects.put("cells/.a.json.node.123.part", b"half")
    assert dict(objects.listed("cells")) == {"cells/a.json": 1}


def test_a_put_into_a_folder_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = objects_at(str(tmp_path / "new" / "store"))
    assert objects.get("a/b") is None
    assert not (tmp_path / "new").exists()
    objects.put("a/b", b"old")

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="No space"):
            objects.put("a/b", b"newer")
        objects.put("a/c", b"cheap", synced=False)
    assert objects.get("a/b") == b"old"
    assert dict(objects.listed("")) == {"a/b": 3, "a/c": 5}


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("s3://AKIAIOSFODNN7:wJalrXUtnFEMI@bucket/x", ("AKIAIOSFODNN7", "wJalrXUtnFEMI")),
        ("s3://AKIAIOSFODNN7:wJal/rXUtn@bucket/x", ("AKIAIOSFODNN7", "wJal", "rXUtn")),
        ("s3://bucket/x?X-Amz-Signature=abcdef", ("Signature", "abcdef")),
        ("s3://bucket/x#token=abcdef", ("token", "abcdef")),
        ("simplecache::s3://AKIA:secret@bucket", ("AKIA", "secret")),
        ("AKIA:secret@s3://bucket", ("AKIA", "secret")),
        ("sftp://me:hunter2@host/x", ("me:", "hunter2")),
        ("https://me:hunter2@host/x", ("me:", "hunter2")),
    ],
)
def test_a_url_with_credentials_is_refused_without_repeating_them(url: str, secrets: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="without user, password") as refused:
        objects_at(url)
    for secret in secrets:
        assert secret not in str(refused.value)
        assert secret not in repr(refused.value.args)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the path of a folder, or a URL"),
        ("s3://", "a URL of letters"),
        ("zz://bucket/x", "no such kind of store is known; allowed: s3"),
        ("gcs://bucket/x", "gcsfs"),
    ],
)
def test_what_no_store_is_at_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        objects_at(text, "out")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (str(tmp_path / "file"), f"file://{tmp_path}/file/x"):
        with pytest.raises(BadInput, match="is a file"):
            objects_at(place)
    assert objects_at(f"file://{tmp_path}/x") == Folder(f"{tmp_path}/x")


def test_without_the_extra_the_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(loaded, "s3", raising=False)  # by another test
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(BadInput, match=r"not installed: pip install 'quantstudy\[s3\]'") as refused:
        objects_at("s3://bucket/x", "--out")
    assert refused.value.exit_code == 2


def test_the_package_alone_pulls_neither_dask_nor_s3fs() -> None:
    """Nor does anything that it needs, by what the installed packages say of themselves."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    waiting, needed = list(project["dependencies"]), set[str]()
    while waiting:
        asked = Requirement(waiting.pop())
        name = asked.name.lower().replace("_", "-")
        if name in needed or (asked.marker is not None and not asked.marker.evaluate({"extra": ""})):
            continue
        needed.add(name)
        try:
            waiting += metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another system
            continue
    assert {"torch", "fsspec", "sympy"} <= needed
    assert not needed & {"dask", "distributed", "s3fs", "aiobotocore", "botocore", "boto3"}
    assert [Requirement(one).name for one in project["optional-dependencies"]["s3"]] == ["s3fs"]


def test_to_look_for_a_store_loads_nothing_for_it(python: Callable[..., str]) -> None:
    code = (
        "import sys; from quantstudy.records.objects import objects_at; objects_at('results/x');"
        "print(sorted({'fsspec', 's3fs', 'botocore', 'torch'} & set(sys.modules)))"
    )
    assert python(code) == "[]\n"


class Broken:
    """A store whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise self.error

        return (lambda: None) if name == "invalidate_cache" else fail


def failures() -> Iterator[tuple[Exception, str]]:
    known = pytest.importorskip("botocore.exceptions")
    from s3fs.errors import translate_boto_error

    def client_error(code: str) -> Exception:
        about = {"Code": code, "Message": "The key AKIAIOSFODNN7 (secret wJalrXUtnFEMI) is wrong"}
        failed: Exception = known.ClientError({"Error": about}, "PutObject")
        return failed

    secret = "http://AKIAIOSFODNN7:wJalrXUtnFEMI@127.0.0.1:9"
    yield known.NoCredentialsError(), "no credentials"
    yield known.PartialCredentialsError(provider="env", cred_var="wJalrXUtnFEMI"), "no credentials"
    yield known.ProfileNotFound(profile="wJalrXUtnFEMI"), "no credentials"
    yield known.EndpointConnectionError(endpoint_url=secret), "can't be reached"
    yield known.ConnectTimeoutError(endpoint_url=secret), "can't be reached"
    yield known.ReadTimeoutError(endpoint_url=secret), "can't be reached"
    yield ConnectionResetError(secret), "can't be reached"
    yield client_error("InvalidAccessKeyId"), "InvalidAccessKeyId"
    yield translate_boto_error(client_error("InvalidAccessKeyId")), "refuses access"
    yield translate_boto_error(client_error("AccessDenied")), "refuses access"
    yield translate_boto_error(client_error("NoSuchBucket")), "no such bucket"
    yield translate_boto_error(client_error("SlowDown")), "SlowDown"
    yield translate_boto_error(client_error("AKIA IOSFODNN7")), "failed"
    yield ValueError(secret), "ValueError"


def test_an_error_of_a_store_is_one_line_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = remote.Remote("s3://bucket/x")
    asks: tuple[Callable[[], object], ...] = (
        lambda: objects.put("a", b"1"),
        lambda: objects.get("a"),
        lambda: list(objects.get_many(["a"])),
        lambda: list(objects.listed("a")),
        lambda: objects.drop(["a"]),
        lambda: objects.opened("a").__enter__(),
    )
    for error, told in failures():
        monkeypatch.setattr(remote, "_system", lambda where, process, error=error: (Broken(error), "bucket"))
        for ask in asks:
            with pytest.raises(StudyFailure, match=told) as failed:
                ask()
            line = str(failed.value)
            assert line.startswith("s3://bucket/x: ")
            assert "\n" not in line
            with_it = repr((failed.value, failed.value.__cause__, failed.value.__context__))
            assert not any(secret in line + with_it for secret in ("AKIA", "wJalr", "127.0.0.1", "IOSFODNN7"))


def test_a_part_that_can_not_be_read_is_told_likewise() -> None:
    whole = remote.Remote(f"memory://stores/{next(numbers)}")
    whole.put("a", bytes(1000))
    with whole.opened("a") as file:
        assert len(file.read(10)) == 10
        file._system = Broken(ConnectionResetError("http://AKIA:secret@host"))  # type: ignore[attr-defined]
        with pytest.raises(StudyFailure, match="can't be reached") as failed:
            file.read(10)
    assert "AKIA" not in repr((failed.value, failed.value.__context__))


def test_a_store_with_folders_gets_them_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Tree:
        def makedirs(self, path: str, exist_ok: bool) -> None:
            assert exist_ok
            made.append(path)

        def pipe_file(self, path: str, data: bytes) -> None:
            made.append((path, data))

    monkeypatch.setattr(remote, "_system", lambda where, process: (Tree(), "/home/x"))
    remote.Remote("sftp://host/home/x").put("cells/a/b.json", b"1")
    remote.Remote("s3://home/x").put("cells/a/b.json", b"2")
    path = "/home/x/cells/a/b.json"
    assert made == ["/home/x/cells/a", (path, b"1"), (path, b"2")]

"""A store behind a URL, such as a bucket, by fsspec; its errors in one line, without credentials.

Importing this file loads neither fsspec nor what it needs for a store. Loads no torch.
"""

import contextlib
import functools
import io
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO, Concatenate, ParamSpec, Protocol, TypeVar, cast

from quantstudy.errors import StudyFailure

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE = 32
"""Files that are asked for at the same time: a store far away answers each in tens of milliseconds."""

_OPTIONS: dict[str, dict[str, Any]] = {
    # other machines write there, so that no listing is kept; a file is one request, not one for its size before
    "s3": {"use_listings_cache": False, "max_concurrency": 1, "config_kwargs": {"max_pool_connections": AT_ONCE}}
}

_WITH_FOLDERS = ("sftp", "ssh", "ftp", "hdfs", "webhdfs", "smb")
"""Protocols whose folders must be made before a file; in a bucket, `makedirs` of fsspec would make the bucket."""

_AGAIN = "what is finished is kept, run the same command again"

_WAYS = {
    "no credentials for it are found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE": (
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError"),
        *("ProfileNotFound", "UnauthorizedSSOTokenError", "SSOTokenLoadError", "NoAuthTokenError"),
    ),
    "it refuses access; check which credentials are set, and whether they may read, write, list and delete there": (
        "PermissionError",
    ),
    "there is no such bucket, or folder; make it, or choose another": ("FileNotFoundError",),
    f"it can't be reached; check the network and AWS_ENDPOINT_URL: {_AGAIN}": (
        *("ConnectionError", "HTTPClientError", "TimeoutError", "ClientConnectionError"),
    ),
}
"""What to do about an error of a store, by the names of its type and of the types above that."""


class _Somewhere(Protocol):
    @property
    def where(self) -> str: ...


S = TypeVar("S", bound=_Somewhere)


def _told(ask: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Let a method turn every error of its store into one that names the store and what to do.

    The error's own message is not passed on: those of S3 may hold the access key, those of a connection a password.
    """

    @functools.wraps(ask)
    def wrapper(self: S, *args: P.args, **options: P.kwargs) -> T:
        try:
            return ask(self, *args, **options)
        except Exception as error:
            kinds = {kind.__name__ for kind in type(error).__mro__}
            failed = f"it failed ({_code(error) or type(error).__name__}): {_AGAIN}"
            way = next((way for way, names in _WAYS.items() if kinds & {*names}), failed)
        raise StudyFailure(f"{self.where}: {way}")  # out of the block, so that the error does not go along

    return cast("Callable[Concatenate[S, P], T]", wrapper)


def _code(error: BaseException) -> str:
    """Return the code that S3 gives an error, such as NoSuchBucket; empty if there is none."""
    response = getattr(error.__cause__ or error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    return code if re.fullmatch(r"[A-Za-z0-9]{1,60}", str(code)) else ""


@dataclass(frozen=True)
class Remote:
    """Files in a store that fsspec knows, such as a bucket; see `objects.Objects`.

    Attributes:
        where: its URL, without credentials: those come from where the store's own tools look for them.
    """

    where: str

    @_told
    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        """See `Objects.put`."""
        # not by open("wb"): when its writer dies, it may leave a part of the data under the name
        system, path = self._at(name)
        if self.where.partition("://")[0] in _WITH_FOLDERS:
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, data)

    @_told
    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        system, path = self._at(name)
        try:
            return bytes(system.cat_file(path))
        except FileNotFoundError as error:
            _require_bucket(error)
            return None

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """See `Objects.get_many`."""
        return several(self.get, names)

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """See `Objects.opened`."""
        size = self._size(name)
        if size is None:
            raise FileNotFoundError(f"{self.where}/{name} is not there")
        yield cast("BinaryIO", _Parts(self.where, *self._at(name), size))

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        """See `Objects.listed`."""
        root = len(self._at("")[1]) + 1
        for name, about in self._found(under).items():
            if not name.endswith(".part"):
                yield name[root:], int(about["size"])

    @_told
    def drop(self, names: Sequence[str]) -> None:
        """See `Objects.drop`."""
        for first in range(0, len(names), 1000):  # as many as S3 removes by one request
            paths = [self._at(name)[1] for name in names[first : first + 1000]]
            system, _ = self._at("")
            try:
                system.rm(paths)
            except FileNotFoundError as error:
                _require_bucket(error)
                for path in paths:
                    with contextlib.suppress(FileNotFoundError):
                        system.rm_file(path)

    def _at(self, name: str) -> tuple[Any, str]:
        system, root = _system(self.where, os.getpid())
        return system, f"{root}/{name}" if name else root

    @_told
    def _size(self, name: str) -> int | None:
        system, path = self._at(name)
        system.invalidate_cache()
        try:
            return int(system.info(path)["size"])
        except FileNotFoundError as error:
            _require_bucket(error)
            return None

    @_told
    def _found(self, under: str) -> dict[str, dict[str, Any]]:
        system, path = self._at(under)
        system.invalidate_cache()
        try:
            return dict(system.find(path, detail=True))
        except FileNotFoundError as error:
            _require_bucket(error)
            return {}


class _Parts(io.RawIOBase):
    """A file of a store, of which only what is read is fetched."""

    def __init__(self, where: str, system: Any, path: str, size: int) -> None:
        self.where = where
        self._system, self._path, self._size = system, path, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def readinto(self, buffer: Any) -> int:
        end = min(self._position + len(buffer), self._size)
        if end <= self._position:
            return 0
        data = self._part(self._position, end)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    @_told
    def _part(self, start: int, end: int) -> bytes:
        return bytes(self._system.cat_file(self._path, start=start, end=end))


def _require_bucket(error: FileNotFoundError) -> None:
    if _code(error) == "NoSuchBucket":
        raise error


@functools.lru_cache(maxsize=8)  # for S3 it takes a third of a second
def _system(where: str, process: int) -> tuple[Any, str]:
    """Return fsspec's object for a store and the root in it; a forked process needs one of its own."""
    import fsspec

    options = _OPTIONS.get(where.partition("://")[0], {})
    system, root = fsspec.core.url_to_fs(where, skip_instance_cache=True, **options)
    return system, root


def several(get: Callable[[str], bytes | None], names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """Yield each name with what `get` returns for it, in order; AT_ONCE calls run at the same time.

    Twice as many results are held at most, so that memory does not grow with the number of names.
    """
    waiting: deque[tuple[str, Future[bytes | None]]] = deque()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for name in names:
            waiting.append((name, pool.submit(get, name)))
            if len(waiting) >= 2 * AT_ONCE:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()

"""Where the files of a sweep lie: a folder, or any store with a URL that fsspec knows, behind the same calls.

Importing this file loads neither fsspec nor what it needs for a store. Loads no torch.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from quantstudy.errors import BadInput, choices
from quantstudy.records.files import write_atomically
from quantstudy.records.folders import is_folder
from quantstudy.records.remote import Remote, several

_URL = re.compile(r"[a-z][a-z0-9+.-]*://[\w.-]+(:\d+)?(/[\w.~=+,-]+)*/*", re.ASCII)

_EXTRAS = {"s3": "pip install 'quantstudy[s3]'"}


class Objects(Protocol):
    """Files under one root, by names with `/` between their parts. Names hold letters, digits and any of `._=%+,-~`.

    Every call may raise OSError (a folder) or StudyFailure (another store), in one line, without a credential.
    """

    @property
    def where(self) -> str:
        """The path or URL, as `objects_at` takes it and as it may be shown."""

    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        """Write a file, whole or not at all, over an older one if there is one.

        In a folder one that is not `synced` may be gone or cut short after a power cut, see `files.opened_atomically`.
        """

    def get(self, name: str) -> bytes | None:
        """Return the bytes of a file, None if there is none."""

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """Yield each name with its bytes, in order; a few are read at once, and no more are held."""

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Open a file for reading parts of it; FileNotFoundError if there is none."""

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        """Yield name and size in bytes of every file in a folder and below; what killed writers left is not listed."""

    def drop(self, names: Sequence[str]) -> None:
        """Remove files; it is no error if one is not there."""


@dataclass(frozen=True)
class Folder:
    """Files in a folder of this machine, or of one that several machines share.

    Attributes:
        where: its path.
    """

    where: str

    def put(self, name: str, data: bytes, *, synced: bool = True) -> None:
        """See `Objects.put`."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data, synced=synced)

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def get_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
        """See `Objects.get_many`."""
        return several(self.get, names)

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """See `Objects.opened`."""
        with self._path(name).open("rb") as file:
            yield file

    def listed(self, under: str) -> Iterator[tuple[str, int]]:
        """See `Objects.listed`."""
        with contextlib.suppress(FileNotFoundError):
            yield from _walked(os.fspath(self._path(under)), f"{under}/" if under else "")

    def drop(self, names: Sequence[str]) -> None:
        """See `Objects.drop`."""
        for name in names:
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return Path(self.where, name)


def _walked(folder: str, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # removed since
                if entry.is_dir():
                    yield from _walked(entry.path, f"{prefix}{entry.name}/")
                elif not entry.name.endswith(".part"):
                    yield prefix + entry.name, entry.stat().st_size


def objects_at(text: str, field: str = "out") -> Objects:
    """Return the store at a path or URL; nothing is made or asked there.

    Args:
        text: the path of a folder, or a URL such as `s3://bucket/prefix`.
        field: the option or argument that named it.

    Raises:
        BadInput: a file is there, a URL of an unknown kind or with a user, password or query in it, or what reads such
            a store is not installed.
    """
    protocol, remote, rest = text.partition("://")
    if not remote or protocol in ("file", "local"):
        path = rest if remote else text
        if not path:
            raise BadInput(field, text, "the path of a folder, or a URL such as s3://bucket/prefix, is needed")
        is_folder(Path(path), field)
        return Folder(path)
    shown = f"{protocol}://..." if protocol.isidentifier() else "..."  # the rest may hold a password
    if not _URL.fullmatch(text):
        plain = "a URL of letters, digits and any of /._=+,-~ is needed, without user, password, query or fragment"
        raise BadInput(field, shown, f"{plain}; credentials come from the environment or the store's own settings")
    _require(protocol, shown, field)
    return Remote(text.rstrip("/"))


def _require(protocol: str, shown: str, field: str) -> None:
    """Check that what reads a kind of store is known and installed.

    Raises:
        BadInput: it is not.
    """
    import fsspec

    if protocol not in fsspec.available_protocols():
        raise BadInput(
            field, shown, f"no such kind of store is known; {choices(protocol, ['s3', 'gs', 'abfs', 'sftp'])}"
        )
    try:
        fsspec.get_filesystem_class(protocol)
    except ImportError as error:  # whose text is fsspec's, such as «Please install gcsfs to access Google Storage»
        way = _EXTRAS.get(protocol, str(error))
        raise BadInput(field, shown, f"what reads such a store is not installed: {way}") from None

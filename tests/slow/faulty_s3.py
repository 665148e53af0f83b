"""moto's S3 server with faults: `python faulty_s3.py HOST PORT FOLDER`.

One table is refused, once. As long as FOLDER/lag exists, listings lack what was put last, as those of some stores lag.
What it did stands in FOLDER/faults, a line each; what was put, in FOLDER/put: a listing takes moto long.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import unquote

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

REFUSED = 30
"""Which of the tables that are put is refused."""

LATE = 60
"""How many objects a listing lacks."""

Environment = dict[str, Any]
Start = Callable[..., Any]


class Faulty:
    """A WSGI application that answers as another one does, but for its faults."""

    def __init__(self, app: Callable[[Environment, Start], Iterable[bytes]], folder: Path) -> None:
        self._app, self._folder = app, folder
        self._put: list[str] = []
        self._lock = Lock()

    def __call__(self, environment: Environment, start: Start) -> Iterable[bytes]:
        key = environment["PATH_INFO"].strip("/").partition("/")[2]
        if environment["REQUEST_METHOD"] == "PUT" and key:
            with self._lock:
                self._put.append(key)
                tables = sum(name.endswith(".parquet") for name in self._put)
                refused = key.endswith(".parquet") and tables == REFUSED
                if not refused:
                    self._tell("put", key)
            if refused:
                return self._refuse(key, environment, start)
        if "list-type=2" in environment.get("QUERY_STRING", "") and (self._folder / "lag").exists():
            return self._lag(environment, start)
        return self._app(environment, start)

    def _refuse(self, key: str, environment: Environment, start: Start) -> Iterable[bytes]:
        environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
        self._tell("faults", f"refused {key}")
        body = b"<Error><Code>AccessDenied</Code><Message>No.</Message></Error>"
        start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
        return [body]

    def _lag(self, environment: Environment, start: Start) -> Iterable[bytes]:
        answer: list[Any] = []
        body = b"".join(self._app(environment, lambda *begun: answer.extend(begun))).decode()
        late = {*self._put[-LATE:]}
        entries = re.findall(r"<Contents>.*?</Contents>", body, re.DOTALL)
        lacking = [entry for entry in entries if unquote(entry.partition("<Key>")[2].partition("</Key>")[0]) in late]
        for entry in lacking:
            body = body.replace(entry, "")
        self._tell("faults", f"lacking {len(lacking)}")
        status, headers, *_ = answer
        data = body.encode()
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, [*kept, ("Content-Length", str(len(data)))])
        return [data]

    def _tell(self, file: str, what: str) -> None:
        with (self._folder / file).open("a") as told:
            print(what, file=told)


if __name__ == "__main__":
    host, port, folder = sys.argv[1:]
    run_simple(host, int(port), Faulty(DomainDispatcherApplication(create_backend_app), Path(folder)), threaded=True)

"""A page served to this machine alone: what is answered to a request, and the sockets. Knows nothing of runs.

`http.server` is not used: it reads headers for as long, and as many megabytes, as a client likes, and changes paths
before they can be looked at. Every connection is one request, read and answered within a time, 64 of them at once.
"""

import json
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

ADDRESS = "127.0.0.1"
MOST_HEAD = 16384
"""Bytes of a request line and its headers, at most."""
PATIENCE = 10.0
"""Seconds that a client has for its request, and as many for taking the answer."""
MOST_VISITS = 64
"""Connections at once; a further one is closed."""

REQUEST = re.compile(rb"([A-Za-z]+) ([!-~]+) HTTP/1\.[01]")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*)")

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # the page's own says the rest, but this no page can
    "Connection": "close",
}
"""Headers of every answer."""

HTML, JSON, TEXT, PNG = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8", "image/png"


class Unavailable(Exception):
    """What was asked for can't be made now, but perhaps soon; its text is a sentence that says why."""


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        body: its HTML, UTF-8.
        version: what `state` calls its version; printable ASCII without quotes.
    """

    body: bytes
    version: str


@dataclass(frozen=True)
class Site:
    """What is served; all may be called by several threads at once, and raise `Unavailable`.

    Attributes:
        page: returns the page at `/`.
        state: returns what `/state` says, as JSON has it.
        file: returns the file of a path such as `figures/maps.png`, None for all that is not served.
    """

    page: Callable[[], Page]
    state: Callable[[], Mapping[str, Any]]
    file: Callable[[str], Path | None]


@dataclass(frozen=True)
class Answer:
    """What a client gets, but for ALWAYS."""

    status: HTTPStatus
    body: bytes = b""
    kind: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()

    def sent(self, *, with_body: bool = True) -> bytes:
        """Return the bytes to send; without the body the headers are the same."""
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in (*ALWAYS.items(), *self.headers)]
        if self.status is not HTTPStatus.NO_CONTENT:
            lines += [f"Content-Type: {self.kind}", f"Content-Length: {len(self.body)}"]
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        return head + self.body if with_body else head


def answer(head: bytes, site: Site, port: int) -> bytes:
    """Return what is sent to a client.

    Args:
        head: its request line and headers, without the empty line that ends them.
        site: what is served.
        port: where; a request must name it in its Host, so that no other site can have a browser read this one.
    """
    first, *rest = head.split(b"\r\n")
    request, headers = REQUEST.fullmatch(first), [HEADER.fullmatch(line) for line in rest]
    hosts = [line[2].decode("latin-1").strip().lower() for line in headers if line and line[1].lower() == b"host"]
    if request is None or None in headers or len(hosts) != 1:
        return said(HTTPStatus.BAD_REQUEST, "This is no request that this server understands.").sent()
    method, target = request[1].decode(), request[2].decode()
    with_body = method != "HEAD"
    if hosts[0] not in hosts_of(port):
        wrong = f"This server answers to {ADDRESS}:{port} and localhost:{port} only."
        return said(HTTPStatus.MISDIRECTED_REQUEST, wrong).sent(with_body=with_body)
    if method not in ("GET", "HEAD"):
        only = said(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are answered.", ("Allow", "GET, HEAD"))
        return only.sent()
    return _found(target.partition("?")[0], site).sent(with_body=with_body)


def hosts_of(port: int) -> tuple[str, ...]:
    """Return what a Host header may be; a browser leaves port 80 out."""
    names = (ADDRESS, "localhost")
    return (*(f"{name}:{port}" for name in names), *(names if port == 80 else ()))


def said(status: HTTPStatus, sentence: str, *headers: tuple[str, str]) -> Answer:
    """Return an answer of one sentence."""
    return Answer(status, f"{sentence}\n".encode("utf-8", "backslashreplace"), TEXT, headers)


def _found(path: str, site: Site) -> Answer:
    """Return what is served at a path, or why there is nothing now."""
    try:
        return _served(path, site)
    except Unavailable as reason:
        return _not_now(path, HTTPStatus.SERVICE_UNAVAILABLE, str(reason))
    except Exception as error:  # the next request may find what this one did not
        why = f"This can't be shown ({type(error).__name__}: {error})."
        return _not_now(path, HTTPStatus.INTERNAL_SERVER_ERROR, why)


def _served(path: str, site: Site) -> Answer:
    """Return what is served at a path, which is compared with those that there are and never decoded or joined."""
    if path == "/":
        page = site.page()
        return Answer(HTTPStatus.OK, page.body, HTML, (("Server-Timing", f'page;desc="{page.version}"'),))
    if path == "/state":
        return Answer(HTTPStatus.OK, json.dumps(site.state(), allow_nan=False).encode(), JSON)
    if path == "/favicon.ico":
        return Answer(HTTPStatus.NO_CONTENT)
    file = site.file(path.removeprefix("/")) if path.startswith("/") else None
    if file is not None:
        with suppress(OSError):  # gone since
            return Answer(HTTPStatus.OK, file.read_bytes(), PNG)
    return said(HTTPStatus.NOT_FOUND, "Nothing is served there.")


def _not_now(path: str, status: HTTPStatus, sentence: str) -> Answer:
    """Return an answer that says why there is none yet, to each as it reads: a page asks again by itself."""
    later = ("Retry-After", "2")
    if path == "/state":
        told = {"state": "unavailable", "sentence": sentence, "progress": []}
        return Answer(status, json.dumps(told).encode(), JSON, (later,))
    if path != "/":
        return said(status, sentence, later)
    page = (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta http-equiv="refresh" content="2">\n'
        '<link rel="icon" href="data:,">\n<title>quantstudy</title>\n'
        f"<p>{escape(sentence)}</p>\n<p>This page asks again every two seconds.</p>\n</html>\n"
    )
    return Answer(status, page.encode("utf-8", "backslashreplace"), HTML, (later,))


class PageServer(socketserver.ThreadingTCPServer):
    """Serves a site on 127.0.0.1; a context manager that closes it."""

    daemon_threads = True
    block_on_close = False  # a slow client must not keep the program from ending
    allow_reuse_address = os.name == "posix"  # elsewhere it would let two listen at the same port
    request_queue_size = MOST_VISITS

    def __init__(self, site: Site, port: int, patience: float = PATIENCE) -> None:
        """Listen at a port, 0 for one that the system chooses.

        Raises:
            OSError: it is taken, or not permitted.
        """
        self.site, self.patience = site, patience
        self._free = threading.Semaphore(MOST_VISITS)
        super().__init__((ADDRESS, port), _Visit)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, if there are not too many."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is none of the user's business."""


class _Visit(socketserver.BaseRequestHandler):
    """One connection: one request, one answer."""

    def handle(self) -> None:
        server, connection = self.server, self.request
        assert isinstance(server, PageServer)
        with suppress(OSError):  # it went away, or is too slow
            head = _head_of(connection, server.patience)
            if head is None:
                return
            told = head.sent() if isinstance(head, Answer) else answer(head, server.site, server.port)
            connection.settimeout(server.patience)  # for all of it
            connection.sendall(told)
            _part(connection)


def _head_of(connection: socket.socket, patience: float) -> bytes | Answer | None:
    """Return the head of a request, what to answer to one that is too long or too slow, None if there is none."""
    until, head = time.monotonic() + patience, b""
    while b"\r\n\r\n" not in head:
        if len(head) >= MOST_HEAD:
            if b"\r\n" not in head:
                return said(HTTPStatus.REQUEST_URI_TOO_LONG, "This address is too long.")
            return said(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers of this request are too long.")
        try:
            connection.settimeout(max(0.001, until - time.monotonic()))
            more = connection.recv(MOST_HEAD - len(head))
        except TimeoutError:
            return said(HTTPStatus.REQUEST_TIMEOUT, "This request took too long.") if head else None
        if not more:
            return None
        head += more
    return head.partition(b"\r\n\r\n")[0]


def _part(connection: socket.socket) -> None:
    """Close after the client has read: closing upon what it still sends would take the answer from it."""
    connection.shutdown(socket.SHUT_WR)
    until = time.monotonic() + 1.0
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        if not connection.recv(65536):
            return

"""What is served to whom: paths, methods, hosts and headers, over sockets, to clients that are slow, rude or many."""

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quantstudy.show import serve
from quantstudy.show.serve import ALWAYS, MOST_HEAD, MOST_VISITS, Page, PageServer, Site, Unavailable, answer

BODY = "<p>√2 — page</p>".encode()
PNG = b"\x89PNG\r\n\x1a\n picture"
SECRET = b"secret"
STATE = {"state": "running", "version": "v1", "progress": [], "sentence": "→"}
PORT = 4321
HOST = f"Host: 127.0.0.1:{PORT}"


def site(folder: Path, **others: Any) -> Site:
    """A page, a state and figures/maps.png; `secret` lies beside and below."""
    (folder / "figures").mkdir()
    for name, held in (("figures/maps.png", PNG), ("figures/secret.png", SECRET), ("secret", SECRET)):
        (folder / name).write_bytes(held)
    known = {"figures/maps.png": folder / "figures" / "maps.png"}
    return Site(**{"page": lambda: Page(BODY, "v1"), "state": lambda: STATE, "file": known.get} | others)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., PageServer]]:
    """Serve a site from a thread; a client has a second for its request."""
    servers: list[PageServer] = []

    def begin(patience: float = 1.0, **others: Any) -> PageServer:
        server = PageServer(site(tmp_path, **others), 0, patience)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def raw(port: int, request: bytes, *, half: bool = False) -> bytes:
    """Send bytes and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        if half:
            connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status(answered: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) [A-Za-z -]+\r\n", answered)
    assert found, answered[:80]
    return int(found[1])


def asked(port: int, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()


def get(target: str, *lines: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", *(lines or (HOST,))]).encode("latin-1")


def test_all_that_is_served(serving: Callable[..., PageServer]) -> None:
    port = serving().port
    for path, kind, body in (
        ("/", "text/html; charset=utf-8", BODY),
        ("/?x=1", "text/html; charset=utf-8", BODY),
        ("/state", "application/json", json.dumps(STATE).encode()),
        ("/figures/maps.png", "image/png", PNG),
    ):
        code, headers, read = asked(port, "GET", path)
        assert (code, headers["Content-Type"], read) == (200, kind, body), path
        assert headers["Content-Length"] == str(len(body))
    assert asked(port, "GET", "/")[1]["Server-Timing"] == 'page;desc="v1"'
    code, headers, read = asked(port, "GET", "/favicon.ico")
    assert (code, read) == (204, b"")
    assert "Content-Length" not in headers


ODD = (
    *(
        "/..",
        "/../secret",
        "/figures/../secret",
        "/figures/../../etc/passwd",
        "/./",
        "/./state",
        "//",
        "//state",
        "///",
    ),
    *("/%2e%2e/secret", "/figures/%2e%2e/secret", "/%2e%2e%2fsecret", "/figures/..%2fsecret", "/%2Fstate", "/%73tate"),
    *("/figures/maps%2epng", "/%00", "/state%00", "/figures/maps.png%00.html", "/etc/passwd", "/secret", "secret"),
    *("state", "figures/maps.png", "/figures", "/figures/", "/figures/secret.png", "/figures/maps.png/", "/state/"),
    *(
        "/figures\\maps.png",
        "/..\\secret",
        "\\..\\secret",
        "/figures/..\\..\\secret",
        "/C:\\Windows",
        "/FIGURES/maps.png",
    ),
    *(
        "/figures/maps.PNG",
        "/figures/maps",
        "/manifest.json",
        "/study.toml",
        "/report.html",
        "/weights/relu.safetensors",
    ),
    *(
        "/.lock",
        "/cells/",
        "*",
        "http://127.0.0.1:4321/state",
        "http://evil.example/",
        "file:///etc/passwd",
        "/;/state",
    ),
    *("/state#x", "/index.html", "/~root", "/" + "a" * 10000, "/figures/" + "../" * 3000 + "etc/passwd"),
)


@pytest.mark.parametrize("target", ODD, ids=lambda target: target[:30])
def test_no_other_path_leads_anywhere(tmp_path: Path, target: str) -> None:
    answered = answer(get(target), site(tmp_path), PORT)
    assert status(answered) == 404
    assert SECRET not in answered
    assert PNG not in answered


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40))
@example("/\\..\\..\\secret")
def test_only_known_paths_are_asked_for(tail: str) -> None:
    """Whatever comes is looked up as it stands: never decoded, joined with a folder or shortened."""
    wanted: list[str] = []
    bare = Site(lambda: Page(BODY, "v"), dict, wanted.append)  # type: ignore[arg-type]
    for target in (tail, f"/{tail}", f"/figures/{tail}"):
        wanted.clear()
        if target.isprintable() and target:
            code = status(answer(get(target), bare, PORT))
            path = target.partition("?")[0]
            if path in ("/", "/state", "/favicon.ico"):
                assert code in (200, 204)
            else:
                assert (code, wanted) == (404, [path[1:]] if path.startswith("/") else [])


@given(st.binary(max_size=200))
@example(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4321")
@example(b"")
def test_any_bytes_get_an_answer(head: bytes) -> None:
    bare = Site(lambda: Page(BODY, "v"), dict, lambda name: None)
    answered = answer(head, bare, PORT)
    assert status(answered) in (200, 204, 400, 404, 405, 421)
    top, _, body = answered.partition(b"\r\n\r\n")
    assert body != BODY or head.startswith(b"GET /")
    assert all(re.fullmatch(rb"[A-Za-z-]+: [ -~]*", line) for line in top.split(b"\r\n")[1:])


@pytest.mark.parametrize(
    "head",
    [
        b"GET /",
        b"GET  / HTTP/1.1\r\nHost: 127.0.0.1:4321",
        b"GET / HTTP/2.0\r\nHost: 127.0.0.1:4321",
        b"GET /\0 HTTP/1.1\r\nHost: 127.0.0.1:4321",
        b"GET /state\0 HTTP/1.1\r\nHost: 127.0.0.1:4321",
        b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1:4321",
        b"GET / /state HTTP/1.1\r\nHost: 127.0.0.1:4321",
        b"GET / HTTP/1.1\nHost: 127.0.0.1:4321",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4321\r\nHost: 127.0.0.1:4321",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4321\r\n folded: no",
        b"GET / HTTP/1.1\r\nHost : 127.0.0.1:4321",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4321\r\nX: a\0b",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1:4321\r\nno colon",
        b"GET / HTTP/1.1",
        b"GET / HTTP/1.1\r\n",
    ],
)
def test_what_is_no_request(tmp_path: Path, head: bytes) -> None:
    answered = answer(head, site(tmp_path), PORT)
    assert status(answered) == 400
    assert BODY not in answered


@pytest.mark.parametrize("host", ["127.0.0.1:4321", "localhost:4321", "LocalHost:4321", " localhost:4321\t"])
def test_hosts_that_are_this_one(tmp_path: Path, host: str) -> None:
    assert status(answer(get("/", f"host:{host}"), site(tmp_path), PORT)) == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:4321",
            "127.0.0.1",
            "localhost",
            "127.0.0.1:4322",
            "127.0.0.1:80",
            "0.0.0.0:4321",
        ),
        *(
            "[::1]:4321",
            "127.1:4321",
            "localhost.:4321",
            "localhost:4321.evil.example",
            "127.0.0.1:4321@evil.example",
            "",
        ),
        *("evil.example, 127.0.0.1:4321", "http://127.0.0.1:4321", "127.0.0.1:04321", "2130706433:4321"),
    ],
)
@pytest.mark.parametrize("target", ["/", "/state", "/figures/maps.png", "/favicon.ico", "/nothing"])
def test_other_hosts_get_nothing(tmp_path: Path, host: str, target: str) -> None:
    """A page of another site whose name is made to mean 127.0.0.1 (DNS rebinding) still sends its own name."""
    answered = answer(get(target, f"Host: {host}"), site(tmp_path), PORT)
    assert status(answered) == 421
    assert BODY not in answered
    assert b"version" not in answered


def test_a_browser_leaves_port_80_out(tmp_path: Path) -> None:
    served = site(tmp_path)
    assert [status(answer(get("/", f"Host: {host}"), served, 80)) for host in ("localhost", "127.0.0.1:80")] == [
        200
    ] * 2
    assert status(answer(get("/", "Host: evil.example"), served, 80)) == 421


@pytest.mark.parametrize(
    "method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "HEADER", "X"]
)
@pytest.mark.parametrize("path", ["/", "/state", "/figures/maps.png", "/nothing"])
def test_only_get_and_head(tmp_path: Path, method: str, path: str) -> None:
    answered = answer(get(path, method=method), site(tmp_path), PORT)
    assert status(answered) == 405
    assert b"\r\nAllow: GET, HEAD\r\n" in answered
    assert BODY not in answered


def test_a_post_with_a_body_is_told_so(serving: Callable[..., PageServer]) -> None:
    """Closing while a client still sends would reset the connection and take the answer away."""
    port = serving().port
    for size in (10, 20_000_000):
        code, headers, _ = asked(port, "POST", "/state", **{"Content-Length": str(size)})
        assert (code, headers["Allow"]) == (405, "GET, HEAD")
        request = f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size
        assert status(raw(port, request)) == 405


@pytest.mark.parametrize("path", ["/", "/state", "/figures/maps.png", "/favicon.ico", "/nothing", "/.."])
def test_head_is_get_without_its_body(serving: Callable[..., PageServer], path: str) -> None:
    port = serving().port
    code, headers, body = asked(port, "GET", path)
    assert asked(port, "HEAD", path) == (code, headers, b"")
    assert raw(port, f"HEAD {path} HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()).endswith(b"\r\n\r\n")
    assert body or path == "/favicon.ico"


@pytest.mark.parametrize(
    "head",
    [
        *(get(path) for path in ("/", "/state", "/figures/maps.png", "/favicon.ico", "/nothing")),
        get("/", "Host: x"),
        b"x",
        get("/", method="POST"),
    ],
)
def test_every_answer_has_the_headers_that_protect(tmp_path: Path, head: bytes) -> None:
    told = answer(head, site(tmp_path), PORT).partition(b"\r\n\r\n")[0].decode()
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Content-Security-Policy", "frame-ancestors 'none'"),
        ("Connection", "close"),
    ):
        assert told.count(f"\r\n{name}: {value}") == 1
        assert name in ALWAYS
    assert "Access-Control" not in told


def test_what_can_not_be_shown_now(tmp_path: Path) -> None:
    def fail(*_: str) -> Any:
        raise Unavailable("the run's <folder> → is gone")

    def break_(*_: str) -> Any:
        raise TypeError("a bug")

    for what, code, says in ((fail, 503, "the run's <folder> → is gone"), (break_, 500, "(TypeError: a bug)")):
        served = Site(what, what, what)
        page, state, file = (answer(get(path), served, PORT) for path in ("/", "/state", "/figures/maps.png"))
        assert [status(each) for each in (page, state, file)] == [code] * 3
        assert all(b"\r\nRetry-After: 2\r\n" in each for each in (page, state, file))
        assert b'<meta http-equiv="refresh" content="2">' in page
        assert b"<folder>" not in page
        told = json.loads(state.partition(b"\r\n\r\n")[2])
        assert told["state"] == "unavailable"
        assert says in told["sentence"]
        assert says in file.decode()
    assert site(tmp_path)


def test_a_file_that_is_gone_by_then(tmp_path: Path) -> None:
    served = site(tmp_path)
    (tmp_path / "figures" / "maps.png").unlink()
    assert status(answer(get("/figures/maps.png"), served, PORT)) == 404


def test_a_failure_ends_nothing(serving: Callable[..., PageServer]) -> None:
    answers: list[Any] = [Unavailable("not yet"), ValueError("odd"), Page(BODY, "v2")]

    def page() -> Page:
        if isinstance(answers[0], Page):
            return answers[0]
        raise answers.pop(0)

    port = serving(page=page).port
    assert [asked(port, "GET", "/")[0] for _ in range(4)] == [503, 500, 200, 200]


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"GET /" + b"a" * (MOST_HEAD + 1), 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * MOST_HEAD, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * MOST_HEAD, 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + b"a" * MOST_HEAD, 421),
    ],
)
def test_a_head_of_any_length_is_read_up_to_a_limit(serving: Callable[..., PageServer], head: bytes, code: int) -> None:
    assert status(raw(serving(patience=20.0).port, head)) == code


def test_a_head_may_come_in_pieces(serving: Callable[..., PageServer]) -> None:
    port = serving(patience=20.0).port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for byte in f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode():
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        read = b"".join(iter(lambda: connection.recv(65536), b""))
    assert (status(read), read.endswith(BODY)) == (200, True)


def test_a_client_that_leaves_early_gets_nothing(serving: Callable[..., PageServer]) -> None:
    port = serving(patience=20.0).port
    assert raw(port, b"GET / HTTP/1.1\r\nHost: 127", half=True) == b""
    assert raw(port, b"", half=True) == b""
    assert asked(port, "GET", "/")[0] == 200


def test_a_slow_client_is_sent_away_and_keeps_nobody_waiting(serving: Callable[..., PageServer]) -> None:
    """One byte at a time, too: the time is that of the whole request, not of its last byte."""
    port = serving(patience=0.5).port
    with socket.create_connection(("127.0.0.1", port), timeout=20) as silent:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as slow:
            told, began = b"", time.monotonic()
            slow.settimeout(0.02)
            while time.monotonic() - began < 15 and not told.startswith(b"HTTP"):
                try:
                    slow.sendall(b"a")
                    told = slow.recv(100)
                except TimeoutError:
                    assert asked(port, "GET", "/")[0] == 200
        assert status(told) == 408
        assert silent.recv(100) == b""


def test_a_client_that_does_not_read_is_sent_away(serving: Callable[..., PageServer]) -> None:
    large = Page(b"x" * 50_000_000, "v")
    server = serving(patience=0.3, page=lambda: large)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as deaf:
        deaf.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
        until = time.monotonic() + 15
        while server._free._value == MOST_VISITS and time.monotonic() < until:  # until it is being answered
            time.sleep(0.01)
        while server._free._value < MOST_VISITS and time.monotonic() < until:
            time.sleep(0.01)
        assert time.monotonic() < until


def test_two_clients_at_once(serving: Callable[..., PageServer]) -> None:
    """Each waits for the other to be asking, too: one after the other would wait for ever."""
    both = threading.Barrier(2, timeout=20)

    def page() -> Page:
        both.wait()
        return Page(BODY, "v")

    port, found = serving(patience=20.0, page=page).port, []
    threads = [threading.Thread(target=lambda: found.append(asked(port, "GET", "/")[0])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [200, 200]


def test_too_many_clients_are_sent_away_and_others_served_later(
    serving: Callable[..., PageServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "MOST_VISITS", 3)
    server = serving(patience=20.0)
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=20) for _ in range(3)]
    until = time.monotonic() + 15
    while server._free._value and time.monotonic() < until:
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as further:
        assert further.recv(100) == b""
    for connection in held:
        connection.close()
    while not server._free._value and time.monotonic() < until:
        time.sleep(0.01)
    assert asked(server.port, "GET", "/")[0] == 200


def test_it_listens_to_this_machine_alone(serving: Callable[..., PageServer]) -> None:
    server = serving()
    assert server.server_address[0] == "127.0.0.1"
    assert server.port > 0


def test_a_port_is_taken_once(serving: Callable[..., PageServer], tmp_path: Path) -> None:
    port = serving().port
    with pytest.raises(OSError, match="in use"):
        PageServer(Site(lambda: Page(b"", ""), dict, lambda name: None), port)


def test_a_port_can_be_had_again_at_once(tmp_path: Path) -> None:
    """Right after a server that had clients has ended, too."""
    bare = Site(lambda: Page(BODY, "v"), dict, lambda name: None)
    port = 0
    for _ in range(3):
        with PageServer(bare, port) as server:
            port = server.port
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
            # the server ends the connection first, so that its port is held for a minute
            assert status(raw(port, f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())) == 200
            server.shutdown()

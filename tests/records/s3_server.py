"""A store that speaks S3, on loopback, by moto; told to, it fails at puts or lists late."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote


@dataclass
class Bucket:
    """A bucket of the server, and what it is told to do wrong.

    Attributes:
        url: of the bucket, `s3://…`.
        environment: what a process needs to find it.
        refused: status with which the next put of a name that ends so is answered, once each.
        unlisted: endings of names that listings leave out.
        puts: names that were put so far, in order.
    """

    url: str
    environment: dict[str, str]
    refused: dict[str, int] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)
    puts: list[str] = field(default_factory=list)

    def answer(self, environ: dict[str, Any], start: Callable[..., Any], app: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request as moto does, or wrongly."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "PUT" and path.count("/") > 1:
            for ending, status in self.refused.items():
                if path.endswith(ending):
                    del self.refused[ending]
                    environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                    code = {403: "AccessDenied", 503: "SlowDown"}[status]
                    start(f"{status} {code}", [("Content-Type", "application/xml")])
                    return [f"<Error><Code>{code}</Code><Message>key AKIATESTING</Message></Error>".encode()]
            self.puts.append(path.split("/", 2)[2])
        if method == "GET" and "list-type=2" in environ["QUERY_STRING"] and self.unlisted:
            return self._listed(environ, start, app)
        answered: Iterable[bytes] = app(environ, start)
        return answered

    def _listed(self, environ: dict[str, Any], start: Callable[..., Any], app: Callable[..., Any]) -> Iterable[bytes]:
        began: list[Any] = []
        body = b"".join(app(environ, lambda *about: began.append(about)))
        for ending in self.unlisted:
            key = re.escape(quote(ending, safe="/").encode())  # as names are listed
            body = re.sub(rb"<Contents>\s*<Key>[^<]*%s</Key>.*?</Contents>" % key, b"", body, flags=re.S)
        status, headers, *_ = began[0]
        start(status, [(key, value) for key, value in headers if key.lower() != "content-length"])
        return [body]


@contextmanager
def s3_server(name: str = "sweeps") -> Iterator[Bucket]:
    """Serve a bucket from a thread of this process for as long as the block runs."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    app, buckets = DomainDispatcherApplication(create_backend_app), list[Bucket]()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        return buckets[0].answer(environ, start, app)

    server = make_server("127.0.0.1", 0, answer, threaded=True, request_handler=Quiet)
    address = f"http://127.0.0.1:{server.port}"
    environment = {
        **{"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "AKIATESTING", "AWS_SECRET_ACCESS_KEY": "wJalrTESTING"},
        **{"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"},
    }
    buckets.append(Bucket(f"s3://{name}", environment))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        import boto3

        keys = {"aws_access_key_id": "AKIATESTING", "aws_secret_access_key": "wJalrTESTING"}
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
        client.create_bucket(Bucket=name)
        client.close()
        yield buckets[0]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

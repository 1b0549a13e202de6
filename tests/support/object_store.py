"""An S3 server as a process of its own on loopback, and a proxy before it that does what networks and stores do."""

import base64
import http.client
import os
import re
import shutil
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from shared_server import shared_server

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}

# It ends when its standard input does, so that nothing is left behind whatever becomes of the tests.
# Objects are an hour old when they are put: a cache keeps nothing of those that were written just now.
SERVER = """
import datetime, logging, sys
import moto.s3.models
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
now = moto.s3.models.utcnow
moto.s3.models.utcnow = lambda: now() - datetime.timedelta(hours=1)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


PAGE_KEYS = 100
"""Of a listing: few, so that few objects make several pages."""


def s3_server(folder: Path, page_keys: int = PAGE_KEYS) -> AbstractContextManager[str]:
    """The URL of a server for all processes of the suite that name the same folder."""
    environment = {**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": str(page_keys)}

    def url_of(printed: str) -> str | None:
        return f"http://127.0.0.1:{int(printed)}" if printed.endswith("\n") else None

    return shared_server(folder, "s3", [sys.executable, "-c", SERVER], environment, url_of)


AZURITE = os.environ.get("AZURITE") or shutil.which("azurite-blob")
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = base64.b64encode(b"a key that is no secret").decode("ascii")


ENDS_WITH_INPUT = '"$@" & read -r _; kill $!'
"""A shell's words that run a program until standard input ends."""


def azure_server(folder: Path, command: str) -> AbstractContextManager[str]:
    """The URL of an Azure account on a server for all processes of the suite that name the same folder."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [command, "--blobPort", str(port), "--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry"]
    environment = os.environ | {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}

    def url_of(printed: str) -> str | None:
        found = re.search(r"successfully listen\S* \S* http://127\.0\.0\.1:(\d+)", printed)
        return f"http://127.0.0.1:{found[1]}/{AZURE_ACCOUNT}" if found else None

    return shared_server(folder, "azure", ["sh", "-c", ENDS_WITH_INPUT, "sh", *words], environment, url_of)


def client(url: str) -> Any:
    """boto3's client, to fill buckets with."""
    import boto3  # noqa: PLC0415 # few tests need it, and all processes collect all tests

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="secret",  # noqa: S106 # the server takes any
    )


class Asked(NamedTuple):
    """A request that came to the proxy."""

    method: str
    path: str
    """Decoded, with the bucket, without the query."""
    query: str
    headers: dict[str, str]
    """Names in lower case."""
    before: int
    """How many requests of this method and path came before."""


class Answer(NamedTuple):
    """What the proxy answers in the server's place, or does to what it answers."""

    status: int | None = None
    """Instead of asking the server."""
    body: bytes = b""
    cut: int | None = None
    """After so many bytes of the body the connection is closed."""
    headers: dict[str, str] = {}  # noqa: RUF012 # a default of a frozen value


Behaviour = Callable[[Asked], Answer | None]


class Proxy:
    """Passes requests on to a server unless its behaviour says otherwise."""

    def __init__(self, server: str) -> None:
        self.upstream = urlsplit(server).netloc
        self.behave: Behaviour = lambda _asked: None
        self.asked: list[Asked] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lock = threading.Lock()

    def note(self, method: str, target: str, headers: dict[str, str]) -> Asked:
        parts = urlsplit(target)
        path = unquote(parts.path)
        with self.lock:
            asked = Asked(method, path, parts.query, headers, self.counts[method, path])
            self.counts[method, path] += 1
            self.asked.append(asked)
        return asked

    def of(self, path: str, method: str = "GET") -> list[Asked]:
        """The requests for a path."""
        return [asked for asked in self.asked if (asked.method, asked.path) == (method, path)]


@contextmanager
def proxied(server: str) -> Iterator[tuple[str, Proxy]]:
    """The URL of a proxy before a server, and the proxy."""
    proxy = Proxy(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # of a client that was killed
                super().handle()

        def do_GET(self) -> None:
            asked = proxy.note(self.command, self.path, {name.lower(): value for name, value in self.headers.items()})
            answer = proxy.behave(asked) or Answer()
            if answer.status is not None:
                self.reply(answer.status, dict(answer.headers), answer.body, answer.cut)
                return
            connection = http.client.HTTPConnection(proxy.upstream)
            connection.request(self.command, self.path, headers=dict(self.headers.items()))
            response = connection.getresponse()
            body = response.read()
            headers = {name.lower(): value for name, value in response.getheaders()}
            connection.close()
            self.reply(response.status, {**headers, **answer.headers}, answer.body or body, answer.cut)

        do_HEAD = do_GET  # noqa: N815 # the name that the base class looks for

        def reply(self, status: int, headers: dict[str, str], body: bytes, cut: int | None) -> None:
            for name in ("transfer-encoding", "connection", "server"):
                headers.pop(name, None)
            length = headers.pop("content-length", None) if self.command == "HEAD" else None
            self.send_response_only(status)
            self.send_header("Date", headers.pop("date", self.date_time_string()))
            for name, value in headers.items():
                if name != "content-length":
                    self.send_header(name, value)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if cut is None else body[:cut])
            if cut is not None:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads = True
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_address[1]}", proxy
        finally:
            httpd.shutdown()
            thread.join()

"""Times scans of a bucket beside a bare client that only downloads it, against a server on loopback.

The server is a process of its own that answers from memory, so that the clients are what is measured; ``--delay-ms``
makes it answer as late as one far away. Server and client share the processors, as they would not elsewhere. The
command's start is measured apart, with a bucket of one object. rclone, where it is installed, downloads and hashes.

    python benchmarks/buckets.py [--objects N] [--delay-ms MS] [--rounds N] [--jobs N] [--only small]
"""

import argparse
import asyncio
import hashlib
import http.client
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

COMMAND = str(Path(sys.executable).with_name("hashaudit"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
THREADS = 32
"""Threads of the bare client; also the number of requests that rclone, and each worker, sends at once."""

WORKERS: list[str] = []
"""Options for their number."""

PIECE_BYTES = 1 << 18
PAGE = 1000
RANGE = re.compile(rb"\r\nrange: bytes=(\d+)-(\d+)", re.IGNORECASE)
MODIFIED = "Sat, 21 Nov 2026 12:00:00 GMT"


class Server(asyncio.Protocol):
    """One bucket of ``count`` objects of one content, whatever is asked for."""

    def __init__(self, count: int, body: bytes, delay_s: float) -> None:
        self.count = count
        self.body = body
        self.delay_s = delay_s
        self.etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        self.pending = b""
        self.left = memoryview(b"")
        self.is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answers each request that is whole."""
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            request, self.pending = self.pending[:end], self.pending[end + 4 :]
            if self.delay_s:
                asyncio.get_running_loop().call_later(self.delay_s, self.answer, request)
            else:
                self.answer(request)

    def answer(self, request: bytes) -> None:
        """Sends a page of the listing, or the object."""
        method, target, _ = request.split(b"\r\n")[0].split()
        query = parse_qs(urlsplit(target.decode()).query)
        body, status, more = self.body, "200 OK", ""
        if "list-type" in query:
            body = self.listing(query)
        elif (wanted := RANGE.search(request)) is not None:
            first, last = int(wanted[1]), int(wanted[2])
            more = f"Content-Range: bytes {first}-{last}/{len(body)}\r\n"
            body, status = body[first : last + 1], "206 Partial Content"
        head = f'HTTP/1.1 {status}\r\nETag: "{self.etag}"\r\nLast-Modified: {MODIFIED}\r\n{more}'
        self.transport.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
        if method != b"HEAD":
            self.left = memoryview(body)
            self.send()

    def send(self) -> None:
        """Sends what is left of a body, as far as the client takes it. One write of all would copy it many times."""
        while self.left and not self.is_paused:
            piece, self.left = self.left[:PIECE_BYTES], self.left[PIECE_BYTES:]
            self.transport.write(piece)

    def pause_writing(self) -> None:
        """The client does not take more."""
        self.is_paused = True

    def resume_writing(self) -> None:
        """The client takes more."""
        self.is_paused = False
        self.send()

    def listing(self, query: dict[str, list[str]]) -> bytes:
        """A page."""
        first = int(unquote(query.get("continuation-token", ["0"])[0]))
        last = min(first + PAGE, self.count)
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < self.count else ""
        keys = "".join(
            f"<Contents><Key>{number:09}</Key><LastModified>2026-11-21T12:00:00.000Z</LastModified>"
            f"<ETag>&quot;{self.etag}&quot;</ETag><Size>{len(self.body)}</Size></Contents>"
            for number in range(first, last)
        )
        truncated = str(last < self.count).lower()
        return f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{keys}</ListBucketResult>".encode()


async def serve(count: int, size_bytes: int, delay_s: float) -> None:
    """Runs the server until it is ended; prints its port."""
    body = os.urandom(size_bytes)
    server = await asyncio.get_running_loop().create_server(lambda: Server(count, body, delay_s), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def download(url: str, count: int, threads: int) -> None:
    """The bare client: gets and hashes, without signatures and checks."""
    local = threading.local()

    def get(number: int) -> None:
        connection = getattr(local, "connection", None)
        if connection is None:
            connection = local.connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("GET", f"/bucket/{number:09}")
        response, digest, buffer = connection.getresponse(), hashlib.sha256(), bytearray(PIECE_BYTES)
        while length := response.readinto(buffer):
            digest.update(memoryview(buffer)[:length])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(get, range(count)))


def scan(url: str, folder: str) -> None:
    """Examines the bucket with the installed command."""
    hashes = os.path.join(folder, "list.txt")
    with open(hashes, "w", encoding="ascii") as file:
        file.write("1" * 64 + "\n")
    os.chmod(hashes, 0o600)
    words = ["scan", "s3://bucket", "--endpoint-url", url, "--list", hashes, "--unsigned", "-q", *WORKERS]
    done = subprocess.run([COMMAND, *words], stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.returncode


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds, those of child processes included."""
    before, start_s = os.times(), time.perf_counter()
    action()
    elapsed_s, after = time.perf_counter() - start_s, os.times()
    return elapsed_s, sum(after[:4]) - sum(before[:4])


def hashsum(url: str) -> None:
    """What is nearest to a scan among rclone's commands."""
    at_once = ("--checkers", str(THREADS), "--transfers", str(THREADS))
    words = ["rclone", "hashsum", "sha256", "--download", *at_once, "--config", os.devnull, "-q"]
    words += ["--s3-provider", "Other", "--s3-list-version", "2", "--s3-env-auth", "--s3-endpoint", url, ":s3:bucket"]
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)


@contextmanager
def bucket(count: int, size_bytes: int, delay_ms: float) -> Iterator[str]:
    """The URL of a server."""
    words = [sys.executable, os.path.abspath(__file__), "--serve", str(count), str(size_bytes), str(delay_ms)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.kill()


def compare(name: str, count: int, size_bytes: int, delay_ms: float, rounds: int) -> None:
    """Prints the medians of several rounds, in which the clients alternate, and of hashaudit without its start."""
    times: dict[str, list[tuple[float, float]]] = {}
    small, whole = bucket(1, 1, delay_ms), bucket(count, size_bytes, delay_ms)
    with small as one, whole as url, tempfile.TemporaryDirectory() as folder:
        threads = min(count, THREADS)
        actions: dict[str, Callable[[], object]] = {
            f"http.client, {threads} threads": partial(download, url, count, threads)
        }
        if shutil.which("rclone"):
            actions["rclone hashsum, start"] = partial(hashsum, one)
            actions["rclone hashsum"] = partial(hashsum, url)
        actions["hashaudit, start"] = partial(scan, one, folder)
        actions["hashaudit"] = partial(scan, url, folder)
        for _ in range(rounds):
            for who, action in actions.items():
                times.setdefault(who, []).append(timed(action))
    print(f"{name}: {count} objects of {size_bytes} bytes, answered after {delay_ms:g} ms", flush=True)
    for who, each in times.items():
        wall_s, cpu_s = (statistics.median(column) for column in zip(*each, strict=True))
        starts = times.get(f"{who}, start", [(0.0, 0.0)])
        start_wall_s, start_cpu_s = (statistics.median(column) for column in zip(*starts, strict=True))
        per_object_us = 1e6 * (cpu_s - start_cpu_s) / count
        print(
            f"  {who:24} {wall_s:6.2f} s, CPU {cpu_s:6.2f} s; without start {wall_s - start_wall_s:6.2f} s,"
            f" {per_object_us:8.0f} us CPU an object",
            flush=True,
        )


def main() -> None:
    """Four buckets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", nargs=3, metavar=("COUNT", "BYTES", "DELAY_MS"))
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--delay-ms", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", help="workers of hashaudit; 1: as many requests at once as the others")
    parser.add_argument("--only", choices=("small", "large"))
    options = parser.parse_args()
    if options.serve is not None:
        count, size_bytes, delay_ms = options.serve
        asyncio.run(serve(int(count), int(size_bytes), float(delay_ms) / 1000))
        return
    os.environ.update(CREDENTIALS)
    os.environ.pop("AWS_CA_BUNDLE", None)  # rclone refuses to begin with one, and the server has no certificate
    if options.jobs:
        WORKERS.extend(("-j", options.jobs))
    if options.only != "large":
        compare("small, near", options.objects, 16 << 10, 0, options.rounds)
        compare("small, far", options.objects, 16 << 10, options.delay_ms, options.rounds)
    if options.only != "small":
        compare("large, near", 8, 64 << 20, 0, options.rounds)
        compare("large, far", 8, 64 << 20, 50, options.rounds)


if __name__ == "__main__":
    main()

"""A server on loopback that answers with chosen bytes, a certificate for it, and a proxy that opens tunnels."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BODY = b"bytes"
HEAD = b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: 5\r\n\r\n'


class Listener:
    """Serves each connection on loopback in a thread of its own."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        raise NotImplementedError


class RawServer(Listener):
    """Answers each request on loopback with chosen bytes, and keeps what was sent."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.reply: Callable[[bytes], tuple[bytes, bool]] = lambda _request: (HEAD + BODY, True)
        """The bytes to answer with, and whether the connection stays open."""
        self._tls = tls
        super().__init__()
        self.url = f"{'http' if tls is None else 'https'}://localhost:{self.port}"

    def _serve(self, connection: socket.socket) -> None:
        pending = b""
        try:
            with connection if self._tls is None else self._tls.wrap_socket(connection, server_side=True) as stream:
                while data := stream.recv(65536):
                    pending += data
                    while b"\r\n\r\n" in pending:
                        request, _, pending = pending.partition(b"\r\n\r\n")
                        self.requests.append(request)
                        answer, stays = self.reply(request)
                        stream.sendall(answer)
                        if not stays:
                            return
        except OSError:
            return


@contextmanager
def raw_server(tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(tls)
    try:
        yield server
    finally:
        server.close()


def tls_for_localhost(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Returns what makes a server one of TLS for the name ``localhost``, and the file of its certificate."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words, "-out", certificate, "-keyout", key], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


class TunnelProxy(Listener):
    """A proxy that opens a tunnel for each CONNECT, or refuses it."""

    def __init__(self) -> None:
        self.refusal = b""
        super().__init__()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                data = connection.recv(1)
                if not data:
                    return
                head += data
            self.requests.append(head)
            if self.refusal:
                connection.sendall(self.refusal)
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=_pump, args=(server, connection), daemon=True)
                back.start()
                _pump(connection, server)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def tunnel_proxy() -> Iterator[TunnelProxy]:
    proxy = TunnelProxy()
    try:
        yield proxy
    finally:
        proxy.close()

"""A forwarder in front of the app, as anybody may put one: it writes into each request what it likes.

Passes bytes; knows nothing of pages.
"""

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

FORGED = {"Host": "localhost:{port}", "Origin": "http://localhost:{port}",
          "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=127.0.0.1"}


@contextmanager
def in_front_of(address: str) -> Iterator[str]:
    """The forwarder's address, while it forwards to `address` with forged headers."""
    port = urlsplit(address).port

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := self.request.recv(65536)):
                    return
                head += more
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(_rewritten(head, port))
                back = threading.Thread(target=_pass, args=(server, self.request), daemon=True)
                back.start()
                _pass(self.request, server)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as forwarder:
        forwarder.daemon_threads = True
        threading.Thread(target=forwarder.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{forwarder.server_address[1]}"
        finally:
            forwarder.shutdown()


def _rewritten(request: bytes, port: int) -> bytes:
    """One request a connection, so that each has its headers rewritten; a websocket stays open."""
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    ours = {name: value.format(port=port) for name, value in FORGED.items()}
    if not re.search(r"^upgrade:", head.decode("latin-1"), re.IGNORECASE | re.MULTILINE):
        ours["Connection"] = "close"
    kept = [line for line in lines[1:] if line.partition(":")[0].title() not in ours]
    told = [lines[0], *kept, *(f"{name}: {value}" for name, value in ours.items())]
    return "\r\n".join(told).encode("latin-1") + b"\r\n\r\n" + body


def _pass(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)

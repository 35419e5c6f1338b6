"""A hub of one's own on 127.0.0.1: the part of the Hugging Face API that a download needs.

Speaks model info, and resolve with HEAD and GET, ETag, X-Repo-Commit, Range, and the redirect of
large files to another address. Each fault of a repository makes it fail in one way that real hubs
and networks do.
"""

import hashlib
import json
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.waiting import PATIENCE_S

LARGE = (".safetensors", ".bin")


@dataclass
class Repository:
    """files by name; faults: see `Handler`."""

    files: dict[str, bytes]
    fault: str = ""
    is_private: bool = False

    @property
    def commit(self) -> str:
        digest = hashlib.sha1()
        for name, content in sorted(self.files.items()):
            digest.update(name.encode() + content)
        return digest.hexdigest()


@dataclass
class Hub:
    """What the server serves, and what it was asked: (method, path) of every request."""

    url: str = ""
    large_url: str = ""  # another host name of the same server: the hub sends large files elsewhere
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)  # what requests said under Authorization
    gate: threading.Event = field(default_factory=threading.Event)  # fault "slow" waits for it

    def asked(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in path for _, path in self.requests)


class Handler(BaseHTTPRequestHandler):
    """Faults: gated, forbidden, unavailable, portal (a login page answers), cut (the connection
    closes inside the weights, again and again), flaky (cut once, then whole), short (fewer bytes
    come than were announced), mirror (half of the weights, and no more announced), slow (the
    weights wait for `hub.gate`)."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer(body=True)

    def do_HEAD(self):
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, path))
        self.hub.tokens.add(self.headers.get("Authorization"))
        if path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/").split("/revision/")[0]
            self._info(name, body)
        elif path.startswith("/large/"):
            name, file = path.removeprefix("/large/").split("/+/")
            self._content(self.hub.repositories[name], file, body)
        elif "/resolve/" in path:
            name, rest = path.strip("/").split("/resolve/")
            self._resolve(name, rest.split("/", 1)[1], body)
        else:
            self._send(404, b"")

    def _info(self, name: str, body: bool) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._send(401, b'{"error": "Repository not found"}', {"X-Error-Code": "RepoNotFound"})
        elif repository.fault == "portal":
            self._send(200, b"<html>Welcome to the hotel. Please log in.</html>")
        elif repository.fault == "unavailable":
            self._send(503, b"", {})
        else:
            siblings = [
                {"rfilename": file, "size": len(content), "blobId": _etag(content)}
                for file, content in repository.files.items()
            ]
            self._send(200, json.dumps({
                "_id": "1", "id": name, "modelId": name, "sha": repository.commit,
                "private": repository.is_private, "gated": False, "disabled": False, "downloads": 0, "likes": 0,
                "tags": [], "siblings": siblings,
            }).encode(), {"Content-Type": "application/json"}, body)

    def _resolve(self, name: str, file: str, body: bool) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            return self._send(404, b"", {"X-Error-Code": "RepoNotFound"}, body)
        if file not in repository.files:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, body)
        if repository.fault == "gated":
            return self._send(403, b"", {"X-Error-Code": "GatedRepo"}, body)
        if repository.fault == "forbidden":
            return self._send(403, b"", {}, body)
        if not file.endswith(LARGE) or repository.fault == "mirror":
            return self._content(repository, file, body)
        content = repository.files[file]
        return self._send(302, b"", {
            "Location": f"{self.hub.large_url}/large/{name}/+/{file}",
            "X-Repo-Commit": repository.commit,
            "X-Linked-Etag": f'"{_etag(content)}"',
            "X-Linked-Size": str(len(content)),
        }, body)

    def _content(self, repository: Repository, file: str, body: bool) -> None:
        content = repository.files[file]
        headers = {"ETag": f'"{_etag(content)}"', "X-Repo-Commit": repository.commit,
                   "Accept-Ranges": "bytes"}
        if file.endswith(LARGE) and repository.fault:
            return self._faulty(repository, content, headers, body)
        start = _start(self.headers.get("Range"))
        if start is None:
            return self._send(200, content, headers, body)
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        return self._send(206, content[start:], headers, body)

    def _faulty(self, repository: Repository, content: bytes, headers: dict, body: bool) -> None:
        if repository.fault in ("short", "mirror"):
            return self._send(200, content[: len(content) // 2], headers, body)
        if repository.fault == "slow":
            self.hub.gate.wait(PATIENCE_S)
            return self._send(200, content, headers, body)
        if repository.fault == "flaky":
            repository.fault = ""
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        is_again = self.headers.get("Range") is not None  # what was cut stays cut
        self.wfile.write(b"" if is_again else content[: len(content) // 2])
        self.close_connection = True

    def _send(self, status: int, content: bytes, headers=None, body: bool = True) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            with suppress(ConnectionError):  # a client may cancel
                self.wfile.write(content)

    def log_message(self, *_):
        """Tests read `hub.requests` instead."""


@contextmanager
def running():
    """A hub on a free port of 127.0.0.1, gone at the end of the block."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    hub.large_url = f"http://localhost:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _etag(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _start(header: str | None) -> int | None:
    return int(header.removeprefix("bytes=").split("-")[0]) if header else None

"""A small web server on this computer for tests of downloads: ranges, ETags, cuts, faults, redirects."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from nscweb.services.fetch.web_requests import Patience


@dataclass
class Served:
    """A file of the server.

    Attributes:
        content: its bytes.
        etag: sent with it, "" sends none.
        cuts: after how many bytes of each answer, in order, the connection ends; then it is whole.
        statuses: answers to give first instead of the file.
        ranges: False answers 200 with the whole file to every request.
        headers: further ones.
        told: size that the headers claim, None for the true one.
    """

    content: bytes = b""
    etag: str = ""
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=dict)
    told: int | None = None


Answer = Callable[[dict[str, list[str]]], bytes]


@dataclass
class Loopback:
    """A running server: put files into `files`, functions of the query into `answers`; `asked` has every request."""

    url: str
    files: dict[str, Served] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [path for path, _ in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name that http.server calls
        served: Loopback = self.server.loopback  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        served.asked.append((self.path, dict(self.headers)))
        self.close_connection = True
        if parts.path in served.answers:
            self._send(200, served.answers[parts.path](parse_qs(parts.query)), {})
            return
        file = served.files.get(parts.path)
        if file is None:
            self._send(404, b"no", {})
            return
        if file.statuses:
            self._send(file.statuses.pop(0), b"", file.headers)
            return
        self._file(file)

    def _file(self, file: Served) -> None:
        start, status = 0, 200
        headers = dict(file.headers)
        if file.etag:
            headers["ETag"] = file.etag
        asked = self.headers.get("Range", "")
        same = self.headers.get("If-Range", file.etag) == file.etag
        if asked and file.ranges and same:
            start, status = int(asked.removeprefix("bytes=").rstrip("-")), 206
            if start >= len(file.content):
                self._send(416, b"", headers)
                return
            headers["Content-Range"] = f"bytes {start}-{len(file.content) - 1}/{len(file.content)}"
        body = file.content[start:]
        told = len(body) if file.told is None else file.told
        if file.cuts:
            body = body[: file.cuts.pop(0)]
        self._send(status, body, headers, told)

    def _send(self, status: int, body: bytes, headers: dict[str, str], told: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if told is None else told))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody reads it."""


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A server on a free port of this computer, for the body."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    served = Loopback(f"http://127.0.0.1:{server.server_address[1]}")
    server.loopback = served  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Clock:
    """Time that only passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def patience(self, tries: int = 4) -> Patience:
        """Patience whose pauses cost nothing."""
        return Patience(tries=tries, timeout_s=5.0, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

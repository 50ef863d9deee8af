"""A folder shown to this machine's own browser: static files, on loopback, nothing else."""

from __future__ import annotations

import http.server
import io
import os
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError, UsageError
from anyres_bench.core.reporting import detail

LOOPBACK: Final = "127.0.0.1"
_INDEX = "index.html"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".yaml": "text/plain; charset=utf-8",
}
_UNKNOWN = "application/octet-stream"
_CHUNK = 1 << 20
_MOST_CONNECTIONS = 64  # at a time; a browser opens six, and each has a thread of ours
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class FolderServer(http.server.ThreadingHTTPServer):
    """Serves the regular files of a folder to this machine; links, dot files and lists are not.

    Connections beyond `_MOST_CONNECTIONS` are closed at once, and one that has not asked for
    anything within `_Handler.timeout` is closed then, so that none that hang keep others out for
    longer.

    Args:
        folder: what is served.
        port: 0 takes a free one.

    Raises:
        UsageError: there is no such folder, or the port is taken.
    """

    daemon_threads = True
    request_queue_size = _MOST_CONNECTIONS

    def __init__(self, folder: Path, port: int = 0) -> None:
        if not Path(folder).is_dir():
            raise UsageError(f"{folder} is no folder; `leaderboard build` makes one")
        self._free = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        try:
            super().__init__((LOOPBACK, port), partial(_Handler, Enclosure(Path(folder))))
        except OSError as error:
            raise UsageError(
                f"port {port} cannot be used: {error.strerror or error}; choose another --port"
            ) from error

    def server_bind(self) -> None:
        """Bind alone: http.server also looks up this machine's name, for which some wait long."""
        socketserver.TCPServer.server_bind(self)

    def verify_request(self, request: object, client_address: object) -> bool:
        """Whether there is room for one more connection; it takes its place."""
        return self._free.acquire(blocking=False)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin a thread for one connection; where there is none left its place is given back."""
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one connection, and give its place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell why an answer ended, such as a browser that went away; the server goes on."""
        detail(f"an answer ended early: {sys.exc_info()[1]}")

    @property
    def address(self) -> str:
        """Where a browser of this machine finds it."""
        return f"http://{LOOPBACK}:{self.server_address[1]}/"

    @property
    def names(self) -> tuple[str, str]:
        """What a browser of this machine calls it."""
        port = self.server_address[1]
        return f"{LOOPBACK}:{port}", f"localhost:{port}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server_version, sys_version = "anyres-bench", ""
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds from one answer to the whole of the next question

    def __init__(self, inside: Enclosure, *arguments: object) -> None:
        self._inside = inside
        super().__init__(*arguments)  # type: ignore[arg-type]

    def setup(self) -> None:
        """Read what is asked with a limit to all of it, not to each of its bytes."""
        super().setup()
        self._asked = _Asked(self.connection)
        self.rfile = io.BufferedReader(self._asked)

    def handle_one_request(self) -> None:
        """Answer once; the time of the question begins."""
        self._asked.until = time.monotonic() + self.timeout
        super().handle_one_request()

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(self._copy)

    def do_HEAD(self) -> None:
        """Send what a file is."""
        self._answer(lambda file, n_bytes: None)

    def _answer(self, send: Callable[[IO[bytes], int], None]) -> None:
        assert isinstance(self.server, FolderServer)
        if self.headers.get("Host") not in self.server.names:
            self._refuse(HTTPStatus.FORBIDDEN)  # another site's name that points here
            return
        name = unquote(self.path.partition("?")[0]).lstrip("/")
        name = f"{name}{_INDEX}" if name.endswith("/") or not name else name
        if any(part.startswith(".") for part in name.split("/")):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        try:
            file = self._inside.open(name)
        except (AnyresBenchError, OSError):
            self._refuse(HTTPStatus.NOT_FOUND)
            return
        with file:
            n_bytes = os.fstat(file.fileno()).st_size
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", _TYPES.get(Path(name).suffix.lower(), _UNKNOWN))
            self._end(n_bytes)
            send(file, n_bytes)

    def _copy(self, file: IO[bytes], n_bytes: int) -> None:
        while n_bytes > 0 and (chunk := file.read(min(_CHUNK, n_bytes))):
            self.wfile.write(chunk)
            n_bytes -= len(chunk)
        self.close_connection = n_bytes > 0  # the file shrank meanwhile

    def _refuse(self, status: HTTPStatus) -> None:
        body = f"{status.value} {status.phrase}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self._end(len(body))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _end(self, n_bytes: int) -> None:
        self.send_header("Content-Length", str(n_bytes))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Tell what was asked for where much is told."""
        detail(format % arguments)


class _Asked(io.RawIOBase):
    """What comes from a connection until a moment, after which reading raises TimeoutError."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._answers = connection.gettimeout()
        self.until = 0.0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; seconds that are left are the most that is waited."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError("nothing was asked in time")
        self._connection.settimeout(left)
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._answers)

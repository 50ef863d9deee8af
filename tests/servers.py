"""Real servers on loopback, for the tests of everything that fetches.

`ImageHost` serves bytes by path and counts what it was asked; `failures` adds the ways in which
hosts of pictures fail, each under its own path.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import gzip
import http.server
import io
import socket
import ssl
import struct
import subprocess
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

Handler = http.server.BaseHTTPRequestHandler
Route = Callable[[Handler], None]


@dataclass
class ImageHost:
    """What a running host serves, and what it was asked for.

    Attributes:
        files: path -> bytes, served with an ETag, ranges and keep-alive.
        routes: path -> function that answers in its own way.
        hits: requests by path; starts: monotonic time of each request, by path.
        default: answers every path that is in neither table; 404 without it.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    starts: list[tuple[str, float]] = field(default_factory=list)
    headers: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    default: Route | None = None
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"

    def url(self, path: str) -> str:
        """Absolute URL of a path."""
        return f"{self.scheme}://{self.host}:{self.port}{path}"


@contextlib.contextmanager
def serve(host: ImageHost, tls: Path | None = None) -> Iterator[ImageHost]:
    """Run `host` on a free port; `tls` is a PEM file with key and certificate."""

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that hang up are what many tests are about."""

    class Answer(Handler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:  # noqa: N802 (the name is http.server's)
            path = self.path.split("?")[0]
            host.hits[path] += 1
            host.starts.append((path, time.monotonic()))
            host.headers.append((path, dict(self.headers)))
            if path in host.routes:
                host.routes[path](self)
            elif path in host.files:
                send_file(self, host.files[path])
            elif host.default is not None:
                host.default(self)
            else:
                send(self, b"no such picture", 404)

    server = Server(("127.0.0.1", 0), Answer)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        host.scheme = "https"
    host.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def send(h: Handler, body: bytes, status: int = 200, **headers: str) -> None:
    """Answer with `body`; header names are written with "_" for "-"."""
    h.send_response(status)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in {"Content-Length": str(len(body)), **names}.items():
        h.send_header(name, value)
    h.end_headers()
    h.wfile.write(body)


def send_file(h: Handler, body: bytes) -> None:
    """Answer with a file, or with the part of it that is asked for."""
    tag = etag(body)
    wanted = h.headers.get("Range", "")
    if wanted and h.headers.get("If-Range", tag) == tag:
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start >= len(body):
            send(h, b"", 416, Content_Range=f"bytes */{len(body)}")
            return
        part = f"bytes {start}-{len(body) - 1}/{len(body)}"
        send(h, body[start:], 206, ETag=tag, Content_Range=part)
        return
    send(h, body, ETag=tag, Content_Type="image/jpeg")


def etag(body: bytes) -> str:
    """What `send_file` calls a file."""
    return f'"{zlib.crc32(body):08x}"'


def raw(h: Handler, head: str, body: bytes = b"") -> None:
    """Answer with exactly these bytes and hang up."""
    h.wfile.write(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
    h.close_connection = True


def reset(h: Handler) -> None:
    """Hang up with a TCP reset."""
    h.wfile.flush()
    h.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    h.connection.close()
    h.close_connection = True


def drip(h: Handler, data: bytes, seconds: float, n: int = 200) -> None:
    """Send a byte at a time, at most `n` of them, until the client hangs up."""
    for i in range(min(n, len(data))):
        h.wfile.write(data[i : i + 1])
        h.wfile.flush()
        time.sleep(seconds)
    h.close_connection = True


def redirect(target: str, status: int = 302) -> Route:
    """A route that redirects."""
    return lambda h: send(h, b"", status, Location=target)


def photo(seed: int, height: int = 96, width: int = 128, **save: object) -> bytes:
    """A JPEG (or another `format`) of 1/f noise, as photographs are; one for each seed.

    It shows the same at any size, down to its pixels.
    """
    rng = np.random.default_rng(seed)
    levels = np.full((height, width, 3), 128.0)
    for octave in range(1, 7):
        grain = rng.integers(0, 256, (2**octave, 2**octave, 3), dtype=np.uint8)
        layer = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
        levels += (np.asarray(layer) - 128.0) * 0.8 / octave
    image = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    file = io.BytesIO()
    image.save(file, **{"format": "JPEG", "quality": 90, **save})
    return file.getvalue()


def deep_png(samples: np.ndarray, colour_type: int, transparent: bytes = b"") -> bytes:
    """A 16-bit PNG of any colour type; Pillow writes only greys."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
        return struct.pack(">I", len(data)) + kind + data + checksum

    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    if transparent:
        parts.insert(1, chunk(b"tRNS", transparent))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def failures(host: ImageHost) -> None:
    """Add every failure of picture hosts that we know, each under its own path."""
    jpeg, bomb = photo(1), _gzip_bomb()
    head = f"HTTP/1.1 200 OK\nContent-Type: image/jpeg\nContent-Length: {len(jpeg)}"
    for status in (403, 404, 410, 500, 503):
        host.routes[f"/{status}"] = lambda h, s=status: send(h, b"x" * 100, s)
    host.routes["/429"] = lambda h: (
        send(h, b"", 429, Retry_After="1") if host.hits["/429"] < 2 else send_file(h, jpeg)
    )
    host.routes["/429-date"] = lambda h: (
        send(h, b"", 429, Retry_After=_http_date(2)) if host.hits["/429-date"] < 2
        else send_file(h, jpeg)
    )  # fmt: skip
    host.routes["/429-forever"] = lambda h: send(h, b"", 429, Retry_After="86400")
    host.routes["/flaky"] = lambda h: (
        send(h, b"", 500) if host.hits["/flaky"] < 3 else send_file(h, jpeg)
    )
    host.routes["/reset-before"] = reset
    host.routes["/reset-within"] = lambda h: (raw(h, head, jpeg[:1000]), reset(h))
    host.routes["/short-body"] = lambda h: raw(h, head, jpeg[:-500])
    host.routes["/cut-chunked"] = lambda h: raw(
        h, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"400\r\n" + jpeg[:1024] + b"\r\n400\r\n"
    )
    host.routes["/cut-without-length"] = lambda h: raw(h, "HTTP/1.1 200 OK", jpeg[:-500])
    host.routes["/length-too-small"] = lambda h: raw(
        h, f"HTTP/1.1 200 OK\nContent-Length: {len(jpeg) - 500}", jpeg
    )
    for name, length in (("negative", "-5"), ("word", "many"), ("two", "5, 6")):
        host.routes[f"/length-{name}"] = lambda h, n=length: raw(
            h, f"HTTP/1.1 200 OK\nContent-Length: {n}", jpeg
        )
    host.routes["/stalled-body"] = lambda h: (raw(h, head, jpeg[:1000]), _stall(h))
    host.routes["/no-headers"] = _stall
    host.routes["/slow-body"] = lambda h: (raw(h, head), drip(h, jpeg, 0.05))
    host.routes["/slow-headers"] = lambda h: drip(h, b"HTTP/1.1 200 OK\r\n" + b"X: " * 99, 0.05)
    host.routes["/redirect-self"] = redirect("/redirect-self")
    host.routes["/redirect-a"] = redirect("/redirect-b")
    host.routes["/redirect-b"] = redirect("/redirect-a")
    host.routes["/redirect-endless"] = lambda h: send(
        h, b"", 302, Location=f"/redirect-endless?{time.monotonic_ns()}"
    )
    host.default = None
    host.files["/good.jpg"] = jpeg
    host.routes["/redirect-302"] = redirect("/good.jpg")
    host.routes["/redirect-308"] = redirect("/good.jpg", 308)
    host.routes["/redirect-nowhere"] = lambda h: send(h, b"", 302)
    host.routes["/redirect-file"] = redirect("file:///etc/hostname")
    host.routes["/redirect-data"] = redirect("data:image/png;base64,AAAA")
    host.routes["/gone"] = redirect("/images/photo_unavailable_l.png")
    host.files["/images/photo_unavailable_l.png"] = photo(2, format="PNG", quality=None)
    host.routes["/endless"] = lambda h: _endless(h, jpeg)
    host.routes["/gzip"] = lambda h: send(h, gzip.compress(jpeg, mtime=0), Content_Encoding="gzip")
    host.routes["/gzip-bomb"] = lambda h: send(h, bomb, Content_Encoding="gzip")
    host.routes["/gzip-cut"] = lambda h: send(
        h, gzip.compress(jpeg, mtime=0)[:-600], Content_Encoding="gzip"
    )
    host.routes["/gzip-lie"] = lambda h: send(h, jpeg, Content_Encoding="gzip")
    host.routes["/brotli"] = lambda h: send(h, jpeg, Content_Encoding="br")
    host.routes["/empty"] = lambda h: send(h, b"")
    host.routes["/204"] = lambda h: raw(h, "HTTP/1.1 204 No Content")
    for name, header in (("noai", "noai"), ("mixed", "max-image-preview:large, noai")):
        host.routes[f"/robots-{name}"] = lambda h, v=header: send(h, jpeg, X_Robots_Tag=v)
    host.routes["/robots-other"] = lambda h: send(h, jpeg, X_Robots_Tag="otherbot: noindex, noai")
    host.routes["/tdm"] = lambda h: send(h, jpeg, TDM_Reservation="1")


def pictures(host: ImageHost) -> None:
    """Add files of every kind that is served as a picture, good ones and others."""
    jpeg = photo(11)
    rgb = Image.open(io.BytesIO(photo(12)))
    host.files |= {
        "/html.jpg": b"<!DOCTYPE html><html><body>Not found</body></html>",
        "/svg.jpg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
        "/mp4.jpg": b"\0\0\0\x20ftypisom" + bytes(2000),
        "/text.jpg": b"These aren't the pictures that you are looking for",
        "/truncated.jpg": jpeg[: len(jpeg) * 2 // 3],
        "/zero-tailed.jpg": jpeg[: len(jpeg) * 2 // 3] + bytes(len(jpeg) // 3),
        "/bomb.png": _saved(Image.new("1", (10_000, 10_000)), "PNG"),
        "/cmyk.jpg": _saved(rgb.convert("CMYK"), "JPEG"),
        "/palette.png": _saved(rgb.quantize(16), "PNG"),
        "/rgba.png": _saved(_see_through(rgb), "PNG"),
        "/tiff.tif": _saved(_turned(rgb, 20), "TIFF"),
        "/bmp.bmp": _saved(_turned(rgb, 40), "BMP"),
        "/webp.webp": _saved(_turned(rgb, 60), "WEBP"),
        "/avif.avif": _saved(_turned(rgb, 80), "AVIF"),
        "/sideways.jpg": _sideways(),
        "/grey16.png": deep_png(_ramp16(7.0)[..., None], 0),
        "/rgb16.png": deep_png(np.stack([_ramp16(x) for x in (9.0, 13.0, 17.0)], axis=2), 2),
        "/animated.gif": _animated("GIF", 80),
        "/animated.webp": _animated("WEBP", 100),
        "/dot.png": _saved(Image.new("RGB", (1, 1), (200, 10, 10)), "PNG"),
        "/strip.jpg": photo(13, 20, 2000),
    }


def _saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def _turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees)


def _see_through(image: Image.Image) -> Image.Image:
    turned = image.rotate(120)
    turned.putalpha(Image.linear_gradient("L").resize(turned.size))
    return turned


def _sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(Image.open(io.BytesIO(photo(14, 60, 90))), "JPEG", exif=exif)


def _ramp16(period: float) -> np.ndarray:
    y, x = np.mgrid[:64, :80]
    return (20_000 + 10_000 * np.sin(x / period) * np.cos(y / 5)).astype(np.uint16)


def _animated(image_format: str, seed: int) -> bytes:
    frames = [Image.open(io.BytesIO(photo(seed + i))) for i in range(3)]
    return _saved(frames[0], image_format, save_all=True, append_images=frames[1:])


@functools.cache
def _gzip_bomb() -> bytes:
    """64 MiB of nothing, packed a piece at a time so that a busy machine is quick about it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()


def _http_date(seconds_from_now: float) -> str:
    when = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds_from_now)
    return when.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _stall(h: Handler) -> None:
    h.wfile.flush()
    h.connection.settimeout(10)
    with contextlib.suppress(OSError):
        h.connection.recv(1)  # returns when the client hangs up
    h.close_connection = True


def _endless(h: Handler, jpeg: bytes) -> None:
    raw(h, "HTTP/1.1 200 OK\nContent-Type: image/jpeg", jpeg)
    for _ in range(300):
        h.wfile.write(bytes(1 << 20))


def certificate(folder: Path, name: str = "localhost") -> Path:
    """A self-signed certificate of localhost and 127.0.0.1 with its key, in one PEM file."""
    path = folder / "server.pem"
    names = f"subjectAltName=DNS:{name},IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    command += ["-subj", f"/CN={name}", "-addext", names]
    command += ["-keyout", str(path), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + (folder / "cert.pem").read_bytes())
    return path

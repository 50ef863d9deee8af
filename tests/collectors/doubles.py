"""Real servers on loopback that speak like Flickr and like Google Drive."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from anyres_bench.core.seeds import stream


@functools.cache
def jpeg(seed: int, width: int, height: int) -> bytes:
    """A picture with a low-frequency pattern of its own, as JPEG bytes."""
    coarse = stream(seed, "coarse").integers(0, 255, (9, 9, 3)).astype(np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@contextlib.contextmanager
def serving(answer: Any) -> Iterator[str]:
    """Serve GET requests by `answer(path, query) -> (status, headers, body)`; yields the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            status, headers, body = answer(parts.path, query)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Photo:
    """A photo of the double: its original's size and licence, and what is wrong with it."""

    id: str
    width: int
    height: int
    licence: int = 4
    fault: str = ""
    uploaded: int = 1_500_000_000
    tags: tuple[str, ...] = ()


@dataclass
class FlickrDouble:
    """Flickr's REST interface and its image host, with a set of photos.

    Faults of photos: gone, private, busy, busy-once, unparsable-once, throttled-once, strings
    (sizes as text), video, image-404, image-503-once, image-429-once, image-cut, image-html,
    image-placeholder.
    """

    photos: list[Photo]
    key: str = "k" * 32
    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def __post_init__(self) -> None:
        self._by_id = {photo.id: photo for photo in self.photos}
        self._seen: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def run(self) -> Iterator[FlickrDouble]:
        """Serve until the block ends."""
        with serving(self._answer) as url:
            self.url = url
            yield self

    @property
    def api(self) -> str:
        return f"{self.url}/services/rest/"

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        with self._lock:
            if path.startswith("/services/rest"):
                return self._rest(query)
            return self._image(path)

    def _rest(self, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        method = query.get("method", "").removeprefix("flickr.photos.")
        self.calls[method] += 1
        if query.get("api_key") != self.key:
            return _fail(100, "Invalid API Key (Key has invalid format)")
        if method == "search":
            return _ok({"photos": self._search(query)})
        photo = self._by_id.get(query.get("photo_id", ""))
        if photo is None or photo.fault == "gone":
            return _fail(1, "Photo not found")
        if photo.fault == "private":
            return _fail(2, "Permission denied")
        if photo.fault == "busy" or self._first_time(photo, "busy-once", method):
            return _fail(105, "Service currently unavailable")
        if self._first_time(photo, "unparsable-once", method):
            return 200, {}, b'<?xml version="1.0"?><rsp stat="ok"/>'
        if self._first_time(photo, "throttled-once", method):
            return 429, {"Retry-After": "0"}, b"slow down"
        if method == "getSizes":
            return _ok({"sizes": {"candownload": 1, "size": self._sizes(photo)}})
        if method == "getInfo":
            return _ok({"photo": self._info(photo)})
        return _fail(112, "Method not found")

    def _first_time(self, photo: Photo, fault: str, method: str) -> bool:
        if photo.fault != fault or (photo.id, method) in self._seen:
            return False
        self._seen.add((photo.id, method))
        return True

    def _sizes(self, photo: Photo) -> list[dict[str, Any]]:
        labels = [("Medium", 500), ("Large", 1024), ("Large 2048", 2048), ("Original", None)]
        entries = [_entry("Square", 75, 75, f"{self.url}/img/{photo.id}/75x75.jpg")]
        longer = max(photo.width, photo.height)
        for label, edge in labels:
            if edge is not None and edge >= longer:
                continue
            scale = 1 if edge is None else edge / longer
            width, height = round(photo.width * scale), round(photo.height * scale)
            url = f"{self.url}/img/{photo.id}/{width}x{height}.jpg"
            entry = _entry(label, width, height, url)
            if photo.fault == "strings":
                entry |= {"width": str(width), "height": str(height)}
            entries.append(entry)
        if photo.fault == "video":
            entries.append(_entry("Video Player", 1920, 1080, f"{self.url}/v", "video"))
        return entries

    def _info(self, photo: Photo) -> dict[str, Any]:
        owner = {"nsid": f"{photo.id}@N00", "username": f"user {photo.id}", "path_alias": None}
        return {
            "id": photo.id,
            "license": str(photo.licence),
            "owner": owner,
            "title": {"_content": f"photo {photo.id}"},
            "dates": {"lastupdate": "1600000000"},
            "tags": {"tag": [{"raw": tag} for tag in photo.tags]},
        }

    def _search(self, query: dict[str, str]) -> dict[str, Any]:
        first, last = int(query["min_upload_date"]), int(query["max_upload_date"])
        found = [photo for photo in self.photos if first <= photo.uploaded <= last]
        per_page, page = int(query["per_page"]), int(query["page"])
        shown = found[(page - 1) * per_page : page * per_page]
        if page * per_page > 4000:
            shown = found[3500:4000]  # later pages repeat
        return {"page": page, "total": str(len(found)), "photo": [self._found(p) for p in shown]}

    def _found(self, photo: Photo) -> dict[str, Any]:
        size = f"{photo.width}x{photo.height}"
        return {
            "id": photo.id,
            "owner": f"{photo.id}@N00",
            "ownername": f"user {photo.id}",
            "license": str(photo.licence),
            "media": "photo",
            "url_o": f"{self.url}/img/{photo.id}/{size}.jpg",
            "width_o": str(photo.width),
            "height_o": photo.height,
        }

    def _image(self, path: str) -> tuple[int, dict[str, str], bytes]:
        _, kind, photo_id, *rest = path.split("/")
        self.calls[kind] += 1
        if kind == "gone" or photo_id not in self._by_id:
            return 200, {"Content-Type": "image/png"}, b"\x89PNG placeholder"
        photo = self._by_id[photo_id]
        if photo.fault == "image-404":
            return 404, {}, b"These aren't the droids you're looking for."
        if self._first_time(photo, "image-503-once", kind):
            return 503, {}, b""
        if self._first_time(photo, "image-429-once", kind):
            return 429, {"Retry-After": "0"}, b""
        if photo.fault == "image-html":
            return 200, {"Content-Type": "text/html"}, b"<!doctype html><p>Log in</p>"
        if photo.fault == "image-placeholder":
            return 302, {"Location": f"{self.url}/gone/x/photo_unavailable_l.png"}, b""
        width, height = (int(n) for n in rest[0].removesuffix(".jpg").split("x"))
        data = jpeg(int(photo_id), width, height)
        if photo.fault == "image-cut":
            data = data[: len(data) // 2]
        return 200, {"Content-Type": "image/jpeg"}, data


def _entry(label: str, width: int, height: int, url: str, media: str = "photo") -> dict[str, Any]:
    return {"label": label, "width": width, "height": height, "source": url, "media": media}


def _ok(answer: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({**answer, "stat": "ok"}).encode()
    return 200, {"Content-Type": "application/json"}, body


def _fail(code: int, message: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"stat": "fail", "code": code, "message": message}).encode()
    return 200, {"Content-Type": "application/json"}, body


@dataclass
class DriveDouble:
    """Google Drive: files by id, some behind a page, some over their quota at first."""

    files: dict[str, bytes]
    confirm: frozenset[str] = frozenset()
    quota: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    url: str = ""

    @contextlib.contextmanager
    def run(self) -> Iterator[DriveDouble]:
        """Serve until the block ends."""
        with serving(self._answer) as url:
            self.url = url
            yield self

    def link(self, name: str) -> str:
        return f"{self.url}/uc?id={name}"

    def md5(self, name: str) -> str:
        return hashlib.md5(self.files[name]).hexdigest()

    def _answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        name = query.get("id", "")
        self.calls[name] += 1
        if name not in self.files:
            return 404, {}, b""
        page = {"Content-Type": "text/html; charset=utf-8"}
        if self.quota[name] > 0:
            self.quota[name] -= 1
            return 200, page, b"<!DOCTYPE html><title>Google Drive - Quota exceeded</title>"
        if name in self.confirm and query.get("confirm") != "t":
            link = f"/uc?export=download&amp;confirm=t&amp;id={name}"
            body = f'<!DOCTYPE html><a id="uc-download-link" href="{link}">Download anyway</a>'
            return 200, page, body.encode()
        return 200, {"Content-Type": "image/png"}, self.files[name]

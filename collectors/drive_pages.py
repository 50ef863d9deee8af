"""Pages that Google Drive sends in place of a file, with status 200."""

from __future__ import annotations

import html
import html.parser
import re
from pathlib import Path
from urllib.parse import urlencode, urljoin

from anyres_bench.core.errors import FetchError
from anyres_bench.fetching.addresses import host_of
from anyres_bench.fetching.http import Fetcher

_PAGE_BYTES = 1 << 20
_QUOTA = re.compile(r"quota exceeded|too many users have (viewed|accessed)", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"


def refuse_page(head: bytes) -> None:
    """Refuse a page, by its first bytes.

    Raises:
        FetchError: `drive-page`.
    """
    if head.removeprefix(_BOM).lstrip()[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise FetchError("drive-page", "Google Drive sent a page instead of the file")


def behind_page(url: str, path: Path, fetcher: Fetcher, quota_pause_s: float) -> str:
    """Where a page that asks for confirmation leads to.

    Args:
        url: that a page came from.
        path: where it may lie for a moment.
        fetcher: asks for it once more.
        quota_pause_s: how long the host is left alone where the quota is spent.

    Raises:
        FetchError: `http-429` where the quota is used up, `busy` where the page leads nowhere, or
            no page comes any more; for a later try.
    """
    fetcher.fetch(url, path)
    with open(path, "rb") as file:
        data = file.read(_PAGE_BYTES)
    path.unlink()
    page = data.decode("utf-8", "replace")
    if _QUOTA.search(page):
        fetcher.limits.throttled(host_of(url), quota_pause_s)
        raise FetchError("http-429", "Google Drive says that the file's quota is used up")
    found = _downloads(page)
    if len(found) != 1:
        title = " ".join(re.findall(r"<title>([^<]*)", page)[:1]).strip()
        told = f"a page ({html.unescape(title)!r:.80}) with {len(found)} downloads"
        raise FetchError("busy", f"Google Drive sent {told} instead of the file; try again later")
    return urljoin(url, found.pop())


def _downloads(page: str) -> set[str]:
    """Where the links and the forms of a page lead that download something."""
    reader = _Reader()
    reader.feed(page)
    made = {f"{action}?{urlencode(fields)}" for action, fields in reader.forms}
    return {place for place in {*reader.links, *made} if "export=download" in place}


class _Reader(html.parser.HTMLParser):
    """The links of a page, and its forms with what they send unseen."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[tuple[str, list[tuple[str, str]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a link, a form, or a field of the form before it."""
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "form":
            self.forms.append((found.get("action", ""), []))
        elif tag == "input" and self.forms and found.get("type") == "hidden":
            self.forms[-1][1].append((found.get("name", ""), found.get("value", "")))

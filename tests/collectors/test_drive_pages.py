"""Pages that Google Drive sends in place of a file, from a server that does the same."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from anyres_bench.collectors.drive_pages import behind_page, refuse_page
from anyres_bench.core.errors import FetchError
from anyres_bench.fetching.http import Fetcher, Policy
from tests.collectors.doubles import serving

LINK = '<a id="uc-download-link" href="/uc?export=download&amp;confirm=t&amp;id=7">Download</a>'
FORM = """<form id="download-form" action="https://drive.example/download" method="get">
<input type="submit" value="Download anyway"/><input type="hidden" name="id" value="7">
<input type="hidden" name="export" value="download"/>
<input type="hidden" name="uuid" value="a&amp;b">
</form><form action="/search"><input type="hidden" name="q"></form>"""


def led(tmp_path: Path, page: bytes | str) -> tuple[str, str, Fetcher]:
    """The address of a page, where it leads, and who asked."""
    data = page if isinstance(page, bytes) else f"<!DOCTYPE html>{page}".encode()
    with serving(lambda path, query: (200, {}, data)) as url:
        fetcher = Fetcher(Policy(allow_private=True))
        with contextlib.closing(fetcher):
            try:
                return url, behind_page(f"{url}/uc?id=7", tmp_path / "file", fetcher, 9.0), fetcher
            finally:
                assert not list(tmp_path.iterdir())
                paused = fetcher.limits.paused_for("127.0.0.1")
                assert (paused > 0) == (b"quota" in data.lower() or b"Too many" in data)


def test_a_link_is_followed(tmp_path: Path) -> None:
    url, where, _ = led(tmp_path, LINK)
    assert where == f"{url}/uc?export=download&confirm=t&id=7"


def test_a_form_is_sent(tmp_path: Path) -> None:
    _, where, _ = led(tmp_path, FORM)
    assert where == "https://drive.example/download?id=7&export=download&uuid=a%26b"


@pytest.mark.parametrize(
    ("page", "reason", "told"),
    [
        ("<title>Google Drive - Quota exceeded</title>", "http-429", "quota is used up"),
        ("Too many users have viewed or downloaded this file", "http-429", "quota is used up"),
        ("<title>Anmelden &ndash; Konten</title>", "busy", r"\('Anmelden . Konten'\) with 0 down"),
        (LINK + FORM, "busy", "with 2 downloads instead of the file; try again later"),
        (b"\x89PNG after all", "busy", "with 0 downloads"),
    ],
)
def test_a_page_that_leads_nowhere_is_for_a_later_try(
    tmp_path: Path, page: bytes | str, reason: str, told: str
) -> None:
    with pytest.raises(FetchError, match=told) as caught:
        led(tmp_path, page)
    assert caught.value.reason == reason


def test_pages_are_known_by_how_they_begin() -> None:
    for page in (b" <!DOCTYPE HTML>", b"\xef\xbb\xbf<!doctype html>", b"\n<html lang=de>"):
        with pytest.raises(FetchError, match="page instead of the file"):
            refuse_page(page)
    refuse_page(b"\x89PNG<html>")

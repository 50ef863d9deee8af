"""What hosts send in place of pictures is told by the first bytes; pictures pass."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from anyres_bench.core.errors import ImageError
from anyres_bench.fetching.sniff import other_kind, refuse_others


def saved(container: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, container)
    return file.getvalue()[:512]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\r\n <!DOCTYPE HTML><title>404", "html"),
        (b"<HTML>", "html"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html>', "html"),
        (b'<?xml version="1.0"?>\n<!-- made by hand -->\n<svg width="9">', "svg"),
        (b"<SVG>", "svg"),
        (b"\0\0\0\x20ftypisom", "video"),
        (b"\x1a\x45\xdf\xa3", "video"),
        (b"RIFF\0\0\0\0AVI LIST", "video"),
        (b"PK\x03\x04", "archive"),
        (b"\x1f\x8b\x08", "archive"),
        (b"%PDF-1.7", "pdf"),
        (b' {"error": "quota"}', "json"),
        (b"[]", "json"),
    ],
)
def test_others_are_refused_by_their_kind(head: bytes, kind: str) -> None:
    assert other_kind(head) == kind
    with pytest.raises(ImageError, match=f"it is {kind}, not a picture") as caught:
        refuse_others(head)
    assert caught.value.reason == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafheix", "heic"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0msf1hevc", "heic"),
        (b"\xff\x0a\xfa\x1f", "jpeg-xl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jpeg-xl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jpeg-2000"),
        (b"\xff\x4f\xff\x51\0\x2f", "jpeg-2000"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera-raw"),
        (b"FUJIFILMCCD-RAW 0201", "camera-raw"),
    ],
)
def test_pictures_that_are_not_decoded_are_named(head: bytes, kind: str) -> None:
    with pytest.raises(
        ImageError, match=f"it is {kind}, which is not read here; convert"
    ) as caught:
        refuse_others(head)
    assert caught.value.reason == kind


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_pictures_pass(container: str) -> None:
    assert other_kind(saved(container)) is None
    refuse_others(saved(container))


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0\0\0\x1cftypavif",
        b"\0\0\0\x1cftypmif1",
        b"\0\0\0\x20ftypmif1\0\0\0\0mif1avifheic",
        b"text",
    ],
)
def test_what_may_be_a_picture_or_is_not_known_is_left_to_the_decoder(head: bytes) -> None:
    assert other_kind(head) is None

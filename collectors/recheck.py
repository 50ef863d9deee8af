"""Photographs that their authors have withdrawn since they were collected."""

from __future__ import annotations

import re
from collections.abc import Collection

from anyres_bench.collectors.flickr_answers import entries, part
from anyres_bench.collectors.flickr_api import FlickrApi, licence_of
from anyres_bench.core.errors import FetchError
from anyres_bench.data.records import ImageRecord

_PHOTO_PAGE = re.compile(
    r"https?://(?:www\.)?flickr\.com/(?:photos/[^/]*/|photo\.gne\?id=)([0-9]+)"
)
_GONE = ("not-found", "private")
OBJECTION = "no_cv"  # the tag by which authors object to computer vision


def photo_of(record: ImageRecord) -> str | None:
    """Number of the Flickr photo that an image is from; None for other sources."""
    match = _PHOTO_PAGE.match(record.source_url)
    return match[1] if match else None


def withdrawn(record: ImageRecord, api: FlickrApi, accepted: Collection[str]) -> str | None:
    """Why an image may not be used any more; None if it may, or is not from Flickr.

    Args:
        record: of the image.
        api: asked once.
        accepted: licence ids; empty accepts what the image was collected under.

    Returns:
        `not-found`, `private`, `licence` (changed to one that is not accepted) or `objection`.

    Raises:
        FetchError: the answer is not known; ask again later.
    """
    photo = photo_of(record)
    if photo is None:
        return None
    try:
        info = api.info(photo)
    except FetchError as error:
        if error.reason in _GONE:
            return error.reason
        raise
    if licence_of(info.get("license")).spdx not in (accepted or {record.licence_id}):
        return "licence"
    tags = entries(part(info, "tags").get("tag"))
    return "objection" if any(tag.get("raw") == OBJECTION for tag in tags) else None

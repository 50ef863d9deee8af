"""Photographs that were withdrawn since they were collected, by what their API says today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.collectors.recheck import photo_of, withdrawn
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import tracked
from anyres_bench.data.dataset import Dataset


@dataclass(frozen=True)
class Recheck:
    """What the photographs of a dataset are today.

    Attributes:
        n_photos: photographs that were asked about.
        reasons: number of a photograph that was withdrawn -> why, in a word.
        files: file names of their images -> why.
    """

    n_photos: int
    reasons: dict[str, str]
    files: dict[str, str]

    def text(self) -> str:
        """For people: how many were withdrawn for what, and how many may stay."""
        counts = Counter(self.reasons.values()).most_common()
        lines = [f"{n:8} withdrawn: {reason}" for reason, n in counts]
        n_left = self.n_photos - len(self.reasons)
        return one_line_each([*lines, f"{n_left} of {self.n_photos} photographs may stay"])


def recheck(dataset: Dataset, api: FlickrApi) -> Recheck:
    """Ask about every photograph of a dataset once.

    Raises:
        FetchError: an answer is not known; ask again later.
    """
    accepted: Collection[str] = dataset.recipe.get("rules", {}).get("licences", [])
    by_photo = {photo: record for record in dataset.manifest if (photo := photo_of(record))}
    reasons = {
        photo: reason
        for photo, record in tracked(list(by_photo.items()), "asking", "photo")
        if (reason := withdrawn(record, api, accepted))
    }
    files = {
        record.file_name: reasons[photo]
        for record in dataset.manifest
        if (photo := photo_of(record)) in reasons
    }
    return Recheck(len(by_photo), reasons, files)

"""Photographs that were withdrawn since they were collected, by what their API says today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from anyres_bench.collectors.flickr_api import FlickrApi
from anyres_bench.collectors.recheck import photo_of, withdrawn
from anyres_bench.core.errors import FetchError
from anyres_bench.core.quoting import one_line_each
from anyres_bench.core.reporting import tracked
from anyres_bench.data.dataset import Dataset

_MOST_UNKNOWN = 5  # first answers that fail before the service is taken to be down


@dataclass(frozen=True)
class Recheck:
    """What the photographs of a dataset are today.

    Attributes:
        n_photos: photographs that were asked about.
        reasons: number of a photograph that was withdrawn -> why, in a word.
        files: file names of their images -> why.
        unknown: number of a photograph whose answer is not known -> what went wrong.
    """

    n_photos: int
    reasons: dict[str, str]
    files: dict[str, str]
    unknown: dict[str, FetchError] = field(default_factory=dict)

    def text(self) -> str:
        """For people: how many were withdrawn for what, and how many may stay."""
        counts = Counter(self.reasons.values()).most_common()
        lines = [f"{n:8} withdrawn: {reason}" for reason, n in counts]
        n_left = self.n_photos - len(self.reasons) - len(self.unknown)
        return one_line_each([*lines, f"{n_left} of {self.n_photos} photographs may stay"])

    def check_complete(self) -> None:
        """Refuse to be the last word where it is not.

        Raises:
            FetchError: of some photographs the answer is not known.
        """
        for photo, error in self.unknown.items():
            raise FetchError(
                error.reason,
                f"of {len(self.unknown)} photographs, such as {photo}, the answer is not known "
                f"({error}); nothing was done to them: run this again",
            )


def recheck(dataset: Dataset, api: FlickrApi) -> Recheck:
    """Ask about every photograph of a dataset once.

    Raises:
        FetchError: the service is down: a number of answers are not known, and none has been.
    """
    rules = dataset.recipe.get("rules")
    accepted: Collection[str] = rules.get("licences", []) if isinstance(rules, dict) else []
    by_photo = {photo: record for record in dataset.manifest if (photo := photo_of(record))}
    reasons: dict[str, str] = {}
    unknown: dict[str, FetchError] = {}
    for n, (photo, record) in enumerate(tracked(list(by_photo.items()), "asking", "photo"), 1):
        try:
            if reason := withdrawn(record, api, accepted):
                reasons[photo] = reason
        except FetchError as error:
            unknown[photo] = error
            if n == len(unknown) >= _MOST_UNKNOWN:
                raise
    files = {
        record.file_name: reasons[photo]
        for record in dataset.manifest
        if (photo := photo_of(record)) in reasons
    }
    return Recheck(len(by_photo), reasons, files, unknown)

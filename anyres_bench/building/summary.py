"""What a dataset holds, in numbers and in words, and whether its files are those collected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from anyres_bench.building.histograms import histograms, table
from anyres_bench.building.tables import REJECTS_NAME, reject_reasons
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import sha256_file
from anyres_bench.core.quoting import terminal
from anyres_bench.core.reporting import tracked
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord

_LOW = 0.7  # of Nyquist: an image with less was enlarged, or is soft
_COLUMNS: dict[str, Callable[[ImageRecord], str]] = {
    "roles": lambda record: record.role,
    "sources": lambda record: record.source,
    "licences": lambda record: record.licence_id,
    "formats": lambda record: record.format,
    "splits": lambda record: record.split or "none",
}


def summary(dataset: Dataset) -> dict[str, Any]:
    """Counts, digests and histograms of a dataset, as JSON values."""
    return {
        "id": dataset.id,
        "recipe_id": dataset.recipe_id,
        "digest": dataset.digest,
        "images": len(dataset.manifest),
        **{title: dict(_counts(dataset, value)) for title, value in _COLUMNS.items()},
        "groups": len({record.group or record.sha256 for record in dataset.manifest}),
        "rejects": reject_reasons(dataset.folder / REJECTS_NAME),
        "histograms": {h.title: h.rows() for h in histograms(dataset.manifest)},
    }


def summary_text(dataset: Dataset) -> str:
    """The same for people: tables and histograms of characters."""
    # Not of a list of sizes: for so many new objects Python looks for garbage in all records.
    smallest = min(dataset.manifest, key=_pixels).size
    largest = max(dataset.manifest, key=_pixels).size
    rejects = reject_reasons(dataset.folder / REJECTS_NAME)
    return "\n".join(
        [
            terminal(f"{dataset.id}: {len(dataset.manifest)} images in {dataset.folder}"),
            f"recipe {dataset.recipe_id}",
            f"digest {dataset.digest}",
            f"from {smallest} to {largest} pixels (height x width)",
            *("\n" + table(title, _counts(dataset, value)) for title, value in _COLUMNS.items()),
            *("\n" + histogram.text() for histogram in histograms(dataset.manifest)),
            "\n" + _sharpness(dataset),
            "\n" + table("left out", list(rejects.items()) or [("nothing", 0)]),
        ]
    )


def verify(dataset: Dataset) -> None:
    """Read every file of a dataset and compare its digest.

    Raises:
        DatasetError: some are missing or not the ones that were collected.
    """
    wrong = [
        record.file_name
        for record in tracked(dataset.manifest, "verifying")
        if not _is_as_collected(dataset, record)
    ]
    if wrong:
        raise DatasetError(
            f"{len(wrong)} of {len(dataset.manifest)} files are missing or changed, such as "
            f"{wrong[0]}; restore them, or collect the dataset again"
        )


def _is_as_collected(dataset: Dataset, record: ImageRecord) -> bool:
    path = dataset.path(record)
    return path.is_file() and sha256_file(path) == record.sha256


def _sharpness(dataset: Dataset) -> str:
    """Nominal against effective resolution, one row an octave of the shorter side."""
    known = [r for r in dataset.manifest if r.effective_resolution is not None]
    if not known:
        return "effective resolution was not measured (collect with --measure full)"
    octaves: dict[int, list[float]] = {}
    for record in known:
        octave = 1 << (record.size.shorter.bit_length() - 1)
        octaves.setdefault(octave, []).append(record.effective_resolution or 0.0)
    lines = [f"nominal against effective resolution; low means less than {_LOW:g} of Nyquist"]
    for octave, values in sorted(octaves.items()):
        ordered = sorted(values)
        low = sum(value < _LOW for value in values) / len(values)
        lines.append(
            f"{octave:>6} to {2 * octave:<6} {len(values):8} images   "
            f"median {ordered[len(ordered) // 2]:.2f}   low {low:6.1%}"
        )
    return "\n".join(lines)


def _pixels(record: ImageRecord) -> int:
    return record.size.pixels


def _counts(dataset: Dataset, value: Callable[[ImageRecord], str]) -> list[tuple[str, int]]:
    counts = Counter(value(record) for record in dataset.manifest)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))

"""The tables beside the manifest: what was left out and why, where images came from, credits."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from anyres_bench.building.compare import Stored
from anyres_bench.building.ledger import Ledger
from anyres_bench.core.files import atomic_write
from anyres_bench.core.quoting import csv_cell
from anyres_bench.data.parquet import read_batches, sound_columns, write_parquet

REJECTS_NAME = "rejects.parquet"
PROVENANCE_NAME = "provenance.parquet"
ATTRIBUTION_NAME = "ATTRIBUTION.csv"


def reject_rows(ledger: Ledger, stored: Sequence[Stored]) -> list[dict[str, Any]]:
    """One row for each candidate or image that is not in the dataset, with the reason."""
    rows = [
        (r.candidate, r.state, r.reason, r.message, r.attempts, "") for r in ledger.rejects()
    ] + [
        (s.job.candidate, "rejected", s.reason, s.message, 1, s.image.file_name)
        for s in stored
        if s.reason
    ]
    return [
        {
            "key": c.key,
            "reason": reason,
            "message": message,
            "state": state,
            "attempts": attempts,
            "source": c.source,
            "source_id": c.source_id,
            "url": c.url,
            "licence_id": c.licence_id,
            "file_name": file_name,
        }
        for c, state, reason, message, attempts, file_name in rows
    ]


def _provenance_rows(stored: Sequence[Stored]) -> Iterator[dict[str, Any]]:
    for s in stored:
        if s.reason:
            continue
        c, metadata = s.job.candidate, dict(s.image.metadata)
        fetched = c.fetched.plain() if c.fetched else {}
        yield {
            "file_name": s.image.file_name,
            "key": c.key,
            "source_name": c.source_name,
            "licence_url": c.licence_url,
            "final_url": fetched.get("url", ""),
            "status": fetched.get("status"),
            "content_type": fetched.get("content_type", ""),
            "etag": fetched.get("etag", ""),
            "last_modified": fetched.get("last_modified", ""),
            "fetched_at": fetched.get("fetched_at"),
            "phash": metadata.pop("phash", ""),
            "detail": metadata.pop("detail", None),
            "effective_resolution": metadata.pop("effective_resolution", None),
            "confidence": metadata.pop("confidence", None),
            "blockiness": metadata.pop("blockiness", None),
            "notes": ",".join(metadata.pop("notes", ())),
            "derived": json.dumps(metadata.pop("derived", {}), sort_keys=True),
            "extra": json.dumps(dict(c.extra), sort_keys=True),
        }


_REJECT_SCHEMA = {
    name: "int64" if name == "attempts" else "string"
    for name in ("key", "reason", "message", "state", "attempts", "source", "source_id", "url")
    + ("licence_id", "file_name")
}
_PROVENANCE_SCHEMA = {
    "status": "int64",
    "fetched_at": "float64",
    "detail": "float64",
    "effective_resolution": "float64",
    "confidence": "float64",
    "blockiness": "float64",
}


def write_rejects(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rejects table."""
    columns = {name: [row[name] for row in rows] for name in _REJECT_SCHEMA}
    write_parquet(path, columns, _REJECT_SCHEMA)


def reject_reasons(path: Path) -> dict[str, int]:
    """Rejects by reason, most first; empty where no table was written.

    Raises:
        DatasetError: the table cannot be read.
    """
    if not path.is_file():
        return {}
    counts: Counter[str] = Counter()
    for batch in read_batches(path, ["reason"], ["reason"]):
        counts.update(map(str, sound_columns(path, batch, {})["reason"]))
    return dict(counts.most_common())


def write_provenance(path: Path, stored: Sequence[Stored]) -> None:
    """Write what is known of each image beyond the manifest."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for row in _provenance_rows(stored):
        for name, value in row.items():
            columns[name].append(value)
    names = list(columns) or ["file_name"]
    types = {name: _PROVENANCE_SCHEMA.get(name, "string") for name in names}
    write_parquet(path, {name: columns[name] for name in names}, types)


def write_attribution(path: Path, stored: Sequence[Stored]) -> None:
    """Write who is to be credited for each image, as its licence asks."""
    with atomic_write(path, "w") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file_name", "author", "source_url", "licence", "licence_url", "changes"])
        for s in stored:
            if not s.reason:
                record, changes = s.record, s.image.metadata.get("derived")
                changed = json.dumps(changes, sort_keys=True) if changes is not None else "none"
                cells = [record.file_name, record.author, record.source_url, record.licence_id]
                cells += [s.job.candidate.licence_url, changed]
                writer.writerow([csv_cell(cell) for cell in cells])

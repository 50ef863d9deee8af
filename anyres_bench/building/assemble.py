"""From the ledger to the dataset folder: the right files in it, and what is written about them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.building import tables
from anyres_bench.building.card import CARD_NAME, card
from anyres_bench.building.compare import Stored, compare
from anyres_bench.building.croissant import CROISSANT_NAME, croissant
from anyres_bench.building.ledger import WORK_NAME, Ledger, opened
from anyres_bench.building.process import IMAGES_NAME
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.data.recipes import DATASET_NAME, Dataset
from anyres_bench.data.records import Manifest

_ASIDE = "aside"


@dataclass(frozen=True)
class Built:
    """What a run ended with.

    Attributes:
        dataset: complete and on disk.
        rejects: candidates and images that are not in it, by reason.
        n_failed: those of them that the next run tries again.
    """

    dataset: Dataset
    rejects: dict[str, int]
    n_failed: int


def assemble(folder: Path, ledger: Ledger) -> Built:
    """Write the dataset of what the ledger holds.

    Raises:
        DatasetError: it holds no image.
    """
    recipe = ledger.recipe
    stored = compare(ledger, Rules.of(recipe["rules"]))
    # Without this file the folder is no dataset, so no reader sees what is half written.
    (folder / DATASET_NAME).unlink(missing_ok=True)
    tidy(folder, stored)
    rejects = tables.reject_rows(ledger, stored)
    tables.write_rejects(folder / tables.REJECTS_NAME, rejects)
    by_reason = dict(Counter(str(row["reason"]) for row in rejects).most_common())
    manifest = Manifest(s.record for s in stored if not s.reason)
    if not manifest:
        told = ", ".join(f"{n} {reason}" for reason, n in by_reason.items()) or "no candidates"
        where = folder / tables.REJECTS_NAME
        raise DatasetError(f"nothing came into {folder}: {told}; see {where}")
    tables.write_provenance(folder / tables.PROVENANCE_NAME, stored)
    tables.write_attribution(folder / tables.ATTRIBUTION_NAME, stored)
    dataset = Dataset(recipe["id"], folder, manifest, recipe)
    with atomic_write(folder / CARD_NAME, "w") as file:
        file.write(card(dataset, by_reason, ledger.notices))
    dataset.write()
    write_json(folder / CROISSANT_NAME, croissant(dataset, ledger.notices))
    return Built(dataset, by_reason, sum(row["state"] == "failed" for row in rejects))


def withdraw(folder: Path, reasons: Mapping[str, str]) -> Built:
    """Take images out of a dataset for good: their files go, and no later run brings them back.

    All images of one candidate go together.

    Args:
        folder: of the dataset.
        reasons: file name in the dataset -> why, in a word.

    Raises:
        DatasetError: no image is left.
    """
    with opened(folder) as ledger:
        files = ledger.withdraw(reasons)
        for name in files:
            for place in _places(folder):
                (place / name).unlink(missing_ok=True)
        return assemble(folder, ledger)


def tidy(folder: Path, stored: Sequence[Stored]) -> None:
    """Keep in the images folder exactly what the manifest lists.

    What was left out moves aside, to come back when the rules change; what no ledger row names is
    what a killed run left behind, and goes.
    """
    listed = {s.image.file_name for s in stored if not s.reason}
    left_out = {s.image.file_name for s in stored if s.reason}
    aside = folder / WORK_NAME / _ASIDE
    for root, _, names in os.walk(folder / IMAGES_NAME):
        for path in (Path(root) / name for name in names):
            name = path.relative_to(folder).as_posix()
            if name in left_out:
                _move(path, aside / name)
            elif name not in listed:
                path.unlink()
    for name in sorted(listed):
        if not (folder / name).exists():
            _move(aside / name, folder / name)


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def missing(folder: Path, ledger: Ledger) -> list[int]:
    """Numbers of candidates whose files are not there, or not as long as the ledger says."""
    places = _places(folder)
    return [
        task.number
        for task, image in ledger.images()
        if not any(_has_size(place / image.file_name, image.record["n_bytes"]) for place in places)
    ]


def _places(folder: Path) -> tuple[Path, Path]:
    """Where an image of the ledger can be: in the dataset, or set aside."""
    return folder, folder / WORK_NAME / _ASIDE


def _has_size(path: Path, n_bytes: int) -> bool:
    try:
        return path.stat().st_size == n_bytes
    except FileNotFoundError:
        return False

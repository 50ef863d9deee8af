"""From the ledger to the dataset folder: the right files in it, and what is written about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.building import tables
from anyres_bench.building.card import CARD_NAME, card
from anyres_bench.building.compare import compare
from anyres_bench.building.croissant import CROISSANT_NAME, croissant
from anyres_bench.building.files import remove, tidy
from anyres_bench.building.ledger import Ledger, opened
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.data.dataset import DATASET_NAME, Dataset
from anyres_bench.data.records import Manifest


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
    listed = {s.image.file_name for s in stored if not s.reason}
    tidy(folder, listed, {s.image.file_name for s in stored if s.reason})
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
        remove(folder, ledger.withdraw(reasons))
        return assemble(folder, ledger)

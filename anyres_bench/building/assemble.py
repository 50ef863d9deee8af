"""From the ledger to the dataset folder: the right files in it, and what is written about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.building import tables
from anyres_bench.building.card import CARD_NAME, card
from anyres_bench.building.compare import compare
from anyres_bench.building.croissant import CROISSANT_NAME, croissant
from anyres_bench.building.documents import begin_writing, keep_edited, note_written
from anyres_bench.building.files import FOUND_NAME, remove, tidy
from anyres_bench.building.ledger import Ledger, opened
from anyres_bench.building.outcomes import IMAGES_NAME
from anyres_bench.building.rules import Rules
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.core.quoting import one_line_each
from anyres_bench.data.dataset import DATASET_NAME, Dataset, check_id
from anyres_bench.data.records import Manifest

_LONGEST = 400  # characters of what is shown of one reject


@dataclass(frozen=True)
class Built:
    """What a run ended with.

    Attributes:
        dataset: complete and on disk.
        rejects: candidates and images that are not in it, by reason.
        n_failed: those of them that the next run tries again.
        notes: what else is to be known, a sentence each.
    """

    dataset: Dataset
    rejects: dict[str, int]
    n_failed: int
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """For people: how many came, what did not and why, and by what the dataset is known."""
        dataset = self.dataset
        lines = [f"{dataset.id}: {len(dataset.manifest)} images in {dataset.folder}"]
        lines += [f"  {n:8} left out: {reason}" for reason, n in self.rejects.items()]
        lines += [f"  {note}" for note in self.notes]
        lines.append(f"  recipe {dataset.recipe_id[:12]}, digest {dataset.digest[:12]}")
        if self.n_failed:
            lines.append(f"  {self.n_failed} failed in passing; the same command tries them again")
        return one_line_each(lines)


def assemble(
    ledger: Ledger, said: Sequence[str] = (), documents: Mapping[str, str] | None = None
) -> Built:
    """Write the dataset of what the ledger holds; files of what was withdrawn go.

    Args:
        ledger: of its folder.
        said: what the run has to say already.
        documents: what its collector has to say beside the tables: name -> text.

    Raises:
        DatasetError: it holds no image.
    """
    folder, recipe = ledger.inside.path, ledger.recipe
    withdrawn = ledger.withdrawn()
    remove(ledger.inside, withdrawn)
    ledger.forget(withdrawn)
    stored = compare(ledger, Rules.of(recipe.get("rules")))
    documents = documents or {}
    notes = [*_damage(ledger), *said, *keep_edited(ledger, documents)]
    begin_writing(ledger)
    # Without this file the folder is no dataset, so no reader sees what is half written.
    (folder / DATASET_NAME).unlink(missing_ok=True)
    listed = {s.image.file_name: s.image.record["sha256"] for s in stored if not s.reason}
    if n := tidy(ledger.inside, listed, {s.image.file_name for s in stored if s.reason}):
        notes.append(
            f"{n} files in {IMAGES_NAME} or {FOUND_NAME} are not of this dataset; left alone"
        )
    rejects = tables.reject_rows(ledger, stored)
    tables.write_rejects(folder / tables.REJECTS_NAME, rejects)
    by_reason = dict(Counter(str(row["reason"]) for row in rejects).most_common())
    manifest = Manifest(s.record for s in stored if not s.reason)
    if not manifest:
        told = ", ".join(f"{n} {reason}" for reason, n in by_reason.items()) or "no candidates"
        where = folder / tables.REJECTS_NAME
        raise DatasetError(f"nothing came into {folder}: {told}; see {where}{_example(rejects)}")
    tables.write_provenance(folder / tables.PROVENANCE_NAME, stored)
    tables.write_attribution(folder / tables.ATTRIBUTION_NAME, stored)
    dataset = Dataset(check_id(recipe.get("id", "")), folder, manifest, recipe)
    with atomic_write(folder / CARD_NAME, "w") as file:
        file.write(card(dataset, by_reason, ledger.notices))
    dataset.write()
    write_json(folder / CROISSANT_NAME, croissant(dataset, ledger.notices))
    for name, text in documents.items():
        with atomic_write(folder / name, "w") as file:
            file.write(text)
    note_written(ledger, documents)
    n_failed = sum(row["state"] == "failed" for row in rejects)
    return Built(dataset, by_reason, n_failed, tuple(notes))


def _example(rejects: Sequence[Mapping[str, Any]]) -> str:
    """What became of one of the most frequent reason, which only a reader of tables would see."""
    if not rejects:
        return ""
    reason = Counter(row["reason"] for row in rejects).most_common(1)[0][0]
    one = next(row for row in rejects if row["reason"] == reason)
    again = "; the same command tries it again" if one["state"] == "failed" else ""
    name, message = (str(one[key])[:_LONGEST] for key in ("source_id", "message"))
    return f". Such as {name}: {message}{again}"


def _damage(ledger: Ledger) -> Iterator[str]:
    if n := ledger.damage.candidates + ledger.damage.images:
        yield f"{n} rows of the ledger had changed since they were written; they were done again"


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
        ledger.withdraw(reasons)
        return assemble(ledger)

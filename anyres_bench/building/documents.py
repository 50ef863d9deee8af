"""What is written beside the images: known again, so that nobody's changes to it are lost."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

from anyres_bench.building.card import CARD_NAME
from anyres_bench.building.croissant import CROISSANT_NAME
from anyres_bench.building.ledger import Ledger
from anyres_bench.building.tables import ATTRIBUTION_NAME, PROVENANCE_NAME, REJECTS_NAME
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.files import sha256_of
from anyres_bench.data.dataset import DATASET_NAME
from anyres_bench.data.records import METADATA_NAME

_NAMES = (
    CARD_NAME,
    ATTRIBUTION_NAME,
    REJECTS_NAME,
    PROVENANCE_NAME,
    METADATA_NAME,
    CROISSANT_NAME,
    DATASET_NAME,
)


def keep_edited(ledger: Ledger, more: Iterable[str] = ()) -> list[str]:
    """Rename what was changed since it was written, before it is written anew; a line for each.

    Args:
        ledger: knows what was written.
        more: names of further documents.
    """
    inside, written = ledger.inside, ledger.written
    if written is None:  # nothing was, or a run was killed over it
        return []
    notes = []
    for name in (*_NAMES, *more):
        digest = _digest(inside, name)
        if digest not in (None, written.get(name)):
            path = PurePath(name)
            kept = f"{path.stem}.kept-{str(digest)[:8]}{path.suffix}"
            inside.move(name, kept)
            notes.append(f"{name} was changed by hand: it is kept as {kept}, and written anew")
    return notes


def begin_writing(ledger: Ledger) -> None:
    """From here on, whatever is there is taken for ours until `note_written`."""
    ledger.set_written(None)


def note_written(ledger: Ledger, more: Iterable[str] = ()) -> None:
    """Keep the digests of what was written."""
    digests = {name: _digest(ledger.inside, name) for name in (*_NAMES, *more)}
    ledger.set_written({name: digest for name, digest in digests.items() if digest})


def _digest(inside: Enclosure, name: str) -> str | None:
    """SHA-256 of a document; None where there is none, or something that is no file."""
    return None if inside.size(name) is None else sha256_of(inside.open(name))

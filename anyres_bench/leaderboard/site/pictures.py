"""Rows of pictures that a site may show, made anew from their pixels, so that nothing else comes.

A row holds the first pictures of one side under one protocol. Pictures of one number are the same
window, and of the same latent where a model renders, in all rows of a scope.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import AnyresBenchError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.reporting import detail
from anyres_bench.data.pixels import decode
from anyres_bench.evaluation.report_samples import items_of, may_show, samples_path
from anyres_bench.evaluation.wording import protocol_words
from anyres_bench.leaderboard.committed import PICTURES
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.leaderboard.submission import SAMPLES
from anyres_bench.results import Task

_MOST_BYTES = 64 << 20  # of a file, as the checker has it
_MOST_PIXELS = 1 << 22
_MOST_SHOWN = 32


@dataclass(frozen=True)
class PictureRow:
    """Pictures of one side, side by side in one PNG.

    Attributes:
        scope: dataset and protocol as in ids, then images and seed.
        title: the protocol in words.
        who: id of a model; empty for real images.
        items: number of each picture.
        aspect: width of a picture by its height.
        png: the file.
    """

    scope: str
    title: str
    who: str
    items: Sequence[int]
    aspect: float
    png: bytes

    @property
    def name(self) -> str:
        """Name of its file."""
        slug = re.sub(r"[^A-Za-z0-9.=-]+", "_", self.scope.split(" ")[0])[:80]
        return f"{slug}-{sha256_text(f'{self.scope} {self.who}')[:12]}.png"


def picture_rows(entries: Iterable[BoardEntry]) -> Iterator[PictureRow]:
    """Every row once: of one's own results from the cache or the package, or as submitted.

    Those of a submission are shown where the licence that its card states permits; those in the
    cache are there only where theirs does.
    """
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if entry.retracted is not None:
            continue
        task = Task.parse(entry.result.task)
        images = f"{entry.result.dataset.digest[:12]} seed {entry.result.seed}"
        scope = f"{task.dataset}/{task.protocol} {images}"
        for who, data in _files(entry, task.protocol):
            if (scope, who) not in seen and (row := _row(data)) is not None:
                seen.add((scope, who))
                yield PictureRow(scope, protocol_words(task.protocol), who, *row)


def _files(entry: BoardEntry, protocol: str) -> Iterator[tuple[str, bytes]]:
    """Pictures of both sides of a result, as files."""
    model = entry.result.model.id
    if entry.folder is not None:
        if (data := _submitted(entry, protocol)) is not None:
            yield model, data
        return
    for side, who in (("real", ""), ("fake", model)):
        state = entry.result.states.get(side)
        kept = samples_path(state.key) if state is not None else Path()
        for path in (kept, PICTURES / kept.name):
            if path.is_file():
                yield who, path.read_bytes()
                break


def _submitted(entry: BoardEntry, protocol: str) -> bytes | None:
    """The file of a submission; None where there is none, or its licence does not permit it."""
    if entry.folder is None or entry.card is None or not may_show(entry.card.licence.strip()):
        return None
    inside, name = Enclosure(entry.folder), f"{SAMPLES}/{protocol}.png"
    try:
        if inside.size(name) is None:
            return None
        with inside.open(name) as file:
            return file.read(_MOST_BYTES)
    except (AnyresBenchError, OSError) as error:
        detail(f"pictures left out: {error}")
        return None


def _row(data: bytes) -> tuple[Sequence[int], float, bytes] | None:
    """Numbers and aspect of the pictures, and a file of their pixels; None for what is no row."""
    try:
        pixels = decode(data, _MOST_PIXELS, name="a row of samples").pixels
        with Image.open(io.BytesIO(data)) as row:
            items = items_of(row)
    except (AnyresBenchError, OSError, ValueError) as error:
        detail(f"pictures left out: {error}")
        return None
    height, width = pixels.shape[:2]
    n = len(items) or max(1, round(width / height))
    if n > _MOST_SHOWN or width % n:
        detail(f"pictures left out: {width} x {height} px are no row of at most {_MOST_SHOWN}")
        return None
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return items or tuple(range(n)), width / n / height, file.getvalue()

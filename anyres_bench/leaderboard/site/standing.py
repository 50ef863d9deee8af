"""The table of a task: ceilings above, models by ranks with ties, floors, retractions last.

Images of one's own that the reference holds too stand below the models, without a rank.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from anyres_bench.core.files import sha256_text
from anyres_bench.core.reporting import progress
from anyres_bench.evaluation.curves import place_of
from anyres_bench.evaluation.headlines import (
    CEILING,
    FLOOR,
    PERFECT,
    Pairing,
    groups_of,
    n_shared,
    ranking,
    told_apart,
)
from anyres_bench.evaluation.pairs import Difference
from anyres_bench.evaluation.wording import metric_name, title_of
from anyres_bench.leaderboard.site.entries import BoardEntry
from anyres_bench.results import Result, Task, tied_ranks

UNKNOWN_RANK: Final = "?"
_FIRST: Final = ("frechet", "precision-recall", "kid", "detectability")


@dataclass(frozen=True)
class Placed:
    """An entry in its table.

    Attributes:
        entry: whose.
        rank: ties share one; None for a control, a retraction, images that are in the reference
            too, and where it is not known.
        leader: id of the model that it is held against for its rank; empty for none.
        differences: its values minus the leader's; None where they are not known.
    """

    entry: BoardEntry
    rank: int | None = None
    leader: str = ""
    differences: Mapping[str, Difference] | None = None

    @property
    def rank_text(self) -> str:
        """The rank as it is shown."""
        if self.entry.role or self.entry.retracted:
            return ""
        return UNKNOWN_RANK if self.rank is None else str(self.rank)


@dataclass(frozen=True)
class BoardTable:
    """All of one task, one set of images and one seed.

    Attributes:
        slug: of its files: a name for people, and a digest of task, images and seed.
        placed: pinned ceilings, models as they are ranked, those that are not because they share
            images with the reference, pinned floors, then retractions.
    """

    slug: str
    placed: Sequence[Placed]

    @property
    def first(self) -> Result:
        """Any of its results, for what all share."""
        return self.placed[0].entry.result

    @property
    def task(self) -> Task:
        """What it measures."""
        return Task.parse(self.first.task)

    @property
    def title(self) -> str:
        """The task in words."""
        return title_of(self.first)

    @property
    def n_models(self) -> int:
        """How many are ranked."""
        return sum(not (placed.entry.role or placed.entry.retracted) for placed in self.placed)


def board_tables(entries: Sequence[BoardEntry], pairing: Pairing) -> list[BoardTable]:
    """A table for each task, set of images and seed; what says most comes first."""
    known = {id(entry.result): entry for entry in entries}  # a retracted one may share its key
    groups = groups_of(entry.result for entry in entries)
    tables = []
    with progress("ranks", len(groups), unit="table") as bar:
        for group in groups:
            tables.append(_table([known[id(result)] for result in group], pairing))
            bar.update()
    return sorted(tables, key=_says_most)


def _table(group: Sequence[BoardEntry], pairing: Pairing) -> BoardTable:
    first = group[0].result
    standing = [entry for entry in group if entry.retracted is None]
    gone = [Placed(entry) for entry in group if entry.retracted is not None]
    above = [Placed(entry) for entry in standing if entry.role in (CEILING, PERFECT)]
    sharing = [Placed(entry) for entry in standing if entry.role and n_shared(entry.result)]
    below = [Placed(entry) for entry in standing if entry.role == FLOOR]
    models = [entry for entry in standing if not entry.role]
    name = f"{first.task}\n{first.dataset.digest}\n{first.seed}"
    slug = f"{re.sub(r'[^A-Za-z0-9.=-]+', '_', first.task)[:120]}-{sha256_text(name)[:8]}"
    return BoardTable(slug, [*above, *_ranked(models, pairing), *sharing, *below, *gone])


def _ranked(models: Sequence[BoardEntry], pairing: Pairing) -> list[Placed]:
    """Models, best first, with their ranks and what they are held against."""
    results = [entry.result for entry in models]
    against: dict[int, int] = {}

    def apart(leader: int, other: int) -> bool | None:
        against[other] = leader
        return told_apart(results[leader], results[other], pairing)

    ranks = tied_ranks(len(models), apart)
    placed = []
    for at, (entry, rank) in enumerate(zip(models, ranks, strict=True)):
        leader = results[against[at]] if at in against else None
        found = pairing(entry.result, leader) if leader is not None else None
        placed.append(Placed(entry, rank, leader.model.id if leader else "", found))
    return placed


def _says_most(table: BoardTable) -> tuple[int, int, int, int]:
    """Order of tables: many models, the metrics that are known best, points of curves, size."""
    task, place = table.task, place_of(table.task.protocol)
    name = metric_name(task.metric)
    metric = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    return -table.n_models, metric, 0 if place else 1, -(place[1] if place else 0)


def best_first(table: BoardTable) -> tuple[str, bool]:
    """The value that a table is ranked by, and whether higher is better."""
    return ranking(table.first)

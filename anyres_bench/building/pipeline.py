"""collect -> filter -> fetch -> examine -> compare -> dataset, resumable at every image."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyres_bench.building.database import INCOMING_NAME, LEDGER_NAME, WORK_NAME
from anyres_bench.building.engines import Engine, LocalEngine
from anyres_bench.building.files import make_room
from anyres_bench.building.ledger import Ledger, opened
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pauses import Pause
from anyres_bench.building.rules import Rules
from anyres_bench.building.steps import Site
from anyres_bench.collectors.collector import (
    Candidate,
    Collector,
    Documenting,
    Licensed,
    Noticing,
)
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.reporting import detail, progress, say
from anyres_bench.data.dataset import check_id

if TYPE_CHECKING:
    from anyres_bench.building.assemble import Built

_COMMIT_N = 64
_COMMIT_S = 0.5


@dataclass(frozen=True)
class Order:
    """What is to be built, and where.

    Attributes:
        collector: where images come from.
        folder: the dataset folder; it may hold an unfinished run of the same order.
        id: the dataset's name in task ids.
        rules: what may enter it.
        retry: reasons for which earlier rejects are tried again.
        refresh: list the candidates of a remote collector anew.
    """

    collector: Collector
    folder: Path
    id: str
    rules: Rules = field(default_factory=Rules)
    retry: tuple[str, ...] = ()
    refresh: bool = False

    def __post_init__(self) -> None:
        try:
            check_id(self.id)
        except DatasetError as error:
            raise UsageError(str(error)) from error

    def recipe(self) -> dict[str, Any]:
        """What is asked for, as JSON values."""
        return {"id": self.id, **self.collector.recipe(), "rules": self.rules.recipe()}


def build(
    order: Order,
    engine: Engine | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
) -> Built:
    """Bring a dataset folder to what was ordered, going on where an earlier run ended.

    Args:
        order: what to build.
        engine: what runs the candidates; this machine by default.
        on_outcome: is told of each candidate's end.

    Raises:
        UsageError: the folder lies inside what is collected.
        DatasetError: it holds something else, cannot be written to, or nothing came.
    """
    _refuse_foreign(order)
    with opened(order.folder) as ledger:
        ledger.claim(order.recipe())
        ledger.set_notices(order.collector.notices if isinstance(order.collector, Noticing) else ())
        said = _list(order, ledger)
        missed = ledger.begin(order.retry)
        said += [f"nothing was left out for {why}; none is tried again for it" for why in missed]
        ledger.redo(make_room(ledger))
        _run(order, engine or LocalEngine(), ledger, on_outcome)
        from anyres_bench.building.assemble import assemble

        collector = order.collector
        documents = collector.documents() if isinstance(collector, Documenting) else {}
        return assemble(ledger, said, documents)


def _list(order: Order, ledger: Ledger) -> list[str]:
    """List the candidates where that is to be done; what is to be said of their sources."""
    if not (order.collector.local or order.refresh or not ledger.listed):
        return []
    candidates = _licensed(order, order.collector.candidates())
    listing = ledger.list_candidates(candidates, whole=order.collector.local)
    said = []
    if listing.n_changed:
        said.append(f"{listing.n_changed} sources changed since they were collected; taken anew")
    if listing.n_gone:
        said.append(f"{listing.n_gone} sources are gone; what was collected of them stays")
    if listing.n_repeated:
        said.append(f"{listing.n_repeated} candidates name what another one names; it counts once")
    return said


def _licensed(order: Order, candidates: Iterable[Candidate]) -> Iterable[Candidate]:
    """The candidates, if it has been said which of their licences are accepted.

    Raises:
        UsageError: it has not; the message counts the licences.
    """
    if not isinstance(order.collector, Licensed) or order.rules.licences:
        return candidates
    counts = Counter(candidate.licence_id for candidate in candidates)
    rows = [f"  {n:8} {n / counts.total():6.1%}  {name}" for name, n in counts.most_common()]
    free = " ".join(f"--licences {name}" for name in order.collector.default_licences)
    raise UsageError(
        "say which licences you accept; the candidates have\n"
        + "\n".join(rows)
        + f"\nfree to use and to share changed versions of: {free}"
    )


def _refuse_foreign(order: Order) -> None:
    """Never write into a folder with other things in it, nor into what is being collected."""
    folder = order.folder.resolve()
    for name, value in vars(order.collector).items():
        if isinstance(value, Path) and folder.is_relative_to(value.resolve()):
            raise UsageError(f"{order.folder} lies inside {name} {value}; write somewhere else")
    is_begun = Enclosure(folder).size(LEDGER_NAME) is not None if folder.is_dir() else False
    if not is_begun and folder.is_dir() and any(p.name != WORK_NAME for p in folder.iterdir()):
        raise DatasetError(
            f"{order.folder} is not empty and no collection was begun there; give a new folder"
        )


def _run(
    order: Order,
    engine: Engine,
    ledger: Ledger,
    on_outcome: Callable[[Outcome], None] | None,
) -> None:
    counts = ledger.counts()
    if not counts.get("pending"):
        return
    _tidy(ledger.inside, keep_parts=True)
    site = Site(order.folder, order.rules, order.collector)
    with closing(engine.run(site, ledger.pending)) as outcomes:
        with ledger.disconnected():  # engines that fork do so before their first outcome
            first = list(islice(outcomes, 1))
        threading.Thread(target=_load_ahead).start()
        _commit(ledger, _told(chain(first, outcomes), counts), on_outcome)
    _tidy(ledger.inside, keep_parts="failed" in ledger.counts())


def _told(outcomes: Iterable[Outcome | Pause], counts: Mapping[str, int]) -> Iterator[Outcome]:
    """The outcomes, each told: how many are done and left, how fast, what became of them."""
    states: Counter[str] = Counter()
    n_all = sum(counts.values())
    with progress("collecting", n_all, done=n_all - counts["pending"]) as bar:
        for outcome in outcomes:
            if isinstance(outcome, Pause):
                say(outcome.text())
                continue
            states[outcome.state] += 1
            if outcome.reason:
                name = outcome.job.candidate.source_id
                detail(f"{name}: {outcome.state}, {outcome.reason}: {outcome.message}")
            bar.note(", ".join(f"{n} {state}" for state, n in sorted(states.items())))
            bar.update()
            yield outcome


def _load_ahead() -> None:
    """What writes the tables takes a while to load: that is done while others are at work."""
    import pyarrow.parquet  # noqa: F401

    import anyres_bench.building.assemble  # noqa: F401


def _commit(
    ledger: Ledger, outcomes: Iterable[Outcome], on_outcome: Callable[[Outcome], None] | None
) -> None:
    """Commit the first outcome, and then a few at a time; on any error what has come too."""
    batch: list[Outcome] = []
    committed_at = 0.0
    try:
        for outcome in outcomes:
            batch.append(outcome)
            if on_outcome:
                on_outcome(outcome)
            if len(batch) >= _COMMIT_N or time.monotonic() - committed_at > _COMMIT_S:
                ledger.record(batch)
                batch, committed_at = [], time.monotonic()
    finally:
        ledger.record(batch)


def _tidy(inside: Enclosure, keep_parts: bool) -> None:
    """Remove what the dead left under way, but for downloads that can go on where they were."""
    inside.make_folder(INCOMING_NAME)
    there = {name for name in inside.names(INCOMING_NAME) if inside.size(name) is not None}
    for name in list(inside.names(INCOMING_NAME)):
        note = name if name.endswith(".json") else f"{name}.json"
        if not (keep_parts and ".part" in name and {name, note} <= there):
            inside.remove(name)

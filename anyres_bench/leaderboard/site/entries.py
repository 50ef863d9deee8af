"""What stands on a board: results of one's own, submissions that pass the checks, and the log.

Folders of results are the word of whoever builds the board. A submission is somebody else's: it is
held to every rule, one that fails stays out as a whole, and so does one that takes the id of a
model that is somebody else's.
"""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.reporting import progress
from anyres_bench.evaluation.headlines import role_in
from anyres_bench.leaderboard.checks import CheckedSubmission, check
from anyres_bench.leaderboard.committed import read_benchmark
from anyres_bench.leaderboard.log import RETRACTED, TIERS, LogLine, state_of, states
from anyres_bench.leaderboard.logged import entered, stray_records, submission_seal
from anyres_bench.leaderboard.submission import MANIFEST, Card, Submission, read_submission
from anyres_bench.metrics import is_known
from anyres_bench.models.embedded import embedded_in
from anyres_bench.results import Result, read_results

REPORTED: Final = "reported"
_LONGEST_ID: Final = 300  # characters
TIER_WORDS: Final = {
    REPORTED: "stated by a paper or a repository; measured by nobody here",
    "submitted": "computed by its authors; every rule of the checker holds",
    "recomputed": "metric and interval computed again from the features that were submitted",
    "re-rendered": "rendered and measured by those who keep this board",
}


@dataclass(frozen=True)
class BoardEntry:
    """A result on the board.

    Attributes:
        result: itself.
        tier: a key of `TIER_WORDS`.
        card: of the model, where it was submitted or comes with the package.
        folder: of the submission that holds pictures and features; None for one's own.
        retracted: the line of the log that takes it back; None where it stands.
    """

    result: Result
    tier: str
    card: Card | None = None
    folder: Path | None = None
    retracted: LogLine | None = None

    @property
    def role(self) -> str:
        """Of a control, or why it is not ranked; only who builds the board can have either."""
        return role_in(self.result) if self.folder is None else ""


@dataclass(frozen=True)
class Refusal:
    """A submission that stays out, and why."""

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Board:
    """All that a site shows.

    Attributes:
        entries: every key once, but for those that were retracted.
        refused: submissions that stay out.
        oddities: what else was found among the files.
        log: oldest line first.
    """

    entries: tuple[BoardEntry, ...]
    refused: tuple[Refusal, ...] = ()
    oddities: tuple[str, ...] = ()
    log: tuple[LogLine, ...] = ()


@dataclass
class _Collected:
    """Entries so far, by key, those that were taken back, and whose each model is."""

    entries: dict[str, BoardEntry] = field(default_factory=dict)
    gone: list[BoardEntry] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)  # model -> who brought it
    refused: list[Refusal] = field(default_factory=list)


def read_board(
    paths: Sequence[Path], submissions: Sequence[Path] = (), log: Sequence[LogLine] | None = None
) -> Board:
    """Read and check all that a board is made of.

    Args:
        paths: files and folders of results, and folders that are one submission each.
        submissions: folders in which every folder is a submission.
        log: of the board, oldest line first, in which every submission has to be; None: there is
            none.

    Raises:
        UsageError: a submission lies within a folder of results.
        DataError: nothing is left to show, or a file that was named is no result.
    """
    ours = [path for path in paths if not _is_submission(path)]
    theirs = [path for path in paths if _is_submission(path)]
    theirs += [path for folder in submissions for path in _within(folder)]
    found = _Collected()
    oddities: tuple[str, ...] = ()
    if ours:
        _check_apart(ours)
        reading = read_results(ours, is_known=is_known)
        oddities = reading.oddities
        for result in reading.results:
            found.entries[result.key] = BoardEntry(result, TIERS[-1], _own_card(result))
            found.owners[result.model.id] = "the results of this board"
    with progress("submissions", len(theirs), unit="folder") as bar:
        for path in sorted(theirs, key=_by_log(log or ())):
            if path.is_symlink():
                found.refused.append(Refusal(path.name, ("layout: it is a link",)))
            else:
                checked = check(path)
                _add(found, path, checked, log)
                oddities += tuple(f"{path.name}: {s}" for s in stray_records(log or (), checked))
            bar.update()
    entries = (*found.entries.values(), *found.gone)
    if not entries:
        said = "".join(f"\n  {one.name}: {one.reasons[0]}" for one in found.refused[:5])
        raise DataError(f"nothing to show: no results, and no submission that passes{said}")
    return Board(entries, tuple(found.refused), oddities, tuple(log or ()))


def _own_card(result: Result) -> Card | None:
    """What checkpoints of the package say of themselves; None for other models."""
    parts = embedded_in(result.model.id)
    if not parts:
        return None
    names = sorted({name for one in parts for name in one.datasets})
    # The benchmark's own images were drawn apart from those that its networks are trained on.
    apart = result.dataset.digest == _benchmark_digest()
    return Card(
        licence=", ".join(sorted({one.licence for one in parts})),
        training_data=f"{', '.join(names)}, drawn by anyres-bench",
        trained_on_reference=False if apart else True if result.dataset.id in names else None,
    )


@functools.cache
def _benchmark_digest() -> str:
    return read_benchmark().digest


def _is_submission(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _within(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; name one whose folders are submissions")
    return sorted(path for path in folder.iterdir() if path.is_dir() or path.is_symlink())


def _check_apart(ours: Iterable[Path]) -> None:
    """Results of one's own hold no submission, whose records nobody would check."""
    for path in ours:
        for manifest in path.rglob(MANIFEST) if path.is_dir() else ():
            raise UsageError(
                f"{manifest.parent} is a submission within {path}, which stands for results of "
                f"your own; name it by itself, or give --submissions "
                f"{shlex.quote(str(manifest.parent.parent))}"
            )


def _by_log(log: Sequence[LogLine]) -> Callable[[Path], tuple[int, str]]:
    """Order of submissions: those that the log added, as it did; then by name."""
    first: dict[str, int] = {}
    for number, line in enumerate(log):
        first.setdefault(line.submission, number)

    def place(path: Path) -> tuple[int, str]:
        try:
            seal = submission_seal(read_submission(Enclosure(path)))
        except (DataError, OSError, RecursionError):
            seal = ""
        return first.get(seal, len(log)), str(path)

    return place


def _add(
    found: _Collected, path: Path, checked: CheckedSubmission, log: Sequence[LogLine] | None
) -> None:
    """Take a submission in, or say why not."""
    verdicts = [*checked.verdicts, *(() if log is None else entered(log, checked))]
    reasons = [f"{v.rule}: {v.said}" for v in verdicts if v.state == "failed"]
    submission, known = checked.submission, states(log or ())
    if submission is None or reasons:
        found.refused.append(Refusal(path.name, tuple(reasons)))
        return
    seal, standing = submission_seal(submission), []
    for result in checked.records:
        line = state_of(known, seal, result.key)
        if line is not None and line.state == RETRACTED:
            found.gone.append(BoardEntry(result, checked.tier, submission.card, path, line))
        else:
            raised = line is not None and line.state == TIERS[-1]
            tier = TIERS[-1] if raised else checked.tier
            standing.append(BoardEntry(result, tier, submission.card, path))
    if reasons := list(_collisions(found, submission, [entry.result for entry in standing])):
        found.refused.append(Refusal(path.name, tuple(reasons)))
        return
    if standing:
        found.owners.setdefault(submission.model, f"submission {path.name}")
    for entry in standing:
        mine = found.entries.get(
            entry.result.key
        )  # the same number; the model's card comes with it
        taken = entry if mine is None else BoardEntry(mine.result, mine.tier, submission.card)
        found.entries[entry.result.key] = taken


def _collisions(
    found: _Collected, submission: Submission, records: Iterable[Result]
) -> Iterator[str]:
    """Why a submission that is well in itself cannot stand beside those before it."""
    if len(submission.model) > _LONGEST_ID:
        n = len(submission.model)
        yield f"the model's id has {n} characters, a table has room for {_LONGEST_ID}"
    owner = found.owners.get(submission.model)
    for result in records:
        mine = found.entries.get(result.key)
        if mine is not None and mine.folder is not None:
            yield f"{result.task} of {submission.model} is in {owner} already"
        elif mine is not None and mine.result.values != result.values:
            yield f"{result.task} of {submission.model} has other values in {owner}"
        elif mine is None and owner is not None:
            yield f"the id {submission.model} is that of a model in {owner}"
            return

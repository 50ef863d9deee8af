"""Answers of a command against a tiler's: what differs, and which known variant it would be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anyres_bench.core.errors import ImageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import kit, load
from anyres_bench.tilers import relatives as relatives_of
from anyres_bench.tilers.engine import Answer, ask
from anyres_bench.tilers.plan import Decision, Ints, Tiler

Kind = Literal["refusal", "grid", "resized", "tokens"]
KINDS: tuple[Kind, ...] = ("refusal", "grid", "resized", "tokens")
UNKNOWN = "no known variant answers so"


@dataclass(frozen=True)
class Disagreement:
    """One size on which a command and a tiler part.

    Attributes:
        kind: the first number that differs, in the order in which tilers choose.
        reason: the known variant that gives the command's answers; `UNKNOWN` where none does.
        decisions: the branches and roundings that decided the expected answer.
    """

    size: Size
    kind: Kind
    expected: Answer
    got: Answer
    reason: str
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class EngineOutcome:
    """What came of holding an engine against a tiler.

    Attributes:
        name: of the tiler.
        n_asked: sizes.
        found: where they part.
    """

    name: str
    n_asked: int
    found: Sequence[Disagreement]

    def text(self) -> str:
        """A report for people."""
        if not self.found:
            return f"{self.name}: all {self.n_asked} sizes agree"
        return told(self.found, self.n_asked, self.name)

    def json_lines(self) -> list[str]:
        """Each disagreement as a JSON object."""
        return [json.dumps(disagreement_record(one)) for one in self.found]


def check_engine(spec: str, command: Sequence[str], timeout_s: float) -> EngineOutcome:
    """Ask a command for the sizes of the kit, and hold its answers against a tiler's.

    Raises:
        UnknownNameError, ConfigError: there is no such tiler, or option of it.
        UsageError, CommandError: see `ask`.
    """
    tiler = load(spec)
    asked = kit.sizes(tiler)
    found = compare(tiler, asked, ask(command, asked, timeout_s), relatives_of(tiler))
    return EngineOutcome(spec, len(asked), found)


def expected(tiler: Tiler, sizes: Sequence[Size]) -> list[Answer]:
    """The tiler's own answers."""
    return [_answer(row) for row in kit.rows(tiler, _array(sizes)).tolist()]


def _array(sizes: Sequence[Size]) -> Ints:
    return np.array(sizes, np.int64).reshape(-1, 2)


def _answer(row: Sequence[int]) -> Answer:
    return Answer() if row[4] < 0 else Answer(Size(*row[:2]), Size(*row[2:4]), row[4])


def _row(answer: Answer) -> list[int]:
    if answer.grid is None or answer.resized is None or answer.tokens is None:
        return [-1] * 5
    return [*answer.grid, *answer.resized, answer.tokens]


def compare(
    tiler: Tiler,
    sizes: Sequence[Size],
    answers: Sequence[Answer],
    relatives: Iterable[Tiler] = (),
) -> list[Disagreement]:
    """Every disagreement, first by kind, then by reason, then by size.

    Args:
        tiler: what is expected.
        sizes, answers: what was asked and said, one each.
        relatives: other tilers for which the command may be mistaken, besides `tiler.rivals()`.
    """
    array, theirs = _array(sizes), np.array([_row(a) for a in answers], np.int64).reshape(-1, 5)
    ours = kit.rows(tiler, array)
    wrong = (ours != theirs).any(axis=1)
    reasons = _reasons(_hypotheses(tiler, relatives, array), theirs, wrong) if wrong.any() else {}
    found = [
        Disagreement(
            sizes[index],
            _kind(_answer(ours[index].tolist()), answers[index]),
            _answer(ours[index].tolist()),
            answers[index],
            reasons.get(index, UNKNOWN),
            _decisions(tiler, sizes[index]),
        )
        for index in map(int, np.flatnonzero(wrong))
    ]
    return sorted(found, key=lambda d: (KINDS.index(d.kind), d.reason, d.size.pixels, d.size))


def _kind(ours: Answer, theirs: Answer) -> Kind:
    if ours.refused != theirs.refused:
        return "refusal"
    if ours.grid != theirs.grid:
        return "grid"
    return "resized" if ours.resized != theirs.resized else "tokens"


def _decisions(tiler: Tiler, size: Size) -> tuple[Decision, ...]:
    try:
        return tiler.plan(size).decisions
    except ImageError as error:
        return (Decision("refuse", error.reason),)


def _hypotheses(tiler: Tiler, relatives: Iterable[Tiler], sizes: Ints) -> dict[str, Ints]:
    """What each variant answers, (n, 5), by what it does; the likelier first."""
    found = {name: kit.rows(rival, sizes) for name, rival in tiler.rivals().items()}
    found["height and width are read the other way round"] = kit.rows(tiler, sizes[:, ::-1])
    exchanged = kit.rows(tiler, sizes)[:, [1, 0, 3, 2, 4]]
    found["height and width are written the other way round"] = exchanged
    for other in relatives:
        found[f"answers of {other.name}"] = kit.rows(other, sizes)
    return found


def _reasons(
    hypotheses: Mapping[str, Ints], answers: Ints, wrong: NDArray[np.bool_]
) -> dict[int, str]:
    """For each wrong answer the variant that explains most of what the others leave.

    Between variants that explain as much, the one that contradicts fewest of all answers; those
    that no size tells apart are named together.
    """
    hits = {name: (rows == answers).all(axis=1) for name, rows in hypotheses.items()}
    left, reasons = wrong.copy(), dict[int, str]()
    while left.any():
        score = {name: (int((hit & left).sum()), int(hit.sum())) for name, hit in hits.items()}
        best = max(score.values())
        if best[0] == 0:
            break
        names = [name for name in hits if score[name] == best]
        first = hits[names[0]]
        same = [name for name in names if np.array_equal(hits[name], first)]
        reasons.update(dict.fromkeys(map(int, np.flatnonzero(first & left)), " or ".join(same)))
        left &= ~first
    return reasons


def told(found: Sequence[Disagreement], asked: int, name: str) -> str:
    """A report for people: each disagreement on a line, under its kind and its reason."""
    lines = [f"{name}: {len(found)} of {asked} sizes disagree (height x width)"]
    for kind in KINDS:
        of_kind = [d for d in found if d.kind == kind]
        for reason in dict.fromkeys(d.reason for d in of_kind):
            group = [d for d in of_kind if d.reason == reason]
            lines.append(f"\n{kind}, {len(group)} sizes: {reason}")
            lines += [f"  {_line(d)}" for d in group]
    return "\n".join(lines)


def _line(d: Disagreement) -> str:
    return f"{d.size}: expected {d.expected}; got {d.got}; decided by {_why(d.decisions)}"


def _why(decisions: Sequence[Decision]) -> str:
    return ", ".join(
        f"{d.step}: {d.branch}" + (f" [{d.rounding}]" if d.rounding else "") + _values(d)
        for d in decisions
    )


def _values(decision: Decision) -> str:
    if not decision.values:
        return ""
    return " (" + ", ".join(f"{name} {value:.9g}" for name, value in decision.values) + ")"


def disagreement_record(found: Disagreement) -> dict[str, object]:
    """A disagreement as JSON values."""
    return {
        "height": found.size.height,
        "width": found.size.width,
        "kind": found.kind,
        "reason": found.reason,
        "expected": _plain(found.expected),
        "got": _plain(found.got),
        "decisions": [[d.step, d.branch, d.rounding, dict(d.values)] for d in found.decisions],
    }


def _plain(answer: Answer) -> dict[str, object]:
    if answer.grid is None or answer.resized is None:
        return {"refused": True}
    return {
        "grid": list(answer.grid),
        "resized": list(answer.resized),
        "tokens": answer.tokens,
    }

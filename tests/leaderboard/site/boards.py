"""Boards to test with, from records that were never measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from anyres_bench.leaderboard.log import LogLine
from anyres_bench.leaderboard.site.entries import Board, BoardEntry
from anyres_bench.leaderboard.submission import Card
from anyres_bench.results import CostRecord
from tests.results.records import TASK, interval, model, result

CARD = Card("MIT", "own photographs", False)


def entry(
    name: str, value: float, task: str = TASK, width: float = 0.2, **changes: Any
) -> BoardEntry:
    """An entry whose interval is `width` wide; submitted unless `changes` say otherwise."""
    made = result(
        task=task,
        model=model(name),
        values={"frechet": value},
        intervals={"frechet": interval(value - width / 2, value + width / 2)},
        fake=None,
    )
    fields = {"tier": "submitted", "card": CARD, "folder": Path("submitted"), **changes}
    return BoardEntry(made, **fields)


def ours(name: str, value: float, task: str = TASK) -> BoardEntry:
    return entry(name, value, task, tier="re-rendered", card=None, folder=None)


def costing(one: BoardEntry, macs: int) -> BoardEntry:
    """The entry with a model that takes `macs` multiplications for 10 x 10 px."""
    cost = CostRecord((64, 64), (10, 10), macs, 7, 0.1, 1000.0, 1)
    return replace(one, result=replace(one.result, model=replace(one.result.model, cost=cost)))


def curve(
    names: tuple[str, ...] = ("a", "b"), sizes: tuple[int, ...] = (32, 64)
) -> list[BoardEntry]:
    """A curve of each model."""
    return [
        entry(name, 1.0 + number + size / 64, TASK.replace("anyres-full64", f"patch32-at{size}"))
        for number, name in enumerate(names)
        for size in sizes
    ]


def retraction(why: str = "wrong weights") -> LogLine:
    return LogLine("2026-02-01", "retracted", "1" * 64, "", "bad", why)


def board() -> Board:
    """Models, controls, a tie, a retraction, a curve."""
    return Board(
        (
            ours("real", 0.1),
            ours("constant", 9.0),
            costing(entry("good", 1.0), 1000),
            costing(entry("tied", 1.1), 100_000),
            entry("worse", 3.0, card=Card("unknown", "unknown")),
            entry("bad", 0.5, retracted=retraction()),
            *curve(),
        )
    )

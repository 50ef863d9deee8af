"""A reporter that keeps what it is told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from anyres_bench.core.reporting import Progress


class Recorder:
    """Keeps what it is told, in order: sums of updates are what bars would show."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def say(self, text: str) -> None:
        self.told.append(("say", text))

    def detail(self, text: str) -> None:
        self.told.append(("detail", text))

    @contextlib.contextmanager
    def progress(self, title: str, total: int | None, done: int, unit: str) -> Iterator[Progress]:
        self.told.append((title, total, done, unit))
        try:
            yield self
        finally:
            self.told.append("end")

    def update(self, n: int = 1) -> None:
        self.told.append(n)

    def expect(self, total: int) -> None:
        self.told.append(f"of {total}")

    def note(self, text: str) -> None:
        self.told.append(text)

    @property
    def said(self) -> list[str]:
        """The lines alone."""
        return [one[1] for one in self.told if isinstance(one, tuple) and one[0] == "say"]

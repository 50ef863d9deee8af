"""What people are told while something runs: lines and progress. The engine tells, others show.

As with logging, nobody hands a reporter down: the engine calls `say`, `detail` and `progress`, and
they reach the reporter of the surrounding `report_to`. Without one nothing is shown. No number
depends on it.

    with report_to(reporter):
        evaluate(plan)
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """How far something has come."""

    def update(self, n: int = 1) -> object:
        """`n` more are done."""

    def expect(self, total: int) -> object:
        """How many there are, where that is known only now."""

    def note(self, text: str) -> object:
        """What stands behind the numbers from now on."""


class Reporter(Protocol):
    """What shows lines and progress; text is shown as it is, so whoever shows it makes it inert."""

    def say(self, text: str) -> None:
        """What everyone should know."""

    def detail(self, text: str) -> None:
        """What only those want to know who ask for it."""

    def progress(
        self, title: str, total: int | None, done: int, unit: str
    ) -> AbstractContextManager[Progress]:
        """Show that `done` of `total` are done, until the block ends.

        Args:
            title: what is done.
            total: of the whole work; None where it is not known.
            done: before it began.
            unit: of the numbers, such as "img", or "B" for bytes.
        """


class _Silent:
    def say(self, text: str) -> None:
        """Nothing."""

    def detail(self, text: str) -> None:
        """Nothing."""

    def update(self, n: int = 1) -> None:
        """Nothing."""

    def expect(self, total: int) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def progress(self, title: str, total: int | None, done: int, unit: str) -> Iterator[Progress]:
        """Nothing."""
        yield self


SILENT: Reporter = _Silent()
_reporter: ContextVar[Reporter] = ContextVar("reporter", default=SILENT)


@contextlib.contextmanager
def report_to(reporter: Reporter) -> Iterator[None]:
    """What is told within the block, on this thread, goes to `reporter`."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def say(text: str) -> None:
    """Tell what everyone should know."""
    _reporter.get().say(text)


def detail(text: str) -> None:
    """Tell what only those want to know who ask for it."""
    _reporter.get().detail(text)


def progress(
    title: str, total: int | None, *, done: int = 0, unit: str = "img"
) -> AbstractContextManager[Progress]:
    """Tell how far something has come; see `Reporter.progress`.

    >>> with progress("decoding", 3) as bar:
    ...     bar.update()
    """
    return _reporter.get().progress(title, total, done, unit)


def tracked(items: Collection[T], title: str, unit: str = "img") -> Iterator[T]:
    """The items one by one; each counts as done when the next is asked for.

    >>> list(tracked("ab", "reading"))
    ['a', 'b']
    """
    with progress(title, len(items), unit=unit) as bar:
        for item in items:
            yield item
            bar.update()

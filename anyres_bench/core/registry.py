"""One registry for everything that has a name: a table of names to "module:attribute".

Nothing is imported until it is asked for, so `--help` stays fast and an optional dependency that
is missing hurts only those who use it.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.quoting import terminal

_MOST_COMPARED = 2000
_LONGEST_SHOWN = 200


def shown(name: str) -> str:
    """A name for a line of a message, of which it makes no other; the rest of a long one left out.

    >>> shown("a\\nb"), len(shown("c" * 1000))
    ('a\\\\nb', 203)
    """
    return terminal(name[:_LONGEST_SHOWN]) + "..." * (len(name) > _LONGEST_SHOWN)


def nearest(name: str, known: Iterable[str], n: int = 3) -> str:
    """The end of an error message: the nearest known names, or all of them when they are few.

    Names may be those of a stranger's file: of very many or long ones only so much is looked at.
    """
    names = [shown(other) for other in sorted(known)[:_MOST_COMPARED]]
    small = {other.lower(): other for other in names}
    sought = shown(name).lower()
    close = [small[one] for one in difflib.get_close_matches(sought, small, n, cutoff=0.5)]
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known: {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}"


def read_place(place: str) -> Any:
    """The object at "module:attribute"."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)


class Registry:
    """Names and the places where their objects live.

    Args:
        kind: what is registered, in the singular, for messages ("metric").
        table: name -> "module:attribute".
        entry_points: entry-point group through which other packages add names; a name that is
            already taken is an error, never a silent replacement.
        hints: what people call things elsewhere, in small letters -> what to write here instead.
    """

    def __init__(
        self,
        kind: str,
        table: Mapping[str, str],
        entry_points: str | None = None,
        hints: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.kind = kind
        self.hints = dict(hints)
        self._table = dict(table)
        self._group = entry_points
        self._outside_read = entry_points is None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names()))

    def __contains__(self, name: object) -> bool:
        return name in self._names()

    def get(self, name: str) -> Any:
        """The object registered as `name`.

        Raises:
            UnknownNameError: no such name; the message suggests the nearest.
        """
        names = self._names()
        if name not in names:
            advice = self.hints.get(name.lower()) or nearest(name, names)
            raise UnknownNameError(f"unknown {self.kind} {name!r}; {advice}")
        return read_place(names[name])

    def _names(self) -> dict[str, str]:
        if not self._outside_read and self._group is not None:
            from importlib.metadata import entry_points  # takes a while to load

            for entry in entry_points(group=self._group):
                if self._table.get(entry.name, entry.value) != entry.value:
                    raise UsageError(
                        f"{self.kind} {entry.name!r} is registered twice: as "
                        f"{self._table[entry.name]} and as {entry.value}; uninstall or rename one"
                    )
                self._table[entry.name] = entry.value
            self._outside_read = True
        return self._table

"""How sizes, shapes and sharpness spread over a dataset, as numbers and as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from anyres_bench.core.quoting import terminal
from anyres_bench.data.records import ImageRecord

_BAR = 40  # characters of the longest bar


@dataclass(frozen=True)
class Histogram:
    """Counts by bin.

    Attributes:
        title: what is counted, with its unit.
        edges: ascending, one more than bins; the first bin begins at 0, the last may end nowhere.
        counts: images with edges[i] <= value < edges[i + 1].
    """

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]

    def rows(self) -> list[tuple[str, int]]:
        """(bin, count) from the first to the last bin that holds something."""
        filled = [i for i, n in enumerate(self.counts) if n]
        if not filled:
            return []
        span = range(filled[0], filled[-1] + 1)
        return [(_label(self.edges[i], self.edges[i + 1]), self.counts[i]) for i in span]

    def text(self) -> str:
        """A title, and a bar of characters for each bin."""
        rows = self.rows()
        most = max((n for _, n in rows), default=1)
        lines = [f"{label:>13} {n:8} {'#' * round(_BAR * n / most)}".rstrip() for label, n in rows]
        return "\n".join([self.title, *lines])


_HALF_OCTAVES = tuple(float(round(2 ** (k / 2))) for k in range(6, 29))
_SPREADS: tuple[tuple[str, tuple[float, ...], Callable[[ImageRecord], float | None]], ...] = (
    ("shorter side in pixels", (0, *_HALF_OCTAVES, np.inf), lambda r: float(r.size.shorter)),
    (
        "width over height",
        (0, 0.5, 0.67, 0.8, 0.95, 1.05, 1.25, 1.5, 2, np.inf),
        lambda r: r.aspect,
    ),
    (
        "megapixels",
        (0, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, np.inf),
        lambda r: r.megapixels,
    ),
    (
        "effective resolution (1 = full)",
        (0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, np.inf),
        lambda r: r.effective_resolution,
    ),
)


def histograms(records: Iterable[ImageRecord]) -> list[Histogram]:
    """The spread of shorter side, aspect, megapixels and, where measured, effective resolution."""
    known = list(records)
    spreads = []
    for title, edges, value_of in _SPREADS:
        values = [value for record in known if (value := value_of(record)) is not None]
        if values:
            counts = np.histogram(values, np.asarray(edges))[0]
            spreads.append(Histogram(title, edges, tuple(int(n) for n in counts)))
    return spreads


def table(title: str, rows: Sequence[tuple[str, int]]) -> str:
    """A title and aligned counts of words."""
    return "\n".join([title, *(f"{n:8}  {terminal(word)}" for word, n in rows)])


def _label(low: float, high: float) -> str:
    return f"{low:g} and more" if np.isinf(high) else f"{low:g} to {high:g}"

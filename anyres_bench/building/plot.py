"""The spread of a dataset as one picture: sizes, shapes, nominal against effective resolution."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anyres_bench.building.histograms import Histogram, histograms
from anyres_bench.core.errors import UsageError
from anyres_bench.core.seals import check_ours, sealed_write
from anyres_bench.data.records import ImageRecord

_INK, _PALE = "#22577a", "#9aa5b1"
_FORMATS = ("png", "pdf", "svg")


def plot(records: Sequence[ImageRecord], path: Path) -> None:
    """Write the picture.

    Args:
        records: of the dataset.
        path: ends in .png, .pdf or .svg.

    Raises:
        UsageError: it ends in something else, or there is a file that `inspect` has not written.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise UsageError(f"cannot draw {path}; give a name that ends in .{', .'.join(_FORMATS)}")
    check_ours(path, "inspect")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for panel, histogram in zip(panels, histograms(records)[:3], strict=False):
        _bars(panel, histogram)
    _nominal_against_effective(panels[3], records)
    with sealed_write(path, "inspect") as file:
        # Without a date in it the same dataset gives the same file.
        figure.savefig(file, format=kind, dpi=110, metadata={_date_key(kind): None})


def _bars(panel: Any, histogram: Histogram) -> None:
    rows = histogram.rows()
    panel.bar(range(len(rows)), [n for _, n in rows], color=_INK)
    labels = [label.replace(" to ", "–").replace(" and more", "+") for label, _ in rows]
    panel.set_xticks(range(len(rows)), labels, rotation=35, ha="right", fontsize=8)
    panel.set_title(histogram.title, fontsize=10, loc="left")
    panel.set_ylabel("images")
    panel.spines[["top", "right"]].set_visible(False)


def _nominal_against_effective(panel: Any, records: Sequence[ImageRecord]) -> None:
    """A point an image; what was enlarged lies below the diagonal."""
    panel.set_title("nominal against effective shorter side", fontsize=10, loc="left")
    known = [r for r in records if r.effective_resolution is not None]
    if not known:
        panel.text(0.5, 0.5, "not measured", ha="center", va="center", color=_PALE)
        panel.set_axis_off()
        return
    nominal = np.asarray([r.size.shorter for r in known], float)
    effective = nominal * np.asarray([r.effective_resolution for r in known], float)
    ends = (effective.min() / 1.3, nominal.max() * 1.3)
    panel.plot(ends, ends, color=_PALE, linewidth=1)
    panel.scatter(nominal, effective, s=9, alpha=0.5, color=_INK, linewidths=0)
    panel.set_xscale("log", base=2)
    panel.set_yscale("log", base=2)
    panel.set(xlim=ends, ylim=ends)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter("{x:.0f}")
    panel.set_xlabel("shorter side in pixels")
    panel.set_ylabel("that side times effective resolution")
    panel.spines[["top", "right"]].set_visible(False)


def _date_key(kind: str) -> str:
    return {"png": "Software", "pdf": "CreationDate", "svg": "Date"}[kind]

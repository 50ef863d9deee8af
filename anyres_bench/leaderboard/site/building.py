"""A site written as one folder: pages, tables, plots, pictures and the scripts that it needs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import replaced_folder, sha256_file
from anyres_bench.core.reporting import progress
from anyres_bench.evaluation.curves import Curve, curves_of, scope_of
from anyres_bench.evaluation.plots import colours_of
from anyres_bench.leaderboard.log import TABLE_HEAD
from anyres_bench.leaderboard.site.differences import pairing_of
from anyres_bench.leaderboard.site.drawings import curve_svg, plane_svg
from anyres_bench.leaderboard.site.entries import Board
from anyres_bench.leaderboard.site.exports import EXPORTS, dumps
from anyres_bench.leaderboard.site.pages import SiteContent, pages
from anyres_bench.leaderboard.site.payload import model_values, payload
from anyres_bench.leaderboard.site.pictures import picture_rows
from anyres_bench.leaderboard.site.planes import consistency_planes, cost_planes
from anyres_bench.leaderboard.site.standing import BoardTable, board_tables
from anyres_bench.results.claims import claim_table, published_claims

LISTING: Final = "site.json"  # the digest of every other file, by which a site is known as ours
_SCRIPTS: Final = ("board.js", "charts.js", "pictures.js", "site.css")
_VENDOR: Final = (
    "uPlot.iife.min.js",
    "uPlot.min.css",
    "uPlot-LICENSE.txt",
    "img-comparison-slider.js",
    "img-comparison-slider.css",
    "img-comparison-slider-LICENSE.txt",
)


@dataclass(frozen=True)
class BuiltSite:
    """What came of it."""

    n_tables: int
    n_models: int
    n_files: int


def build_site(board: Board, out: Path, title: str) -> BuiltSite:
    """Write the site; a site that this wrote earlier, and nobody changed, is replaced.

    Raises:
        UsageError: there is something else at `out`.
        OSError: it cannot be written.
    """
    out = Path(os.path.abspath(out))  # a name of its own, also where it is "."
    check_replaceable(out)
    tables = board_tables(board.entries, pairing_of(board.entries))
    with replaced_folder(out) as folder:
        _write_all(board, tables, folder, title)
        listing = {name: sha256_file(folder / name) for name in _names(folder)}
        _write(folder / LISTING, json.dumps({"by": _BY, "files": listing}, indent=1))
        check_replaceable(out)  # building takes long
    n_models = len({entry.result.model.id for entry in board.entries})
    return BuiltSite(len(tables), n_models, len(listing) + 1)


_BY: Final = "anyres-bench leaderboard build"


def check_replaceable(out: Path) -> None:
    """Refuse to replace what is not, file by file, a site that was built here.

    Raises:
        UsageError: there is something else.
    """
    if os.path.lexists(out) and not _is_ours(out):
        raise UsageError(
            f"{out} is there already and is not as `leaderboard build` wrote it; nothing was "
            "replaced: move it away, or write to another place"
        )


def _is_ours(out: Path) -> bool:
    if out.is_symlink() or not out.is_dir():
        return False
    if not any(out.iterdir()):
        return True
    try:
        listing = json.loads((out / LISTING).read_text(encoding="utf-8"))
        files = listing["files"]
        fits = listing["by"] == _BY and sorted(files) == sorted(set(_names(out)) - {LISTING})
        return fits and all(sha256_file(out / name) == files[name] for name in files)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _names(folder: Path) -> list[str]:
    """Paths of all files below, "/" between parts."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def _write_all(board: Board, tables: Sequence[BoardTable], folder: Path, title: str) -> None:
    colours = colours_of(entry.result.model.id for entry in board.entries)
    models = model_values(board.entries, colours)
    curves = dict(_curves(tables, folder, colours))
    planes = {"consistency": consistency_planes(tables), "cost": cost_planes(tables)}
    drawn = {}
    for kind, of in planes.items():
        drawn[kind] = [(plane, f"plots/{kind}-{plane.slug}.svg") for plane in of]
        for plane, name in drawn[kind]:
            _write(folder / name, plane_svg(plane, colours))
    pictures = list(picture_rows(board.entries))
    for row in pictures:
        _write(folder / "pictures" / row.name, row.png)
    with progress("tables", len(tables), unit="table") as bar:
        for table in tables:
            for suffix, export in EXPORTS.items():
                _write(folder / "tables" / f"{table.slug}{suffix}", export(table))
            bar.update()
    site = SiteContent(title, board, tables, models, colours, curves, drawn, bool(pictures))
    for name, text in pages(site).items():
        _write(folder / name, text)
    data = dumps(payload(tables, models, planes, pictures))
    _write(folder / "assets" / "data.js", f"window.BOARD = {data};\n")
    _write(folder / "claims.csv", claim_table(published_claims(), as_csv=True) + "\n")
    _write(folder / "log.csv", TABLE_HEAD + "".join(line.csv() for line in board.log))
    _assets(folder / "assets")


def _curves(
    tables: Sequence[BoardTable], folder: Path, colours: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Slug of a table that is a point of a curve -> the file of the curve's plot."""
    standing = [p.entry.result for t in tables for p in t.placed if p.entry.retracted is None]
    drawn: dict[tuple[str, str, int], str] = {}
    by_place: dict[tuple[str, str, int], Curve] = {}
    for images, seed in dict.fromkeys((r.dataset.digest, r.seed) for r in standing):
        of = [r for r in standing if (r.dataset.digest, r.seed) == (images, seed)]
        for curve in curves_of(of):
            by_place.setdefault((curve.scope, images, seed), curve)
    for table in tables:
        first = table.first
        key = (scope_of(table.task), first.dataset.digest, first.seed)
        found = by_place.get(key)
        if found is None or len(found.sizes) < 2:
            continue
        if key not in drawn:
            drawn[key] = f"plots/curve-{table.slug}.svg"
            order = [placed.entry.result.model.id for placed in table.placed]
            _write(folder / drawn[key], curve_svg(found, order, colours))
        yield table.slug, drawn[key]


def _assets(folder: Path) -> None:
    own = resources.files("anyres_bench.leaderboard.site")
    shared = resources.files("anyres_bench.evaluation") / "templates" / "page.css"
    _write(folder / "page.css", shared.read_bytes())
    for name in _SCRIPTS:
        _write(folder / name, (own / "assets" / name).read_bytes())
    for name in _VENDOR:
        _write(folder / name, (own / "vendor" / name).read_bytes())

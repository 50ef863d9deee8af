"""`anyres-bench inspect DATASET`: what a dataset holds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from anyres_bench.building.histograms import histograms, table
from anyres_bench.building.tables import REJECTS_NAME, reject_reasons
from anyres_bench.core.errors import DatasetError
from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord

_LOW = 0.7  # of Nyquist: an image with less was enlarged, or is soft


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DATASET")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it: a PNG.")
@click.option("--verify", is_flag=True, help="Read every file and compare its digest.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def command(folder: Path, plot: Path | None, verify: bool, as_json: bool) -> None:
    """Show what DATASET holds: counts, sizes, shapes, licences, and what was left out.

    \b
    Example:
      anyres-bench inspect data/scenes --plot scenes.png
    """
    dataset = Dataset.read(folder)
    if verify:
        _verify(dataset)
    if as_json:
        click.echo(json.dumps(_numbers(dataset), indent=2, sort_keys=True))
    else:
        _show(dataset)
    if plot:
        from anyres_bench.building.plot import plot as draw

        draw(list(dataset.manifest), plot)
        click.echo(f"drawn: {plot}", err=True)


def _numbers(dataset: Dataset) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "recipe_id": dataset.recipe_id,
        "digest": dataset.digest,
        "images": len(dataset.manifest),
        **{title: dict(_counts(dataset, value)) for title, value in _COLUMNS.items()},
        "groups": len({record.group or record.sha256 for record in dataset.manifest}),
        "rejects": reject_reasons(dataset.folder / REJECTS_NAME),
        "histograms": {h.title: h.rows() for h in histograms(dataset.manifest)},
    }


def _show(dataset: Dataset) -> None:
    sizes = [record.size for record in dataset.manifest]
    click.echo(f"{dataset.id}: {len(sizes)} images in {dataset.folder}")
    click.echo(f"recipe {dataset.recipe_id}\ndigest {dataset.digest}")
    smallest, largest = min(sizes, key=lambda s: s.pixels), max(sizes, key=lambda s: s.pixels)
    click.echo(f"from {smallest} to {largest} pixels (height x width)")
    for title, value in _COLUMNS.items():
        click.echo("\n" + table(title, _counts(dataset, value)))
    for histogram in histograms(dataset.manifest):
        click.echo("\n" + histogram.text())
    click.echo("\n" + _sharpness(dataset))
    rejects = reject_reasons(dataset.folder / REJECTS_NAME)
    click.echo("\n" + table("left out", list(rejects.items()) or [("nothing", 0)]))


def _sharpness(dataset: Dataset) -> str:
    """Nominal against effective resolution, one row an octave of the shorter side."""
    known = [r for r in dataset.manifest if r.effective_resolution is not None]
    if not known:
        return "effective resolution was not measured (collect with --measure full)"
    octaves: dict[int, list[float]] = {}
    for record in known:
        octave = 1 << (record.size.shorter.bit_length() - 1)
        octaves.setdefault(octave, []).append(record.effective_resolution or 0.0)
    lines = [f"nominal against effective resolution; low means less than {_LOW:g} of Nyquist"]
    for octave, values in sorted(octaves.items()):
        ordered = sorted(values)
        low = sum(value < _LOW for value in values) / len(values)
        lines.append(
            f"{octave:>6} to {2 * octave:<6} {len(values):8} images   "
            f"median {ordered[len(ordered) // 2]:.2f}   low {low:6.1%}"
        )
    return "\n".join(lines)


_COLUMNS: dict[str, Callable[[ImageRecord], str]] = {
    "roles": lambda record: record.role,
    "sources": lambda record: record.source,
    "licences": lambda record: record.licence_id,
    "formats": lambda record: record.format,
    "splits": lambda record: record.split or "none",
}


def _counts(dataset: Dataset, value: Callable[[ImageRecord], str]) -> list[tuple[str, int]]:
    counts = Counter(value(record) for record in dataset.manifest)
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _verify(dataset: Dataset) -> None:
    """Raises DatasetError when a file is not the one that was collected."""
    from tqdm import tqdm

    bar = tqdm(dataset.manifest, unit="img", desc="verifying", disable=None)
    wrong = list(_wrong(dataset, bar))
    if wrong:
        raise DatasetError(
            f"{len(wrong)} of {len(dataset.manifest)} files are missing or changed, such as "
            f"{wrong[0]}; restore them, or collect the dataset again"
        )
    click.echo(f"all {len(dataset.manifest)} files are as collected", err=True)


def _wrong(dataset: Dataset, records: Any) -> Iterator[str]:
    for record in records:
        path = dataset.path(record)
        if not path.is_file() or sha256_file(path) != record.sha256:
            yield record.file_name

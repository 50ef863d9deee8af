"""The published table as a plan: what is here, what is missing and where it is, what it takes.

Nothing is fetched, read or rendered but the heads of datasets that are named; it takes seconds on a
machine that has none of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.queries import PAPER_N
from anyres_bench.features.weights import WEIGHTS
from anyres_bench.fetching.weights import WeightFile
from anyres_bench.leaderboard.machine import probed_on
from anyres_bench.leaderboard.paper import (
    PAPER_WEIGHTS,
    PaperCell,
    PaperImages,
    paper_cells,
    paper_table,
)
from anyres_bench.models.families import published_weights

Kind = Literal["dataset", "checkpoint", "extractor"]
_HOUR = 3600


@dataclass(frozen=True)
class Need:
    """Something that a cell needs.

    Attributes:
        kind, name: what.
        here: whether it is on this machine.
        where: its place here, or where it is to be put.
        n_bytes: of what is to be fetched; None is unknown.
        licence: of it.
        address: where it is; empty where that is not known.
        state: of the address: known, by hand, gone or not known.
        commands: that make it, once its files are there.
        note: what else to know.
    """

    kind: Kind
    name: str
    here: bool
    where: str
    n_bytes: int | None
    licence: str
    address: str
    state: str
    commands: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class PlannedCell:
    """A cell and what it takes.

    Attributes:
        cell: of the table.
        missing: names of what is not here.
        hours: of the device, or of one thread of the processor, once everything is here; None where
            nobody has measured it.
        command: that measures it.
        note: what is not known of it.
    """

    cell: PaperCell
    missing: tuple[str, ...]
    hours: float | None
    command: str
    note: str


@dataclass(frozen=True)
class TablePlan:
    """The whole table.

    Attributes:
        cells: in the table's order.
        needs: everything that some cell needs, each once.
        reading: hours for the reference of a dataset under a protocol, which models share.
        speed: seconds of the probe here over those where costs were measured; below 1 is faster.
        device: in words.
        probed_on: what the speed was measured by.
    """

    cells: tuple[PlannedCell, ...]
    needs: tuple[Need, ...]
    reading: Mapping[str, float]
    speed: float
    device: str
    probed_on: str

    @property
    def hours(self) -> float:
        """Of everything whose cost is known."""
        return sum(self.reading.values()) + sum(one.hours or 0.0 for one in self.cells)


def plan_paper(
    datasets: Mapping[str, Path], device: str, probe: Callable[[str], float], data: str = "data"
) -> TablePlan:
    """Plan the published table.

    Args:
        datasets: key -> folder of those that are here.
        device: that models and extractors would run on.
        probe: seconds of the fixed piece of work on a device.
        data: folder that commands name where a dataset is not here.

    Raises:
        UnknownNameError: the paper has no such dataset.
        DatasetError: a folder that is named is no dataset.
    """
    table = paper_table()
    for name in datasets:
        if name not in table.datasets:
            raise UnknownNameError(f"no dataset {name!r}; {nearest(name, table.datasets)}")
    found = {name: Dataset.read(folder) for name, folder in datasets.items()}
    folders = {
        name: str(datasets[name]) if name in datasets else f"{data}/{name}"
        for name in table.datasets
    }
    speed = probe(device) / table.costs.probe
    needs = _needs(found, folders)
    cells = [_planned(cell, needs, folders, speed) for cell in paper_cells()]
    return TablePlan(
        cells=tuple(cells),
        needs=tuple(needs.values()),
        reading=_reading(speed),
        speed=speed,
        device=device,
        probed_on=probed_on(device),
    )


def _needs(found: Mapping[str, Dataset], folders: Mapping[str, str]) -> dict[str, Need]:
    table = paper_table()
    needs = {
        name: _images(name, images, name in found, folders[name])
        for name, images in table.datasets.items()
    }
    files = published_weights()
    wanted = [name for model in table.models for name in model.weights]
    needs |= {name: _weights("checkpoint", files[name]) for name in dict.fromkeys(wanted)}
    extractors = (PAPER_WEIGHTS, *table.detectability.weights)
    return needs | {name: _weights("extractor", WEIGHTS[name]) for name in extractors}


def _images(name: str, images: PaperImages, here: bool, folder: str) -> Need:
    return Need(
        kind="dataset",
        name=name,
        here=here,
        where=folder,
        n_bytes=images.n_bytes or None,
        licence=images.licence,
        address=images.address,
        state="known" if images.address else "not known",
        commands=images.commands,
        note=f"{images.reference}; {images.note}",
    )


def _weights(kind: Kind, weights: WeightFile) -> Need:
    addresses = (weights.url, *weights.pages) if weights.url else weights.pages
    state = "gone" if weights.gone else "known" if weights.url else "by hand"
    accept = "; needs --accept-licence" if weights.non_commercial else ""
    fetched = "; `evaluate` fetches it" if state == "known" else ""
    return Need(
        kind=kind,
        name=weights.name,
        here=weights.path.is_file(),
        where=str(weights.path),
        n_bytes=weights.n_bytes,
        licence=weights.licence + accept,
        address=addresses[0] if addresses else "",
        state=state + fetched,
        commands=(),
        note=weights.note,
    )


def _planned(
    cell: PaperCell, needs: Mapping[str, Need], folders: Mapping[str, str], speed: float
) -> PlannedCell:
    table, model, task = paper_table(), cell.model, cell.task
    if model is None or task is None:
        row = table.detectability
        missing = [name for name in row.weights if not needs[name].here]
        return PlannedCell(cell, tuple(missing), None, "", row.note)
    used = (cell.dataset, *model.weights, PAPER_WEIGHTS)
    each = model.seconds.get(task.protocol)
    hours = None
    if each is not None:
        hours = task.n * (each + table.costs.extractor) * speed / _HOUR
    options = [w for name, value in model.options.items() for w in ("--option", f"{name}={value}")]
    command = shlex.join(
        [
            *("anyres-bench", "evaluate", model.spec, *options),
            *("--dataset", folders[cell.dataset]),
            *("--suite", _suite(task.protocol), "--accept-licence"),
        ]
    )
    missing = [name for name in used if not needs[name].here]
    return PlannedCell(cell, tuple(missing), hours, command, model.note)


def _suite(protocol: str) -> str:
    """The paper's name of a protocol.

    >>> _suite("anyres-full256")
    'fid-full256'
    """
    return protocol.replace("anyres-", "fid-", 1)


def _reading(speed: float) -> dict[str, float]:
    """Hours of each reference under each protocol; without those of unknown size."""
    table, found = paper_table(), dict[str, float]()
    for cell in paper_cells():
        if cell.task is None:
            continue
        images, protocol = table.datasets[cell.dataset], protocol_from(cell.task.protocol)
        mirrored = 2 if protocol.mirrored else 1
        n = mirrored * images.n_images if protocol.whole else PAPER_N
        seconds = n * (images.megapixels * table.costs.megapixel + table.costs.extractor)
        if n:
            found[f"{cell.dataset}/{cell.task.protocol}"] = seconds * speed / _HOUR
    return found


def ready(plan: TablePlan) -> list[PlannedCell]:
    """The cells that can be measured now."""
    return [one for one in plan.cells if one.cell.task is not None and not one.missing]


def missing(plan: TablePlan) -> Iterator[Need]:
    """What is not here, in the table's order."""
    return (need for need in plan.needs if not need.here)


def columns(cells: Iterable[PaperCell]) -> list[tuple[str, str]]:
    """(dataset, title) of every column, in the order of the cells."""
    return list(dict.fromkeys((cell.dataset, cell.title) for cell in cells))

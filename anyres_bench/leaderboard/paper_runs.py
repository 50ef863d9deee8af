"""Cells of the published table measured, each beside the published number."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from anyres_bench.core.reporting import say
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.leaderboard.paper import PaperCell, PaperModel
from anyres_bench.results import Result


@dataclass(frozen=True)
class MeasuredCell:
    """A published number and the one that was measured here.

    Attributes:
        cell: of the table.
        result: what was measured; None where that failed.
        why: it failed; or why the two numbers are not of one task.
    """

    cell: PaperCell
    result: Result | None
    why: str

    @property
    def name(self) -> str:
        """Of the value that ranks."""
        return next(iter(self.result.higher_is_better)) if self.result else ""


def sample_cells(cells: Sequence[PaperCell], fraction: float, seed: int) -> list[PaperCell]:
    """A seeded part of the cells, one at least where there is any, in their order."""
    n = min(len(cells), max(1, math.ceil(fraction * len(cells))))
    drawn = stream(seed, "reproduce").choice(len(cells), n)
    return [cells[int(i)] for i in sorted(drawn)]


def measure_cells(
    cells: Iterable[PaperCell],
    folders: Mapping[str, Path],
    request: Request,
    how: EvaluationOptions,
) -> Iterator[MeasuredCell]:
    """Measure cells whose parts are here, model by model; what is there already is kept.

    Args:
        cells: with a model and a task.
        folders: dataset -> its folder.
        request: device and accepted licences; its tasks are those of the cells.
        how: folder of the records, and the like.

    Raises:
        UsageError, DataError, ModelError: a model cannot be measured.
    """
    groups: dict[tuple[str, str], tuple[PaperModel, list[PaperCell]]] = {}
    for cell in cells:
        assert cell.model is not None
        key = (cell.model.spec, cell.dataset)
        groups.setdefault(key, (cell.model, []))[1].append(cell)
    for (spec, name), (model, group) in groups.items():
        dataset = Dataset.read(folders[name])
        tasks = {_task(cell, dataset): cell for cell in group}
        say(f"{spec} on {dataset.id}: {len(tasks)} tasks")
        asked, options = replace(request, wanted=tuple(tasks)), model.options
        outcome = run_request(spec, dataset, asked, options, how)
        results = {result.task: result for result in outcome.results}
        for task, cell in tasks.items():
            result, why = results.get(task), outcome.failures.get(task, "")
            if result is not None and cell.task is not None and task != cell.task.id:
                why = f"the dataset here is {dataset.id}, the published number is of {name}"
            yield MeasuredCell(cell, result, why)


def _task(cell: PaperCell, dataset: Dataset) -> str:
    assert cell.task is not None
    return replace(cell.task, dataset=dataset.id).id


def measured_text(found: Sequence[MeasuredCell]) -> str:
    """A line a cell: published, measured, the interval, whether the published one lies in it."""
    return "\n".join(map(_line, found))


def _line(one: MeasuredCell) -> str:
    cell, result = one.cell, one.result
    head = f"{cell.system}, {cell.dataset}, {cell.title}: published {cell.value}"
    if result is None:
        return f"{head}, not measured: {one.why}"
    value, interval = result.values[one.name], result.intervals.get(one.name)
    said = f"{head}, measured {value:.4g}"
    if interval is not None:
        said += f" [{interval.low:.4g}, {interval.high:.4g}]"
    if one.why:
        return f"{said}; not to be compared: {one.why}"
    if cell.claim is None:
        return said
    said += f", difference {value - cell.claim.value:+.4g}"
    if interval is None:
        return said
    inside = interval.low <= cell.claim.value <= interval.high
    return f"{said}; the published number lies {'in' if inside else 'outside'} the interval"

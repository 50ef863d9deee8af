"""Tasks: a number's full name, which never changes its meaning.

    photos:half / anyres-patch256-min256max0 / frechet-ddof1 / builtin / n1000 @1
    dataset       protocol                     metric          extractor  fakes  version

`photos` alone takes every image as reference, as papers do. `photos:half` takes one half of every
source (groups undivided, split seed 0) and leaves the other to `real` and `resample`, so that the
ceiling and the floors are numbers of the same task as the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

from anyres_bench.core.errors import IncomparableError, UnknownNameError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.splits import HALF, halves
from anyres_bench.data.views import EXAMPLES, Protocol, protocol_from
from anyres_bench.metrics.metric import metric_from

VERSION = 1
PAPER_METRIC = "frechet-ddof0"
PAPER_EXTRACTOR = "inception-v3+torchscript+legacy_tensorflow"  # NVIDIA's file and its resize
PAPER_N = 50_000


@dataclass(frozen=True)
class Task:
    """What one number measures, complete; `id` stands beside the number.

    Attributes:
        dataset: the dataset's id, with ":half" where half of it is the reference.
        protocol, metric, extractor: ids.
        n: number of fakes.
        version: raised when what the id stands for had to be mended.
    """

    dataset: str
    protocol: str
    metric: str
    extractor: str
    n: int
    version: int = VERSION

    @property
    def id(self) -> str:
        """All of it in one line."""
        parts = (self.dataset, self.protocol, self.metric, self.extractor)
        return f"{'/'.join(parts)}/n{self.n}@{self.version}"

    def __str__(self) -> str:
        return self.id

    @classmethod
    def parse(cls, text: str) -> Task:
        """Read a complete id.

        Raises:
            UsageError: it is not complete.
            UnknownNameError: no such protocol or metric.
        """
        query = TaskQuery.parse(text)
        parts = (query.dataset, query.extractor, query.n)
        if None in parts:
            raise UsageError(
                f"{text!r} is no complete task id: DATASET/PROTOCOL/METRIC/EXTRACTOR/nN"
            )
        return query.complete(dataset="", extractor="", n=0)


@dataclass(frozen=True)
class TaskQuery:
    """A task of which some parts are still open; None is open.

    Attributes:
        default_extractor, default_n: what the name itself proposes for the open parts.
    """

    protocol: str
    metric: str
    dataset: str | None = None
    extractor: str | None = None
    n: int | None = None
    default_extractor: str | None = None
    default_n: int | None = None

    @classmethod
    def parse(cls, text: str) -> TaskQuery:
        """Read `[DATASET/]PROTOCOL/METRIC[/EXTRACTOR][/nN[@1]]`, or a paper's `fid-...`.

        Raises:
            UsageError: the text has another form, or another version.
            UnknownNameError: no such protocol or metric; the nearest is suggested.
        """
        *parts, last = text.split("/")
        number = re.fullmatch(r"n([1-9]\d*)(?:@(\d+))?", last)
        parts = parts if number else [*parts, last]
        if number and number[2] not in (None, str(VERSION)):
            raise UsageError(f"{text}: version {number[2]} is not known, this is version {VERSION}")
        n = int(number[1]) if number else None
        if len(parts) == 1 and parts[0].startswith("fid-"):
            protocol = protocol_from(parts[0]).id
            metric = metric_from(PAPER_METRIC).id
            return cls(protocol, metric, None, None, n, PAPER_EXTRACTOR, PAPER_N)
        dataset = None if _is_protocol(parts[0]) or len(parts) < 3 else parts.pop(0)
        if not 2 <= len(parts) <= 3:
            raise _unreadable(text)
        protocol, metric = protocol_from(parts[0]).id, metric_from(parts[1]).id
        return cls(protocol, metric, dataset, parts[2] if len(parts) == 3 else None, n)

    def complete(self, dataset: str, extractor: str, n: int) -> Task:
        """The task, its open parts filled."""
        return Task(
            dataset=self.dataset or dataset,
            protocol=self.protocol,
            metric=self.metric,
            extractor=self.extractor or extractor,
            n=self.n or n,
        )


def _is_protocol(text: str) -> bool:
    try:
        protocol_from(text)
    except UnknownNameError:
        return False
    return True


def _unreadable(text: str) -> UsageError:
    hint = nearest(text.split("/")[0], [*EXAMPLES, "fid-full256", "fid-patch256-min256max0"])
    return UnknownNameError(
        f"unknown task {text!r}; a task is PROTOCOL/METRIC, such as anyres-full256/frechet, or a "
        f"paper's name, such as fid-full256; {hint}"
    )


def differences(a: Task, b: Task) -> list[str]:
    """What sets two tasks apart, part by part; empty where they are one."""
    parts = [field.name for field in fields(Task)]
    return [
        f"{part}: {getattr(a, part)} and {getattr(b, part)}"
        for part in parts
        if getattr(a, part) != getattr(b, part)
    ]


def require_one_task(tasks: Iterable[Task]) -> Task:
    """The one task that all of `tasks` are.

    Raises:
        IncomparableError: they are not one; the message names every difference.
    """
    first, *others = tasks
    for other in others:
        if apart := differences(first, other):
            raise IncomparableError(
                f"numbers of different tasks cannot be compared; they differ in "
                f"{'; '.join(apart)}: evaluate both models on one task"
            )
    return first


def reference_and_held_out(
    dataset: Dataset, part: str, protocol: Protocol
) -> tuple[Dataset, Dataset | None]:
    """The images that a protocol takes as reference, and those that it leaves out.

    Args:
        dataset: what is at hand.
        part: the dataset part of a task's id.
        protocol: says which role it looks at.

    Raises:
        UsageError: `part` is not of this dataset.
    """
    name, _, half = part.partition(":")
    if name != dataset.id or half not in ("", HALF):
        raise UsageError(
            f"the task is about {part!r}, the dataset is {dataset.id!r}: use {dataset.id} or "
            f"{dataset.id}:{HALF}"
        )
    if not half:
        return protocol.images(dataset), None
    reference, held_out = (protocol.images(each) for each in halves(dataset))
    return reference, held_out

"""Tasks: a number's full name, which never changes its meaning.

    photos:half / anyres-patch256-min256max0 / frechet-ddof1 / builtin-v1 / n1000 @1
    dataset       protocol                     metric          extractor    fakes  version

A task is text. Whether this installation knows the protocol, the metric or the extractor is asked
where something is computed (`anyres_bench.evaluation.queries`), never where records are read.

`photos` alone takes every image as reference, as papers do. `photos:half` takes one half of every
source (groups undivided, split seed 0) and leaves the other to `real` and `resample`, so that the
ceiling and the floors are numbers of the same task as the models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields

from anyres_bench.core.errors import IncomparableError, UsageError

_ID = re.compile(
    r"(?P<dataset>[^/]+)/(?P<protocol>[^/]+)/(?P<metric>[^/]+)/(?P<extractor>[^/]+)"
    r"/n(?P<n>[1-9][0-9]{0,11})@(?P<version>[1-9][0-9]{0,3})"
)
_LEADING_ZEROS = re.compile(r"(?<![0-9.])0+(?=[0-9])")


@dataclass(frozen=True)
class Supersession:
    """Tasks whose number had to be mended, so that they go on under a higher version.

    Attributes:
        tasks: regular expression that the whole of "PROTOCOL/METRIC/EXTRACTOR" matches.
        version: that takes the place of the one before.
        why: what was wrong before, for messages.
    """

    tasks: str
    version: int
    why: str


SUPERSESSIONS: tuple[Supersession, ...] = ()
"""Of all releases; a line may be added here, none may ever change or go."""


@dataclass(frozen=True)
class Task:
    """What one number measures, complete; `id` stands beside the number.

    Attributes:
        dataset: the dataset's id, with ":half" where half of it is the reference.
        protocol, metric, extractor: ids.
        n: number of fakes.
        version: of this one task; raised when what its id stands for had to be mended.
    """

    dataset: str
    protocol: str
    metric: str
    extractor: str
    n: int
    version: int = 1

    @property
    def id(self) -> str:
        """All of it in one line."""
        parts = (self.dataset, self.protocol, self.metric, self.extractor)
        return f"{'/'.join(parts)}/n{self.n}@{self.version}"

    def __str__(self) -> str:
        return self.id

    @classmethod
    def parse(cls, text: str) -> Task:
        """Read a complete id; numbers of protocols that begin with zeros are read without them.

        Raises:
            UsageError: it is not complete.

        >>> Task.parse("photos/anyres-full0064/frechet-ddof1/builtin-v1/n100@1").id
        'photos/anyres-full64/frechet-ddof1/builtin-v1/n100@1'
        """
        match = _ID.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text[:200]!r} is no complete task id: DATASET/PROTOCOL/METRIC/EXTRACTOR/nN@1"
            )
        return cls(
            dataset=match["dataset"],
            protocol=one_spelling(match["protocol"]),
            metric=match["metric"],
            extractor=match["extractor"],
            n=int(match["n"]),
            version=int(match["version"]),
        )


def one_spelling(protocol: str) -> str:
    """A protocol's id with its numbers written in one way, without leading zeros.

    >>> one_spelling("anyres-patch064-min0256max0")
    'anyres-patch64-min256max0'
    """
    return _LEADING_ZEROS.sub("", protocol)


def newest_version(
    task: Task, supersessions: Iterable[Supersession] = SUPERSESSIONS
) -> tuple[int, str]:
    """The version that this package computes of a task, and why an earlier one no longer counts.

    The reason is empty where no version was ever superseded.
    """
    name = f"{task.protocol}/{task.metric}/{task.extractor}"
    found = [(s.version, s.why) for s in supersessions if re.fullmatch(s.tasks, name)]
    return max(found, default=(1, ""))


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

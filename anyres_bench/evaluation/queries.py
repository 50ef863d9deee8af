"""From what people write to complete tasks: parts may be open, papers have names of their own."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.data.protocols import EXAMPLES, protocol_from
from anyres_bench.data.splits import HALF
from anyres_bench.metrics import METRICS
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import Task, newest_version

PAPER_METRIC = "frechet-ddof0"
PAPER_EXTRACTOR = "inception-v3+torchscript+legacy_tensorflow"  # NVIDIA's file and its resize
PAPER_N = 50_000


@dataclass(frozen=True)
class TaskQuery:
    """A task of which some parts are still open; None is open.

    Attributes:
        default_extractor, default_n: what the name itself proposes for the open parts.
        optional: whether it is left out, and that is said, where there are too few images.
    """

    protocol: str
    metric: str
    dataset: str | None = None
    extractor: str | None = None
    n: int | None = None
    version: int | None = None
    default_extractor: str | None = None
    default_n: int | None = None
    optional: bool = False

    @classmethod
    def parse(cls, text: str) -> TaskQuery:
        """Read `[DATASET/]PROTOCOL/METRIC[/EXTRACTOR][/nN[@VERSION]]`, or a paper's `fid-...`.

        Raises:
            UsageError: the text has another form.
            UnknownNameError: no such protocol or metric; the nearest is suggested.
        """
        several = re.split(r"[,;\s]+", text.strip(",; "))
        if len(several) > 1 and all("/" in one or one.startswith("fid-") for one in several):
            raise UsageError(f"{text!r} are {len(several)} tasks; give --suite once for each")
        *parts, last = text.split("/")
        number = re.fullmatch(r"n([1-9][0-9]{0,11})(?:@([1-9][0-9]{0,3}))?", last)
        parts = parts if number else [*parts, last]
        n = int(number[1]) if number else None
        version = int(number[2]) if number and number[2] else None
        if len(parts) == 1 and parts[0].startswith("fid-"):
            protocol = protocol_from(parts[0]).id
            metric = metric_from(PAPER_METRIC).id
            return cls(protocol, metric, None, None, n, version, PAPER_EXTRACTOR, PAPER_N)
        dataset = None if _is_protocol(parts[0]) or len(parts) < 3 else parts.pop(0)
        if not 2 <= len(parts) <= 3 or text.lower() in METRICS.hints:
            raise _unreadable(text)
        protocol, metric = protocol_from(parts[0]).id, metric_from(parts[1]).id
        return cls(protocol, metric, dataset, parts[2] if len(parts) == 3 else None, n, version)

    def complete(self, dataset: str, extractor: str, n: int) -> Task:
        """The task, its open parts filled, in its newest version.

        Raises:
            UsageError: another version was asked for, which cannot be computed here.
        """
        task = Task(
            dataset=self.dataset or dataset,
            protocol=self.protocol,
            metric=self.metric,
            extractor=self.extractor or extractor,
            n=self.n or n,
        )
        newest, why = newest_version(task)
        if self.version not in (None, newest):
            reason = f", because {why}" if why else ""
            raise UsageError(
                f"{task.protocol}/{task.metric}: version {self.version} cannot be computed; this "
                f"package computes version {newest}{reason}: write @{newest}, or leave it out"
            )
        return replace(task, version=newest)


def on_half(task: Task) -> str:
    """The option for a task whose reference is one half of its images.

    Parts still open are left out, and so is the number of a paper: halves have not as many images.

    >>> on_half(Task("my birds", "anyres-full64", "frechet-ddof1", "", 0))
    "--suite 'my birds:half/anyres-full64/frechet-ddof1'"
    """
    parts = [f"{task.dataset}:{HALF}", task.protocol, task.metric, task.extractor]
    text = "/".join(filter(None, [*parts, f"n{task.n}" if task.n not in (0, PAPER_N) else ""]))
    return f"--suite {shlex.quote(text)}"


def _is_protocol(text: str) -> bool:
    try:
        protocol_from(text)
    except UnknownNameError:
        return False
    return True


def _unreadable(text: str) -> UsageError:
    known = [*EXAMPLES, "fid-full256", "fid-patch256-min256max0"]
    hint = METRICS.hints.get(text.lower()) or nearest(text.split("/")[0], known)
    return UnknownNameError(
        f"unknown task {text!r}; a task is PROTOCOL/METRIC, such as anyres-full256/frechet, or a "
        f"paper's name, such as fid-full256; {hint}"
    )

"""Which tasks a file of reference statistics or images allows, and what their ids say of it.

A file of `stats export` says everything, and a number against it is of its task. Of any other the
images are unknown: the task's id names the digest of its numbers in the place of a dataset, and the
record lists what nobody said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from anyres_bench.core.errors import UsageError
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.requests import DEFAULT_N, Request, asked_extractor
from anyres_bench.evaluation.suites import SUITES
from anyres_bench.features.extractor import FeatureExtractor
from anyres_bench.features.references import Reference
from anyres_bench.metrics.frechet import Frechet
from anyres_bench.metrics.metric import Metric, metric_from
from anyres_bench.results import ReferenceRecord, Task

Part = Literal["moments", "images"]
_NOTHING_SAID = ("images", "split", "resize", "codec", "extractor")
_USUAL = (
    "inception-v3+legacy_pytorch (pytorch-fid), inception-v3+torchscript (clean-fid), "
    "inception-v3+torchscript+legacy_tensorflow (StyleGAN), inception-v3+legacy_tensorflow (ADM)"
)


@dataclass(frozen=True)
class ReferenceFile:
    """A file that stands for the reference images, and what to say of it.

    Attributes:
        path: the file.
        n: of how many images it is, where the file does not say.
        part: what of it is compared, where it holds both; None: its moments for the Fréchet
            distance, its images for everything else.
    """

    path: Path
    n: int | None = None
    part: Part | None = None


def plan_against(
    reference: Reference,
    request: Request,
    seed: int,
    part: Part | None = None,
    built: dict[str, FeatureExtractor] | None = None,
) -> tuple[list[Task], dict[str, FeatureExtractor]]:
    """The tasks of a request against a file, and their extractors by id.

    Raises:
        UnknownNameError: no such protocol, metric or extractor.
        UsageError: the file cannot be compared so; the message says what is missing.
    """
    built = {} if built is None else built
    tasks, extractors = [], {}
    for query in _queries(reference, request):
        extractor = asked_extractor(query, request, built)
        metric, protocol = metric_from(query.metric), protocol_from(query.protocol)
        used = used_part(reference, metric, part)
        _check_fits(reference, used, extractor, protocol, seed)
        n = query.n or request.n or query.default_n or DEFAULT_N
        task = replace(query, extractor=extractor.id, dataset=part_id(reference, used))
        tasks.append(task.complete("", extractor.id, n))
        extractors[extractor.id] = extractor
    return list(dict.fromkeys(tasks)), extractors


def _queries(reference: Reference, request: Request) -> Iterator[TaskQuery]:
    """What was asked for; of a file of ours what it is of, where nothing was."""
    origin = reference.origin
    for text in request.wanted:
        if text in SUITES and origin is None:
            raise UsageError(
                f"{reference.path} does not say how its images were cut; say it by a task, such as "
                "--suite anyres-full256-noflip/frechet"
            )
        if text in SUITES and origin is not None:
            text = f"{origin.protocol}/frechet"
        query = TaskQuery.parse(text)
        if query.dataset is not None and query.dataset not in part_ids(reference):
            raise UsageError(
                f"{text} is a task of {query.dataset}; {reference.path} is "
                f"{'of unknown images' if origin is None else f'of {origin.part}'}: leave it out"
            )
        if origin is not None:
            query = replace(query, extractor=query.extractor or origin.extractor)
        elif query.extractor is None and request.extractor is None:
            raise UsageError(
                f"{reference.path} does not say which network and which resize its numbers are of; "
                f"say --extractor: {_USUAL}"
            )
        yield query


def used_part(reference: Reference, metric: Metric, part: Part | None) -> Part:
    """What of a file a metric compares with."""
    if not metric.needs_real:
        raise UsageError(f"{metric.id} looks at a model's images alone; leave --reference out")
    has: dict[Part, bool] = {
        "moments": reference.gaussian is not None and isinstance(metric, Frechet),
        "images": reference.images is not None,
    }
    asked: Sequence[Part] = ("moments", "images") if part is None else (part,)
    for one in asked:
        if has[one]:
            return one
    holds = [
        name
        for name, held in (("moments", reference.gaussian), ("images", reference.images))
        if held
    ]
    raise UsageError(
        f"{reference.path} holds {' and '.join(holds)}, and {metric.id} needs "
        f"{'images' if part is None else part}: frechet alone can be told from moments; for others "
        "use the images, by --dataset or a reference batch"
    )


def _check_fits(
    reference: Reference, used: Part, extractor: FeatureExtractor, protocol: EvalProtocol, seed: int
) -> None:
    origin, gaussian, images = reference.origin, reference.gaussian, reference.images
    if origin is not None:
        for what, said, asked in (
            ("extractor", origin.extractor, extractor.id),
            ("protocol", origin.protocol, protocol.id),
            ("seed", str(origin.seed), str(seed)),
        ):
            if said != asked:
                raise UsageError(
                    f"{reference.path} was made with {what} {said}, and {asked} was asked for; "
                    "use the same, or export another"
                )
    elif used == "moments" and gaussian is not None and gaussian.dim != extractor.dim:
        raise UsageError(
            f"{reference.path} holds features of {gaussian.dim} dimensions, {extractor.id} gives "
            f"{extractor.dim}: say the --extractor that it was made with"
        )
    if used == "images" and images is not None:
        if not protocol.whole or protocol.mirrored:
            raise UsageError(
                f"the images of {reference.path} are compared whole and as they are; use such a "
                f"protocol, as anyres-full{images.size.height}-noflip is"
            )
        if images.size != protocol.rule.size:
            raise UsageError(
                f"the images of {reference.path} are {images.size} px, {protocol.id} compares "
                f"{protocol.rule.size}; choose the protocol of their size"
            )


def part_id(reference: Reference, used: Part) -> str:
    """What stands in the place of a dataset in a task's id."""
    if reference.origin is not None:
        return reference.origin.part
    return f"{'stats' if used == 'moments' else 'batch'}@{_digest(reference, used)[:16]}"


def part_ids(reference: Reference) -> list[str]:
    """What may stand there, whatever of the file is used."""
    held: dict[Part, object] = {"moments": reference.gaussian, "images": reference.images}
    return [part_id(reference, part) for part, there in held.items() if there is not None]


def _digest(reference: Reference, used: Part) -> str:
    found = reference.gaussian if used == "moments" else reference.images
    assert found is not None
    return found.digest


def reference_record(reference: Reference, used: Part) -> ReferenceRecord:
    """What a record says of a file, and of what the file does not say."""
    if used == "images":
        assert reference.images is not None
        n: int | None = reference.images.n
        unknown: tuple[str, ...] = ("split", "codec")
    else:
        assert reference.gaussian is not None
        n = reference.gaussian.n
        unknown = (*_NOTHING_SAID, *(("n",) if n is None else ())) if not reference.origin else ()
    return ReferenceRecord(reference.layout, used, _digest(reference, used), n, unknown)

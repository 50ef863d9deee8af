"""The split of a dataset into what is compared with and what is left.

`photos:half` in a task's id is the split of this module: one half of every source is the reference.
Held-out images, and the images that a model is trained on, come from the other half. There is one
definition, so a model is never trained on what it is judged by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from anyres_bench.core.errors import UsageError
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.data.records import ImageRecord, Manifest

HALF = "half"  # how task ids spell this split
_SHARE, _SEED = 0.5, 0  # part of every published id that ends in ":half"


def halves(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """The reference half of a dataset, and the half that is left for all else."""
    reference, rest = split_groups(dataset.manifest, _SHARE, _SEED)
    return replace(dataset, manifest=reference), replace(dataset, manifest=rest)


def reference_and_held_out(
    dataset: Dataset, part: str, protocol: EvalProtocol
) -> tuple[Dataset, Dataset | None]:
    """The images that a protocol takes as reference, and those that it leaves out.

    Args:
        dataset: what is at hand.
        part: the dataset part of a task's id, such as "photos" or "photos:half".
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


def split_groups(
    images: Iterable[ImageRecord], share: float, seed: int
) -> tuple[Manifest, Manifest]:
    """Split images in two, stratified by source, never dividing a group.

    Which part a group falls into depends on the seed, the group's name and its source alone, as a
    rank among the groups of its source; a source of several groups has members in both parts.

    Args:
        images: what to split; an image without a group is a group of its own.
        share: part of each source's groups that goes to the first part, in (0, 1).
        seed: of the split.

    Returns:
        (first, second), for example reference and held-out images.
    """
    sources: dict[str, dict[str, list[ImageRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in images:
        sources[record.source][record.group or record.sha256].append(record)
    parts: tuple[list[ImageRecord], list[ImageRecord]] = ([], [])
    for source, groups in sorted(sources.items()):
        ranked = sorted(groups, key=lambda g: int(stream(seed, "split", source, g).words(1)[0]))
        n_first = min(max(round(share * len(ranked)), 1), max(len(ranked) - 1, 1))
        for rank, group in enumerate(ranked):
            parts[rank >= n_first].extend(groups[group])
    return Manifest(parts[0]), Manifest(parts[1])

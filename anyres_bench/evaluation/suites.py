"""Suites: names for lists of tasks, written out for the dataset at hand.

quick   a first look in a minute: windows, whole images and the curve against size, in sizes
        that the images have
paper   the sets that AnyRes-GAN reports for its datasets; for others, the same idea
"""

from __future__ import annotations

from collections.abc import Sequence

from anyres_bench.core.errors import DatasetError
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import MIN_IMAGES, protocol_from
from anyres_bench.data.splits import HALF, reference_and_held_out
from anyres_bench.evaluation.curves import ladder, protocol_at
from anyres_bench.evaluation.queries import TaskQuery

SUITES = ("quick", "paper")
QUICK_METRICS = ("frechet", "kid", "precision-recall", "detectability")
QUICK_WINDOWS = (256, 128, 64, 32)  # px: the largest that most images hold

PAPER = {
    "birds": ("fid-full256", "fid-full512", "fid-patch256-min256max0"),
    "church": ("fid-full256", "fid-full1024", "fid-patch256-min256max0"),
    "ffhq6k": ("fid-full256", "fid-full512", "fid-full1024", "fid-patch256-min256max1024"),
    "mountains": ("fid-full1024", "fid-subpatch1024-min1024max0"),
}
PAPER_ELSEWHERE = ("fid-full256", "fid-full512", "fid-full1024", "fid-patch256-min256max0")


def suite(name: str, dataset: Dataset) -> list[TaskQuery]:
    """The tasks of a suite on a dataset.

    Raises:
        DatasetError: the images are too small for any of them.
    """
    texts = _quick(dataset) if name == "quick" else _paper(dataset)
    return [TaskQuery.parse(text) for text in texts]


def _paper(dataset: Dataset) -> Sequence[str]:
    if dataset.id in PAPER:
        return PAPER[dataset.id]
    fit = [text for text in PAPER_ELSEWHERE if _share(dataset, text) >= 0.5]
    if not fit:
        raise DatasetError(f"most images of {dataset.id} are too small for the paper's protocols")
    return fit


def _quick(dataset: Dataset) -> list[str]:
    for window in QUICK_WINDOWS:
        if _share(dataset, protocol_at(window, window)) >= 0.9:
            break
    else:
        raise DatasetError(
            f"most images of {dataset.id} have a side below {QUICK_WINDOWS[-1]} px; name the tasks "
            "yourself, such as anyres-full16/frechet"
        )
    # Mirror images add no information, and not every model is of mirrored images.
    wide = (f"anyres-full{window}-noflip", f"anyres-patch{window}-min{window}max0-noflip")
    tasks = [f"{protocol}/{metric}" for protocol in wide for metric in QUICK_METRICS]
    return tasks + [f"{protocol}/frechet" for protocol in curve(dataset, window // 2)]


def curve(dataset: Dataset, window: int) -> list[str]:
    """Protocols of one window on growing canvases, while a quarter of the images are large."""
    names = [protocol_at(window, size) for size in ladder(window)]
    return [name for name in names if _share(dataset, name) >= 0.25]


def _share(dataset: Dataset, protocol_id: str) -> float:
    """Share of the images of each half that a protocol can use, the smaller of the two."""
    protocol = protocol_from(protocol_id)
    shares = []
    for half in reference_and_held_out(dataset, f"{dataset.id}:{HALF}", protocol):
        sides = [image.size.shorter for image in half.manifest] if half else []
        large = sum(side >= protocol.rule.needs for side in sides)
        shares.append(large / len(sides) if large >= MIN_IMAGES else 0.0)
    return min(shares)

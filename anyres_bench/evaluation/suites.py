"""Suites: names for lists of tasks, written out for the dataset at hand.

quick   a first look in a minute: windows, whole images and the curve against size, in sizes
        that the images have
paper   the sets that AnyRes-GAN reports for its datasets; for others, the same idea. Which of
        them a dataset is, its recipe says, or whoever asks; never the name of its folder
"""

from __future__ import annotations

from collections.abc import Sequence

from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say
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


_SOURCES = {"flickr-birds": "birds", "flickr-church": "church", "flickr-mountains": "mountains"}


def suite(name: str, dataset: Dataset, kind: str | None = None) -> list[TaskQuery]:
    """The tasks of a suite on a dataset.

    Args:
        name: of the suite.
        dataset: which.
        kind: the published dataset that it is, a key of `PAPER`; None goes by its recipe.

    Raises:
        DatasetError: the images are too small for any of them.
        UnknownNameError: no such published dataset.
    """
    if kind is not None and kind not in PAPER:
        raise UnknownNameError(f"the paper has no dataset {kind!r}; {nearest(kind, PAPER)}")
    texts = _quick(dataset) if name == "quick" else _paper(dataset, kind)
    return [TaskQuery.parse(text) for text in texts]


def published_kind(dataset: Dataset) -> str | None:
    """The published dataset that a recipe makes, a key of `PAPER`; None where it makes another."""
    recipe = dataset.recipe
    if recipe.get("collector") == "ffhq6k":
        return "ffhq6k"
    if recipe.get("collector") == "flickr":
        return _SOURCES.get(str(recipe.get("source")))
    return None


def _paper(dataset: Dataset, kind: str | None) -> Sequence[str]:
    found = kind or published_kind(dataset)
    if found:
        return PAPER[found]
    say(
        f"{dataset.id} is none of the paper's datasets by its recipe ({', '.join(PAPER)}): its "
        "protocols that fit are taken; --as says which it is"
    )
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

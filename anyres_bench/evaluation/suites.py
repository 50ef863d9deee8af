"""Suites: names for lists of tasks, written out for the dataset at hand.

quick   a first look in a minute: windows, whole images and the curve against size, in sizes
        that the images have
paper   the sets that AnyRes-GAN reports for its datasets; for others, the same idea. Which of
        them a dataset is, its recipe says, or whoever asks; never the name of its folder
ar1     scale as an axis: every metric at every size of a ladder, and what each curve comes to
memorisation
        are they copies, by size: windows against the images that are natively so large, and whole
        canvases, shrunk, against all; every model renders all of its canvases

The id of a protocol of several sizes, such as `ar1-patch64-min64max512`, is the suite ar1 on these.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import say
from anyres_bench.data.ar1 import MIN_SIZES, ladder
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import MIN_IMAGES, EvalProtocol, protocol_from
from anyres_bench.data.records import Manifest
from anyres_bench.data.splits import HALF, halves, reference_and_held_out
from anyres_bench.evaluation.curves import protocol_at
from anyres_bench.evaluation.queries import TaskQuery

SUITES = ("quick", "paper", "ar1", "memorisation")
LARGEST = 1 << 16  # px: no canvas is larger
QUICK_METRICS = ("frechet", "kid", "precision-recall", "detectability")
QUICK_WINDOWS = (256, 128, 64, 32)  # px: the largest that most images hold

AR1_METRICS = (
    "frechet",
    "fd-infinity-groups",
    "kid",
    "mind",
    "precision-recall",
    "density-coverage",
    "detectability",
    "authpct",
)
AR1_WINDOWS = (64, 32)  # px: of these, the largest that leaves room for two octaves
AR1_COPYING = ("copying", "copy-rate")
MEMORISATION = ("authpct", *AR1_COPYING)
LEAST_SHARE = 0.25  # of the images that are large enough for a size of a curve

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
    if name in ("quick", "paper"):
        texts = _quick(dataset) if name == "quick" else _paper(dataset, kind)
        return [TaskQuery.parse(text) for text in texts]
    if name == "memorisation":
        return [TaskQuery.parse(text) for text in _memorisation(_ladder(dataset))]
    texts = _ar1(_ladder(dataset) if name == "ar1" else protocol_from(name))
    return [replace(TaskQuery.parse(text), optional=True) for text in texts]


def is_suite(text: str) -> bool:
    """Whether a text is the name of a suite, or of sizes that are one."""
    if text in SUITES:
        return True
    try:
        return protocol_from(text).kind == "sizes"
    except UnknownNameError:
        return False


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
        raise _nothing_fits(dataset, "most images are too small for the paper's protocols")
    return fit


def _quick(dataset: Dataset) -> list[str]:
    for window in QUICK_WINDOWS:
        if _share(dataset, protocol_at(window, window)) >= 0.9:
            break
    else:
        raise _nothing_fits(
            dataset,
            f"most images have a side below {QUICK_WINDOWS[-1]} px; name the tasks yourself, such "
            "as anyres-full16/frechet",
        )
    # Mirror images add no information, and not every model is of mirrored images.
    wide = (f"anyres-full{window}-noflip", f"anyres-patch{window}-min{window}max0-noflip")
    tasks = [f"{protocol}/{metric}" for protocol in wide for metric in QUICK_METRICS]
    along = max(window // 2, QUICK_WINDOWS[-1])  # extractors take nothing smaller
    return tasks + [f"{protocol}/frechet" for protocol in curve(dataset, along)]


def _ar1(sizes: EvalProtocol) -> list[str]:
    """Each metric at each size, and over all of them."""
    one_by_one = [f"{of.id}/{metric}" for of in sizes.strata.values() for metric in AR1_METRICS]
    over_all = [f"{sizes.id}/scale-{metric}" for metric in AR1_METRICS]
    copying = [f"{of.id}/{metric}" for of in sizes.strata.values() for metric in AR1_COPYING]
    return [*one_by_one, *over_all, f"{sizes.id}/detector-transfer", *copying]


def _memorisation(sizes: EvalProtocol) -> list[str]:
    """Against the images that are large enough for a size, and against all; whole octaves."""
    window = sizes.rule.size.height
    of_size = (
        (f"ar1-patch{window}-at{size}", f"ar1-shrunk{window}-at{size}")
        for size in list(sizes.strata)[::2]
    )
    return [f"{of}/{metric}" for pair in of_size for of in pair for metric in MEMORISATION]


def _ladder(dataset: Dataset) -> EvalProtocol:
    """The longest ladder of half octaves whose sizes a quarter of the images reach."""
    for window in AR1_WINDOWS:
        reached = _reached(dataset, window, f"ar1-patch{window}-at{{}}")
        if reached and (reached[-1] >= 4 * window or window == AR1_WINDOWS[-1]):
            break
    if len(reached) < MIN_SIZES:
        raise _nothing_fits(
            dataset,
            "the images are too small for two canvas sizes; name the sizes yourself, such as "
            "ar1-patch16-min16max32",
        )
    return protocol_from(f"ar1-patch{window}-min{window}max{reached[-1]}")


def curve(dataset: Dataset, window: int) -> list[str]:
    """Protocols of one window on growing canvases, while a quarter of the images are large."""
    return [
        protocol_at(window, size) for size in _reached(dataset, window, f"patch{window}-at{{}}")
    ]


def _reached(dataset: Dataset, window: int, protocol: str) -> list[int]:
    """Canvas sizes from a window's own up that a quarter of the images are large enough for."""
    sizes = ladder(window, LARGEST)
    return list(
        itertools.takewhile(
            lambda size: _share(dataset, protocol.format(size)) >= LEAST_SHARE, sizes
        )
    )


def _nothing_fits(dataset: Dataset, why: str) -> DatasetError:
    """Why nothing can be asked of a dataset: `why`, or that there is not enough of it."""
    n = len(dataset.manifest)
    if min(len(half.manifest) for half in halves(dataset)) < MIN_IMAGES:
        why = (
            f"it has {n} image{'s' * (n != 1)}; one half is the reference and the other is held "
            f"out, and each needs {MIN_IMAGES} at least: add images"
        )
    return DatasetError(f"{dataset.id}: {why}")


def _share(dataset: Dataset, protocol_id: str) -> float:
    """Share of the images of each half that a protocol can use, the smaller of the two."""
    protocol = protocol_from(protocol_id)
    shares = []
    for half in reference_and_held_out(dataset, f"{dataset.id}:{HALF}", protocol):
        images = half.manifest if half else Manifest([])
        large = sum(map(protocol.fits, images))
        shares.append(large / len(images) if large >= MIN_IMAGES else 0.0)
    return min(shares)

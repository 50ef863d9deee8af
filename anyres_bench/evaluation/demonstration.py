"""What the demonstration needs besides the commands: enough images, and some of wrong sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anyres_bench.collectors.folder import Folder
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seals import is_ours
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import DATASET_NAME, Dataset
from anyres_bench.data.pixels import resize_uint8
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.reading import read_image
from anyres_bench.data.splits import HALF, halves, reference_and_held_out
from anyres_bench.data.strips import write_strips
from anyres_bench.evaluation.suites import suite

LEAST = 5  # images of a half: the folds of detectability, whose import takes seconds
_N_WRONG = 60  # files of the folder of wrong sizes
_NOTES = "not an image\n"
_BY = "demo"  # in seals


def window_tasks(dataset: Dataset) -> Sequence[str]:
    """The windows of the quick suite; the folder has too few images for the whole ones."""
    names = [f"{query.protocol}/{query.metric}" for query in suite("quick", dataset)]
    return [name for name in names if name.startswith("anyres-patch")]


def check_origin(data: Path, id_: str, images: Path | None) -> None:
    """Refuse to go on with a dataset that was made of something else; none yet passes.

    Args:
        data: folder of the dataset.
        id_: of the dataset that is to be made.
        images: folder that it is to be made of, if of one.

    Raises:
        UsageError: it is another dataset, or has images that the folder does not have.
    """
    if not (data / DATASET_NAME).exists():
        return
    dataset = Dataset.read(data)
    advice = f"name another folder to write to, or remove {data.parent}"
    if dataset.id != id_:
        raise UsageError(f"{data} holds {dataset.id} and not {id_}; {advice}")
    if images is not None:
        there = {candidate.key for candidate in Folder(images).candidates()}
        gone = [r.source_id for r in dataset.manifest if Path(r.file_name).stem not in there]
        if gone:
            raise UsageError(
                f"{data} holds {len(gone)} images that are not in {images}, such as {gone[0]}: it "
                f"was made of another folder, or they are gone; {advice}"
            )


def check_enough(dataset: Dataset) -> None:
    """Refuse a dataset that the quick suite cannot be measured on, before anything is.

    Raises:
        DatasetError: it has too few images, or too few that are large enough.
    """
    protocols = {query.protocol: protocol_from(query.protocol) for query in suite("quick", dataset)}
    n = min(
        sum(map(protocol.fits, half.manifest))
        for half in halves(dataset)
        for name, protocol in protocols.items()
        if name.startswith("anyres-")
    )
    if n < LEAST:
        raise DatasetError(
            f"{dataset.id} has {len(dataset.manifest)} images, and {n} in a half that the demo can "
            f"use; it needs {LEAST} in each: name a folder of {2 * LEAST} photographs or more"
        )


def write_wrong_sizes(dataset: Dataset, folder: Path) -> None:
    """Held-out images as people have them: of all sizes, some too small, and one file no image.

    Every other one is large enough for `window_tasks`, however small the images are. Of few
    images there are several sizes each.

    Raises:
        UsageError: a file that the demonstration has not written is in the way.
    """
    part = f"{dataset.id}:{HALF}"
    _, held_out = reference_and_held_out(dataset, part, protocol_from("patch32-at32"))
    assert held_out is not None
    protocols = [protocol_from(task.split("/")[0]) for task in window_tasks(dataset)]
    least = max((protocol.rule.needs.longer for protocol in protocols), default=1)
    folder.mkdir(parents=True, exist_ok=True)
    _write_notes(folder / "notes.txt")
    n = len(held_out.manifest)
    for i in range(min(_N_WRONG, max(n, 2 * LEAST))):
        size, rng = held_out.manifest[i % n].size, stream(0, "wrong size", i)
        factors = 0.3 + 0.9 * np.asarray(rng.uniform(2))
        if i % 2 == 0:
            factors *= max(1.0, least / float(min(np.multiply(size, factors))))
        wrong = Size(*(max(1, round(side * f)) for side, f in zip(size, factors, strict=True)))
        path = folder / f"{i:03d}.png"
        if not is_ours(path, _BY):
            pixels = resize_uint8(read_image(held_out, i % n), wrong)
            write_strips(path, wrong, [pixels], "", _BY)


def _write_notes(path: Path) -> None:
    """What is no image, among images; a file of that name that is somebody's stays."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(_NOTES)
    except FileExistsError:
        if path.is_symlink() or not path.is_file() or path.read_bytes() != _NOTES.encode():
            raise UsageError(f"{path} is there already; run the demo in another folder") from None

"""What the demonstration needs besides the commands: a folder of images of the wrong sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seals import is_ours
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import resize_uint8
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.reading import read_image
from anyres_bench.data.splits import HALF, reference_and_held_out
from anyres_bench.data.strips import write_strips
from anyres_bench.evaluation.suites import suite

_N_WRONG = 60  # files of the folder of wrong sizes
_NOTES = "not an image\n"
_BY = "demo"  # in seals


def window_tasks(dataset: Dataset) -> Sequence[str]:
    """The windows of the quick suite; the folder has too few images for the whole ones."""
    names = [f"{query.protocol}/{query.metric}" for query in suite("quick", dataset)]
    return [name for name in names if name.startswith("anyres-patch")]


def write_wrong_sizes(dataset: Dataset, folder: Path) -> None:
    """Held-out images as people have them: of all sizes, some too small, and one file no image.

    Every other one is large enough for `window_tasks`, however small the images are.

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
    for i in range(min(_N_WRONG, len(held_out.manifest))):
        size, rng = held_out.manifest[i].size, stream(0, "wrong size", i)
        factors = 0.3 + 0.9 * np.asarray(rng.uniform(2))
        if i % 2 == 0:
            factors *= max(1.0, least / float(min(np.multiply(size, factors))))
        wrong = Size(*(max(1, round(side * f)) for side, f in zip(size, factors, strict=True)))
        path = folder / f"{i:03d}.png"
        if not is_ours(path, _BY):
            pixels = resize_uint8(read_image(held_out, i), wrong)
            write_strips(path, wrong, [pixels], "", _BY)


def _write_notes(path: Path) -> None:
    """What is no image, among images; a file of that name that is somebody's stays."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(_NOTES)
    except FileExistsError:
        if path.is_symlink() or not path.is_file() or path.read_bytes() != _NOTES.encode():
            raise UsageError(f"{path} is there already; run the demo in another folder") from None

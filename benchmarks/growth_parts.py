"""Parts of commands that see all images or results at once, in this process; see `growth`.

Tables of datasets written, read, split and summed up; near-duplicates found among hashes drawn at
random; the page of n results.
"""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from anyres_bench.building.duplicates import near_components
from anyres_bench.building.summary import summary_text
from anyres_bench.building.tables import REJECTS_NAME
from anyres_bench.core.files import sha256_text
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import Manifest
from anyres_bench.data.splits import halves

T = TypeVar("T")
Table = dict[str, dict[int, dict[str, float]]]  # what -> n -> what it took


def parts(example: Dataset, folder: Path, sizes: list[int]) -> Table:
    """CPU seconds of every part on n images, and what the process holds at most."""
    table: Table = {}
    for n in sizes:
        dataset = many(example, n, folder / str(n))
        timed(table, "dataset written", n, dataset.write)
        again = timed(table, "dataset read", n, partial(Dataset.read, dataset.folder))
        timed(table, "dataset in halves", n, partial(halves, again))
        timed(table, "dataset in words", n, partial(summary_text, again))
        hashes = np.random.default_rng(0).integers(0, 256, (n, 32), dtype=np.uint8)
        timed(table, "near-duplicates", n, partial(near_components, hashes, 31))
    return table


def timed(table: Table, name: str, n: int, call: Callable[[], T]) -> T:
    """What a part gives; a row of what it took."""
    start = time.process_time()
    result = call()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row = {"cpu_s": time.process_time() - start, "peak_mib": peak}
    table.setdefault(name, {})[n] = row
    print(n, name, row, flush=True)
    return result


def many(dataset: Dataset, n: int, folder: Path) -> Dataset:
    """A dataset of n records, all as the first of another."""
    folder.mkdir(parents=True)
    shutil.copy(dataset.folder / REJECTS_NAME, folder)
    first = dataset.manifest[0]
    names = (f"{i:06}" for i in range(n))
    records = (
        replace(first, file_name=f"{name}.png", sha256=sha256_text(name), group=name)
        for name in names
    )
    return replace(dataset, folder=folder, manifest=Manifest(records))

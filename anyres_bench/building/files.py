"""The image files of a dataset's folder, held against its ledger.

A file is where the manifest says, or set aside because it was left out, to come back when the rules
change.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from anyres_bench.building.ledger import WORK_NAME, Ledger
from anyres_bench.building.process import IMAGES_NAME

_ASIDE = "aside"


def tidy(folder: Path, listed: Collection[str], left_out: Collection[str]) -> None:
    """Keep in the images folder exactly what is listed.

    What was left out moves aside; what no ledger row names is what a killed run left behind, and
    goes.
    """
    found = set(_names(folder))
    aside = folder / WORK_NAME / _ASIDE
    for name in found.difference(listed):
        if name in left_out:
            _move(folder / name, aside / name)
        else:
            (folder / name).unlink()
    for name in sorted(set(listed) - found):
        _move(aside / name, folder / name)


def missing(folder: Path, ledger: Ledger) -> list[int]:
    """Numbers of candidates whose files are not there, or not as long as the ledger says."""
    places = _places(folder)
    return [
        task.number
        for task, image in ledger.images()
        if not any(_has_size(place / image.file_name, image.record["n_bytes"]) for place in places)
    ]


def remove(folder: Path, names: Iterable[str]) -> None:
    """Remove files of the ledger, wherever they are."""
    for name in names:
        for place in _places(folder):
            (place / name).unlink(missing_ok=True)


def _names(folder: Path) -> Iterable[str]:
    """Paths inside the dataset, with slashes, of all files in its images folder."""
    for root, _, names in os.walk(folder / IMAGES_NAME):
        inside = Path(root).relative_to(folder).as_posix()
        for name in names:
            yield f"{inside}/{name}"


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _places(folder: Path) -> tuple[Path, Path]:
    """Where an image of the ledger can be: in the dataset, or set aside."""
    return folder, folder / WORK_NAME / _ASIDE


def _has_size(path: Path, n_bytes: int) -> bool:
    try:
        return path.stat().st_size == n_bytes
    except FileNotFoundError:
        return False

"""The files of a dataset's folder, held against its ledger.

An image is where the manifest says, or set aside because it was left out, to come back when the
rules change. What the ledger does not know was put there by someone else, or by a run that was
killed between an image's place and its row: it stays where it is, and where an image must take its
name it is moved to `.collect/found` first, and only removed when it turns out to be that image.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from anyres_bench.building.database import WORK_NAME
from anyres_bench.building.ledger import Ledger
from anyres_bench.building.outcomes import IMAGES_NAME
from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.files import is_temporary, sha256_of

_ASIDE = f"{WORK_NAME}/aside"
FOUND_NAME = f"{WORK_NAME}/found"


def make_room(ledger: Ledger) -> list[int]:
    """Move out of the way what is not an image of the ledger and stands where one may be put.

    Returns:
        Numbers of candidates whose files are not there, or not as long as the ledger says: they
        are to be done again.
    """
    inside, known = ledger.inside, ledger.image_names()
    again = []
    for job, image in ledger.images():
        name, n_bytes = image.file_name, image.record["n_bytes"]
        if n_bytes not in (inside.size(name), inside.size(f"{_ASIDE}/{name}")):
            again.append(job.number)
            _set_found(inside, name)
    for name in list(inside.names(IMAGES_NAME)):
        if name not in known and any(map(ledger.is_pending, _keys_of(name))):
            _set_found(inside, name)
    return again


def tidy(inside: Enclosure, listed: Mapping[str, str], left_out: Collection[str]) -> int:
    """Have in the images folder what is listed, and what was left out aside.

    Args:
        inside: of the dataset folder.
        listed: name -> SHA-256 of each image that is in the dataset.
        left_out: names of images that are not.

    Returns:
        How many files there are that are none of ours; they are left alone.
    """
    n_foreign, there = 0, set()
    for name in list(inside.names(IMAGES_NAME)):
        if name in listed:
            there.add(name)
        elif name in left_out:
            inside.move(name, f"{_ASIDE}/{name}")
        elif is_temporary(Path(name)):
            inside.remove(name)
        else:
            n_foreign += 1
    for name in sorted(listed.keys() - there):
        inside.move(f"{_ASIDE}/{name}", name)
    return n_foreign + _n_kept(inside, listed)


def remove(inside: Enclosure, names: Iterable[str]) -> None:
    """Remove images of the ledger, wherever they are."""
    for name in names:
        inside.remove(name)
        inside.remove(f"{_ASIDE}/{name}")


def _set_found(inside: Enclosure, name: str) -> None:
    """Move what has an image's name and is not it; an empty file is nobody's work."""
    if inside.size(name) == 0:
        inside.remove(name)
    elif inside.exists(name):
        inside.move(name, _free(inside, f"{FOUND_NAME}/{name}"))


def _free(inside: Enclosure, name: str) -> str:
    """The name, or the first with a number behind it that nothing has."""
    names = (f"{name}.{i}" if i else name for i in range(1_000_000))
    return next(name for name in names if not inside.exists(name))


def _n_kept(inside: Enclosure, listed: Mapping[str, str]) -> int:
    """Remove what was found and is an image of the dataset again; how much of it is not."""
    n = 0
    for found in list(inside.names(FOUND_NAME)):
        name = re.sub(r"\.\d+$", "", found.removeprefix(f"{FOUND_NAME}/"))
        is_ours = name in listed and inside.size(found) is not None
        if is_ours and sha256_of(inside.open(found)) == listed[name]:
            inside.remove(found)
        else:
            n += 1
    return n


def _keys_of(name: str) -> Iterable[str]:
    """The keys of candidates that may put an image there: a key, and what it derives behind it."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    return [stem, *(stem[: dash.start()] for dash in re.finditer("-", stem))]

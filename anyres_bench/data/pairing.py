"""`paired`: every image beside the reference image of the same name, both whole and as they are.

For super-resolution and codecs: what was made is held against what it should be, pixel by pixel. An
image's name is its path without the ending, `0801` of `0801.png`, where it was collected from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Box, Region
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.views import ImageView, Item, View, Whole

NAME = "paired"


@dataclass(frozen=True)
class Paired(EvalProtocol):
    """The protocol of that name; items have two views, the image and its reference."""

    @property
    def n_views(self) -> int:
        return 2

    @property
    def takes_all(self) -> bool:
        return True

    @property
    def mixed_sizes(self) -> bool:
        return True

    def images(self, dataset: Dataset) -> Dataset:
        """All of them, whatever their role."""
        return dataset

    def fake(self, images: Manifest, n: int, seed: int) -> list[Item[View]]:
        """Never: nothing renders an image that has a name.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"{self.id} compares image files of equal names; use paired:DIR")


def paired_protocol() -> Paired:
    """The protocol `paired`."""
    return Paired(NAME, Whole(1), False, True, False)


def image_name(record: ImageRecord) -> str:
    """The name by which an image is paired."""
    return str(PurePosixPath(record.source_id or record.file_name).with_suffix(""))


def pairs(made: Manifest, reference: Manifest, n: int, seed: int) -> list[tuple[int, int]]:
    """Which images of two sets are of one name, n of them by chance, in the order of `made`.

    Args:
        made: images; each must have a reference.
        reference: images; those without a partner are left out.
        n: how many pairs.
        seed: of the choice.

    Returns:
        (index in made, index in reference).

    Raises:
        DatasetError: a name is there twice, an image has no reference or another size, or there
            are fewer than n pairs.
    """
    known = _by_name(reference, "the reference")
    found = []
    for name, i in _by_name(made, "the images").items():
        if name not in known:
            raise DatasetError(
                f"image {name!r} has no reference of that name; references are "
                f"{', '.join(map(repr, sorted(known)[:3]))}{', ...' if len(known) > 3 else ''}"
            )
        size, wanted = made[i].size, reference[known[name]].size
        if size != wanted:
            raise DatasetError(
                f"image {name!r} is {size} px and its reference {wanted}; pairs are compared pixel "
                "by pixel, and nothing is resized for it"
            )
        found.append((i, known[name]))
    if len(found) < n:
        raise DatasetError(
            _too_few(n, len(found), sorted(known.keys() - _by_name(made, "").keys()))
        )
    chosen = stream(seed, "pairs").permutation(len(found))[:n]
    return [found[k] for k in sorted(chosen.tolist())]


def _too_few(n: int, n_found: int, without: list[str]) -> str:
    """The sentence for references of which some have no image, or none that can be read."""
    alone = f" no readable image is called {', '.join(map(repr, without[:3]))}" if without else ""
    more = f" and {len(without) - 3} more" if len(without) > 3 else ""
    fewer = f", or compare those that are there: --n {n_found}" if n_found else ""
    return f"{n} pairs were asked for and there are {n_found}:{alone}{more}; add images{fewer}"


def pair_items(made: Manifest, chosen: list[tuple[int, int]]) -> list[Item[ImageView]]:
    """One item a pair: the whole image in its views, to be cut from the two sets in this order."""
    items = []
    for i, j in chosen:
        view = View(Region.whole(made[i].size))
        box = Box.whole(made[i].size)
        views = tuple(ImageView(index, False, box, view) for index in (i, j))
        items.append(Item(i, views))
    return items


def _by_name(images: Manifest, what: str) -> dict[str, int]:
    names: dict[str, int] = {}
    for i, record in enumerate(images):
        name = image_name(record)
        if name in names:
            raise DatasetError(f"{what} hold two of the name {name!r}; names must tell them apart")
        names[name] = i
    return names

"""Which items are compared: held to the official order, and to what must hold of any draw."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anyres_bench.core.errors import DatasetError, UnknownNameError, UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.protocols import EXAMPLES, epochs, infinite_order, protocol_from
from anyres_bench.data.records import ImageRecord, Manifest
from anyres_bench.data.views import Item, V_co

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "anyres_dataset"
META = json.loads(GOLDEN.with_suffix(".json").read_text())["config"]
ARRAYS = np.load(GOLDEN.with_suffix(".npz"))


def manifest(*sizes: tuple[int, int]) -> Manifest:
    return Manifest(
        ImageRecord(file_name=f"{i:04d}.png", sha256=f"{i:064x}", n_bytes=1, height=h, width=w)
        for i, (h, w) in enumerate(sizes)
    )


PHOTOS = manifest((70, 92), (64, 64), (120, 66), (48, 48), (300, 400), (500, 360))


def only(items: Sequence[Item[V_co]]) -> list[V_co]:
    """The views of items that have one each."""
    return [view for (view,) in (item.views for item in items)]


@pytest.mark.parametrize("i", range(len(META["sampler"])))
def test_order_is_the_official_one(i: int) -> None:
    n_items, seed, n_replicas, rank, take = META["sampler"][i]
    order = itertools.islice(infinite_order(n_items, seed), rank, None, n_replicas)
    assert list(itertools.islice(order, take)) == ARRAYS[f"out.sampler{i}"].tolist()


def test_epochs_hold_every_item_once() -> None:
    order = list(itertools.islice(epochs(7, 3), 21))
    for start in (0, 7, 14):
        assert sorted(order[start : start + 7]) == list(range(7))
    assert order[:7] != order[7:14]


@pytest.mark.parametrize("name", ["anyres-full64", "anyres-patch32-min48max0", "patch32-at48"])
def test_views_lie_inside_and_are_never_enlarged(name: str) -> None:
    protocol = protocol_from(name)
    for items in (protocol.real(PHOTOS, 40, 1), protocol.drawn(PHOTOS, 8, 1)):
        assert [item.group for item in items] == [view.image for view in only(items)]
        for view in only(items):
            assert view.source.fits(PHOTOS[view.image].size)
            assert view.source.height == view.source.width == PHOTOS[view.image].size.shorter
            assert view.view.region.canvas.height <= view.source.height
            assert view.view.region.box.fits(view.view.region.canvas)
            assert view.view.size == protocol.rule.size


def test_a_view_depends_on_seed_index_and_sizes_alone() -> None:
    protocol = protocol_from("anyres-patch32-min48max0")
    assert protocol.real(PHOTOS, 30, 5) == protocol.real(PHOTOS, 90, 5)[:30]
    assert protocol.real(PHOTOS, 30, 5) != protocol.real(PHOTOS, 30, 6)
    assert protocol.drawn(PHOTOS, 30, 5) != protocol.real(PHOTOS, 30, 5)
    (first,) = only(protocol.real(PHOTOS, 1, 5))
    draws = stream(5, "view", "real", 0)
    again = protocol.rule.draw(PHOTOS[first.image].size, first.flip, False, draws)
    assert again == (first.source, first.view)


def test_fake_windows_are_those_of_the_reals() -> None:
    protocol = protocol_from("anyres-patch32-min48max64")
    real, fake = protocol.real(PHOTOS, 25, 2), protocol.fake(PHOTOS, 25, 2)
    assert only(fake) == [view.view for view in only(real)]
    assert [item.group for item in fake] == list(range(25))
    assert {view.region.canvas.height for view in only(fake)} <= set(range(48, 65))


def test_whole_images_count_every_real_and_its_mirror_image_once() -> None:
    both = only(protocol_from("anyres-full64").real(PHOTOS, 3, 0))
    assert Counter((view.image, view.flip) for view in both) == {
        (image, flip): 1 for image in (0, 1, 2, 4, 5) for flip in (False, True)
    }
    plain = only(protocol_from("anyres-full64-noflip-centre").real(PHOTOS, 3, 0))
    assert [view.image for view in plain] == [0, 1, 2, 4, 5]
    assert plain[0].source.left == (92 - 70) // 2


def test_whole_fakes_are_one_canvas_and_up_is_warped_from_the_base() -> None:
    full, up = protocol_from("anyres-full64"), protocol_from("anyres-up64")
    assert set(only(full.fake(PHOTOS, 9, 0))) == set(only(full.fake(PHOTOS, 1, 0)))
    (view,) = only(up.fake(PHOTOS, 1, 0))
    assert view.warp == "anyres-up"
    assert view.rendered(Size(32, 32)) == Region.whole(Size(32, 32))
    assert view.size == Size(64, 64)
    assert up.real(PHOTOS, 1, 0) == full.real(PHOTOS, 1, 0)


def test_subpatch_compares_299_pixels_of_the_window() -> None:
    views = only(protocol_from("anyres-subpatch300-min300max0").fake(PHOTOS, 20, 0))
    assert {view.size for view in views} == {Size(299, 299)}
    assert {(view.crop.top, view.crop.left) for view in views} == {
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
    }
    assert all(view.region.size == Size(300, 300) for view in views)


def test_sizes_are_uniform_between_the_bounds() -> None:
    protocol = protocol_from("anyres-patch100-min100max300")
    views = only(protocol.real(manifest((900, 900), (900, 900)), 4000, 0))
    sizes = np.array([view.view.region.canvas.height for view in views])
    assert (sizes.min(), sizes.max()) == (100, 300)
    assert abs(sizes.mean() - 200) < 5 * 58 / 4000**0.5
    largest = [v.view.region for v in views if v.view.region.canvas.height > 290]
    assert {region.top for region in largest} != {region.left for region in largest}


def test_survivors() -> None:
    assert protocol_from("patch32-at64").survivors(PHOTOS) == [0, 1, 2, 4, 5]
    with pytest.raises(DatasetError, match=r"1 of 6 .* largest has 360 px"):
        protocol_from("anyres-full350").survivors(PHOTOS)
    with pytest.raises(DatasetError, match=r"1 of 1 are that large .*: add images"):
        protocol_from("patch32-at64").survivors(PHOTOS[:1])
    with pytest.raises(DatasetError, match="0 of 0"):
        protocol_from("anyres-full350").real(Manifest([]), 5, 0)
    with pytest.raises(DatasetError, match="only 10, mirrored ones included; use --n 10"):
        protocol_from("anyres-full64").drawn(PHOTOS, 11, 0)
    assert len(protocol_from("patch32-at64").drawn(PHOTOS, 11, 0)) == 11


@pytest.mark.parametrize(
    ("name", "roles", "expected"),
    [
        ("anyres-full64", "lr hr", "lr"),
        ("anyres-full128", "lr hr", "hr"),
        ("anyres-patch32-min48max0", "lr hr", "hr"),
        ("anyres-full64", "hr hr", "hr"),
        ("anyres-full64", "lr lr", "lr"),
        ("anyres-patch32-min48max0", "lr lr", "lr"),
    ],
)
def test_roles(name: str, roles: str, expected: str) -> None:
    low, high = roles.split()
    images = Manifest(
        replace(image, role=low if i < 2 else high, height=64 if i < 2 else 256, width=256)
        for i, image in enumerate(PHOTOS)
    )
    picked = protocol_from(name).images(Dataset("d", Path(), images))
    assert {image.role for image in picked.manifest} == {expected}
    assert len(picked.manifest) == (6 if low == high else {"lr": 2, "hr": 4}[expected])


@pytest.mark.parametrize("name", EXAMPLES)
def test_ids_are_stable_and_the_papers_names_are_read(name: str) -> None:
    assert protocol_from(name).id == name
    assert protocol_from(name.replace("anyres-", "fid-")) == protocol_from(name)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("anyres-ful256", UnknownNameError, "did you mean anyres-full256"),
        ("fid-patch256", UnknownNameError, "unknown protocol 'fid-patch256'"),
        ("anyres-patch256-min128max0", UsageError, "smallest canvas"),
        ("anyres-patch64-min128max100", UsageError, "smallest canvas"),
        ("anyres-full0", UsageError, "0 < window"),
        ("anyres-subpatch256-min256max0", UsageError, "must hold 299"),
        ("patch64-at64-noflip", UsageError, "never mirrors"),
    ],
)
def test_bad_names(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        protocol_from(text)


@pytest.mark.parametrize("text", ["anyres-full0064", "fid-full064", "anyres-full64"])
def test_numbers_have_one_spelling(text: str) -> None:
    assert protocol_from(text).id == "anyres-full64"


def test_a_pair_is_one_square_at_two_sizes() -> None:
    protocol = protocol_from("pair-at32and64")
    (first, second), *_ = (item.views for item in protocol.real(PHOTOS, 9, 0))
    assert (first.source, first.image) == (second.source, second.image)
    assert [v.view.region for v in (first, second)] == [
        Region.whole(Size.square(side)) for side in (32, 64)
    ]
    assert protocol.n_views == 2
    fakes = protocol.fake(PHOTOS, 3, 0)
    assert [v.size for v in fakes[2].views] == [Size(32, 32), Size(64, 64)]
    assert len(protocol.survivors(PHOTOS)) == len(PHOTOS) - 1  # the larger side must be there
    swapped = protocol_from("scaleparty-at64and32")
    assert [v.size.width for v in swapped.fake(PHOTOS, 1, 0)[0].views] == [64, 32]
    assert (swapped.rounding, protocol.rounding) == ("floor", "round")


def test_overlapping_windows_show_the_same_pixels() -> None:
    protocol = protocol_from("overlap32by8-at48")
    for item in protocol.fake(PHOTOS, 20, 1):
        places = []
        for view in item.views:
            assert view.region.box.fits(view.region.canvas)
            assert view.crop is not None
            top, left = view.region.top + view.crop.top, view.region.left + view.crop.left
            places.append((top, left, view.size))
            assert view.region.size == Size(32, 32)
        assert places[0] == places[1]
        assert item.views[0].region != item.views[1].region


@pytest.mark.parametrize(
    "name", ["pair-at64and64", "pair-at64and32", "scaleparty-at48and64", "overlap32by32-at99"]
)
def test_pairs_that_make_no_sense_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=name):
        protocol_from(name)
    with pytest.raises(UsageError, match="window \\+ shift"):
        protocol_from("overlap32by8-at39")

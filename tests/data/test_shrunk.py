"""Canvases that are shrunk to a size that every image has."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.core.geometry import Box, Size
from anyres_bench.data.protocols import protocol_from
from tests.data.test_protocols import PHOTOS, only

NAME = "ar1-shrunk48-at120"


@pytest.mark.parametrize("name", [NAME, "ar1-shrunk64-at64"])
def test_ids_are_read_back(name: str) -> None:
    assert protocol_from(name).id == name
    assert protocol_from(name) == protocol_from(name)
    assert protocol_from(name.replace("shrunk", "shrunk0")).id == name


def test_every_image_is_a_reference_once_at_any_canvas() -> None:
    reals = [only(protocol_from(f"ar1-shrunk48-at{s}").real(PHOTOS, 3, 1)) for s in (48, 120, 4096)]
    assert reals[0] == reals[1] == reals[2]
    assert [seen.image for seen in reals[0]] == list(range(len(PHOTOS)))
    for seen in reals[0]:
        assert seen.view.region.size == Size(48, 48)
        assert seen.source.height == seen.source.width == PHOTOS[seen.image].size.shorter
    assert reals[0][4].source == Box(0, 50, 300, 300)  # of 300 x 400, its middle


def test_models_render_the_canvas_and_images_stand_for_it_where_they_are_as_large() -> None:
    protocol = protocol_from(NAME)
    assert {view.region.size for view in only(protocol.fake(PHOTOS, 3, 0))} == {Size(120, 120)}
    assert protocol.fake_survivors(PHOTOS) == [4, 5]
    assert protocol.n_drawn(PHOTOS) == 2 < protocol.n_items(PHOTOS)
    drawn = only(protocol.drawn(PHOTOS, 2, 0))
    assert sorted(seen.image for seen in drawn) == [4, 5]
    assert {seen.view.region.size for seen in drawn} == {Size(48, 48)}
    with pytest.raises(DatasetError, match="asked for 3 different images, but there are only 2"):
        protocol.drawn(PHOTOS, 3, 0)


def test_held_out_images_are_seen_as_the_reference_is() -> None:
    held_out = protocol_from(NAME).of_held_out
    assert held_out.id == "ar1-shrunk48-at48"
    assert held_out.n_drawn(PHOTOS) == len(PHOTOS)


def test_a_canvas_that_is_smaller_is_refused() -> None:
    with pytest.raises(UsageError, match="canvas of 32 px cannot be shrunk to 64"):
        protocol_from("ar1-shrunk64-at32")

"""Places in an image and on what a tiler makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import coordinates as places
from anyres_bench.tilers import load
from tests.tilers.registered import NAMES, plans


@pytest.mark.parametrize("name", NAMES)
def test_places_come_back(name: str) -> None:
    for plan in plans(load(name), [Size(37, 23), Size(999, 1400), Size(3, 500)]):
        boxes = np.array([[0, 0, *plan.image], [1, 2, 3, 3]], np.float64)
        for region in range(len(plan.regions)):
            there = places.image_to_tile(plan, boxes, region)
            assert np.allclose(places.tile_to_image(plan, there, region), boxes)
        for layer in range(len(plan.layers)):
            there = places.image_to_canvas(plan, boxes, layer)
            top, left, bottom, right = plan.layers[layer].padding
            height, width = plan.layers[layer].canvas
            assert np.allclose(there[0], [top, left, height - bottom, width - right])


@pytest.mark.parametrize("name", NAMES)
def test_a_point_is_seen_by_tokens_whose_box_holds_it(name: str) -> None:
    for plan in plans(load(name), [Size(480, 640)]):
        boxes = places.token_boxes(plan)
        for point in ((0.0, 0.0), (240.5, 320.5), (479.5, 639.5)):
            for index in places.tokens_at(plan, point):
                top, left, bottom, right = boxes[index]
                assert top <= point[0] < bottom
                assert left <= point[1] < right


@pytest.mark.parametrize("name", NAMES)
def test_a_region_that_is_not_there_is_refused(name: str) -> None:
    plan = load(name).plan(Size(300, 300))
    for region in (-1, len(plan.regions)):
        with pytest.raises(UsageError, match="regions"):
            places.layer_of(plan, region)

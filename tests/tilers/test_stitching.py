"""Features of tiles: as a sequence of tokens, and laid over the image."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import coordinates as places
from anyres_bench.tilers import load
from anyres_bench.tilers.plan import Plan
from anyres_bench.tilers.stitching import sequence, stitch
from tests.tilers.registered import NAMES, plans


@pytest.mark.parametrize("name", NAMES)
def test_tokens_are_read_where_they_lie(name: str) -> None:
    """Features that say where they are arrive at tokens whose boxes lie there."""
    for plan in plans(load(name), [Size(37, 23), Size(999, 1400), Size(1400, 311)]):
        boxes = places.token_boxes(plan)
        if not plan.grids:
            continue
        assert len(boxes) == plan.tokens
        features = [centres(plan, region) for region in range(len(plan.regions))]
        if name == "vitar":  # its tokens are fused by a network, not copied
            continue
        if any(len({r.size for r in layer.regions}) > 1 for layer in plan.layers):
            with pytest.raises(UsageError, match="no mosaic of equal maps"):
                sequence(plan, features, np.full(2, np.nan))
            continue
        tokens = sequence(plan, features, np.full(2, np.nan))
        merge = plan.grids[0].merge
        got = tokens.reshape(len(tokens), merge * merge, 2).mean(axis=1)
        want = np.stack([boxes[:, 0::2].mean(axis=1), boxes[:, 1::2].mean(axis=1)], axis=1)
        assert np.array_equal(np.isnan(got), np.isnan(want))
        if all(g.rows.n == g.rows.span for g in plan.grids):
            assert np.allclose(got, want, equal_nan=True)


def centres(plan: Plan, region: int) -> np.ndarray:
    """The centre of each patch of a region in image pixels, (rows, columns, 2)."""
    size, patch = plan.regions[region].size, plan.patch
    y, x = (np.arange(side // patch) * patch + patch / 2 for side in size)
    points = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)
    return places.tile_to_image(plan, points.reshape(-1, 2), region).reshape(points.shape)


@pytest.mark.parametrize("name", NAMES)
def test_features_laid_over_the_image_lie_where_they_were_made(name: str) -> None:
    for plan in plans(load(name), [Size(700, 500)]):
        features = [centres(plan, region) for region in range(len(plan.regions))]
        laid = stitch(plan, features, Size(14, 10))
        rows, columns = (np.arange(14) + 0.5) * 50, (np.arange(10) + 0.5) * 50
        want = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
        reach = plan.patch * max(700 / layer.resized.height for layer in plan.layers)
        error = np.abs(laid - want)
        assert np.nanmax(error) <= reach
        assert np.isnan(error).mean() < 0.2  # the strips at tiles' ends that no patch sees

"""Bands, walks and zooms of any generator."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.rendering import bands, check_canvas, latent_path, zoom_path
from tests.fakes import Waves


@dataclass(frozen=True)
class Numbers(Waves):
    """Latents that are numbers on a line."""

    def interpolate(self, a: list[int], b: list[int], t: float) -> float:
        return a[0] + t * (b[0] - a[0])


@pytest.mark.parametrize("height", [31, 32, 100])
def test_bands_are_the_window(height: int) -> None:
    generator, region = Waves(), Region(Size(200, 90), 17, 5, Size(height, 40))
    z = generator.latents([4])
    parts = list(bands(generator, z, region))
    assert max(part.shape[1] for part in parts) <= generator.native.height
    assert torch.equal(torch.cat(parts, 1), generator.sample(z, [region])[0])


def test_a_walk_is_closed_and_starts_at_each_seed() -> None:
    path = list(latent_path(Numbers(), [0, 8, 4], 4))
    assert path == [0, 2, 4, 6, 8, 7, 6, 5, 4, 3, 2, 1]
    with pytest.raises(UsageError, match="at least two seeds"):
        list(latent_path(Numbers(), [1], 4))
    with pytest.raises(UsageError, match="waves cannot interpolate"):
        list(latent_path(Waves(), [1, 2], 4))


def test_a_zoom_has_constant_speed_and_stays_in_the_middle() -> None:
    regions = zoom_path(Size(64, 64), Size(1024, 1024), 5)
    assert [region.canvas for region in regions] == [Size.square(64 << k) for k in range(5)]
    for region in regions:
        assert region.size == Size(64, 64)
        assert 2 * region.top == region.canvas.height - 64
    with pytest.raises(UsageError, match="at least 64x64"):
        zoom_path(Size(64, 64), Size(1024, 32), 5)


def test_canvases_that_cannot_be_rendered_are_named() -> None:
    check_canvas(Waves(), Size(7, 900))
    with pytest.raises(UsageError, match="renders 8x8 only, not 9x9"):
        check_canvas(Waves(canvases=(Size(8, 8),)), Size(9, 9))
    with pytest.raises(UsageError, match="set of images"):
        check_canvas(Waves(canvases="per-image"), Size(9, 9))

"""Pictures that the encoder sees."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers import load
from anyres_bench.tilers.pixels import canvases, cut
from tests.tilers.registered import NAMES, plans


@pytest.mark.parametrize("name", NAMES)
def test_pictures_have_the_sizes_of_their_regions(name: str) -> None:
    for size in (Size(37, 23), Size(90, 640)):
        for plan in plans(load(name), [size]):
            image = stream(1, "image").words(3 * size.pixels).astype(np.uint8)
            pictures = cut(plan, image.reshape(*size, 3))
            assert [p.shape[:2] for p in pictures] == [r.size for r in plan.regions]
            with pytest.raises(UsageError, match="height x width"):
                canvases(plan, image.reshape(size.width, size.height, 3))

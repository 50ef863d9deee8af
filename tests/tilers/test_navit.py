"""NaViT's packed forward: images that share a sequence do not see each other."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.tilers.navit import NaVit, NaVitConfig


def test_an_image_is_answered_the_same_wherever_it_is_packed() -> None:
    torch.manual_seed(0)
    for fractional in (False, True):
        config = NaVitConfig(4, 16, 2, 2, 8, 32, 3, 8, 8, fractional)
        model = NaVit(config).eval()
        a, b, c = (torch.rand(3, *size) for size in ((8, 8), (12, 4), (4, 24)))
        with torch.no_grad():
            together = model([[a, b], [c]])
            apart = torch.cat([model([[x]]) for x in (a, b, c)])
        assert torch.allclose(together, apart, atol=1e-5)


def test_positions_beyond_the_table_are_refused() -> None:
    with pytest.raises(UsageError, match="positions end at"):
        NaVit(NaVitConfig(patch=4, max_rows=2, dim=8, heads=1, depth=1))([[torch.rand(3, 16, 4)]])

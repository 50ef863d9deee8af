"""The published way: tiles, padding, integers to integers."""

from __future__ import annotations

import pytest
import torch

from anyres_bench.baselines.realesrgan.published import Official, run_official
from anyres_bench.core.errors import UsageError
from tests.baselines import tiny


def test_the_official_tool_refuses_what_would_go_wrong() -> None:
    image = torch.rand(1, 3, 20, 20)
    with pytest.raises(UsageError, match="multiples of 2"):
        run_official(tiny.rrdbnet(2), image, Official(tile=7))
    with pytest.raises(UsageError, match="too small to be reflected"):
        run_official(tiny.compact(), image, Official(pre_pad=20))

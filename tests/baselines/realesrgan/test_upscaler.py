"""Real-ESRGAN as an upscaler: files, modes, exactness, memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.baselines.realesrgan.upscaler import from_state
from anyres_bench.core.errors import CheckpointError, UsageError
from anyres_bench.models.loading import load
from anyres_bench.models.official_files import ready
from tests.baselines import tiny

NETWORKS = {**{f"x{scale}": tiny.rrdbnet(scale) for scale in (4, 2, 1)}, "compact": tiny.compact()}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_are_recognised_by_their_files(name: str, tmp_path: Path) -> None:
    made = NETWORKS[name]
    file = tiny.realesrgan_file(tmp_path, made)
    generator = load("realesrgan:constant", {"weights": file, "mode": "tiled32+8"})
    assert generator.id.startswith(f"realesrgan-x{made.scale}@")
    assert "+tiled32+8+lanczos4(constant:128;u8)" in generator.id
    again = generator.upscaler.network
    assert type(again) is type(made)
    want = ready(made, "cpu")(torch.ones(1, 3, 8, 8))
    assert torch.equal(again(torch.ones(1, 3, 8, 8)), want)


def test_files_and_modes_that_are_none() -> None:
    with pytest.raises(CheckpointError, match="neither an RRDBNet"):
        from_state({"x": torch.zeros(1)}, "x.pth", "cpu")
    state = tiny.rrdbnet().state_dict()
    state["body.0.rdb2.conv6.weight"] = state.pop("body.0.rdb2.conv5.weight")
    with pytest.raises(CheckpointError, match=r"conv5\.weight \(nearest: body\.0\.rdb2\.conv6"):
        from_state(state, "x.pth", "cpu")
    with pytest.raises(UsageError, match="mode 'exakt' is not exact, tiled"):
        load("realesrgan:constant", {"mode": "exakt", "weights": "x"})

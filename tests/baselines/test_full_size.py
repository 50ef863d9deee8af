"""Every published architecture, saved in its official layout, loads and renders."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.generator import check_output
from anyres_bench.models.loading import load
from benchmarks.baselines import BASELINES, write_file
from tests.baselines import tiny


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_a_window_from_an_official_file(name: str, tmp_path: Path) -> None:
    base = tiny.write_images(tmp_path / "base", (32, 32))  # of upscalers; smaller than a halo
    spec = BASELINES[name].spec.format(base=f"folder:{base}")
    generator = load(spec, write_file(name, tmp_path))
    side = min(BASELINES[name].canvases) if spec == BASELINES[name].spec else 128
    window = Region(Size.square(side), side // 3, side // 4, Size(16, 24))
    images = generator.sample(generator.latents([7]), [window])
    check_output(generator.id, images, 1, window.size)

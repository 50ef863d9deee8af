"""A variable-size set of scenes: sizes, shapes and seeds as asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.scenes import Houses, Scenes
from anyres_bench.core.errors import ConfigError
from anyres_bench.core.geometry import Region
from anyres_bench.data.pixels import decode

ENGINE = LocalEngine(ResourceLimits(processes=1))
RULES = Rules(measure="decode", near_duplicates="keep")
COLLECTORS = pytest.mark.parametrize(
    "collector", [Scenes, pytest.param(Houses, marks=pytest.mark.slow)]
)


@COLLECTORS
def test_sizes_shapes_and_pixels(collector: type[Scenes], tmp_path: Path) -> None:
    scenes = collector(n=24, min_size=16, max_size=64, aspects=("1:1", "2:1"), seed=3)
    dataset = build(Order(scenes, tmp_path / "out", "s", RULES), ENGINE).dataset
    assert len(dataset.manifest) == 24
    shorter = [record.size.shorter for record in dataset.manifest]
    assert min(shorter) >= 16
    assert max(shorter) <= 64
    assert len(set(shorter)) > 10
    aspects = {round(record.aspect, 1) for record in dataset.manifest}
    assert aspects == {0.5, 1.0, 2.0}
    for candidate, record in zip(scenes.candidates(), dataset.manifest, strict=True):
        assert (record.licence_id, record.format) == ("CC0-1.0", "PNG")
        assert record.source == collector.name
        pixels = decode(dataset.path(record)).pixels.transpose(2, 0, 1)
        whole = Region.whole(record.size)
        image = collector.world.render(candidate.extra["scene_seed"], whole)
        assert np.abs(pixels / 127.5 - 1 - image.clip(-1, 1)).max() <= 0.5 / 127.5 + 1e-6


def test_default_rules_keep_every_scene(tmp_path: Path) -> None:
    scenes = Scenes(n=24, min_size=16, max_size=64, seed=3)
    dataset = build(Order(scenes, tmp_path / "out", "s", Rules(measure="decode")), ENGINE).dataset
    assert len(dataset.manifest) == 24, "no two scenes look the same"


def test_what_an_image_shows_depends_on_its_number_alone() -> None:
    few, many = list(Scenes(n=3).candidates()), list(Scenes(n=9).candidates())
    assert many[:3] == few
    assert list(Scenes(n=3, seed=1).candidates()) != few
    seeds = {candidate.extra["scene_seed"] for candidate in many}
    assert len(seeds) == 9
    assert min(seeds) > 1 << 32, "a generator asked for seed 0, 1, ... never shows a real image"


def test_the_recipe_fixes_the_digest(tmp_path: Path) -> None:
    scenes = Scenes(n=4, min_size=8, max_size=16)
    digests = {
        build(Order(scenes, tmp_path / name, "s", RULES), ENGINE).dataset.digest for name in "ab"
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n is 0"),
        ({"min_size": 4}, "sizes go from 4"),
        ({"min_size": 64, "max_size": 32}, "sizes go from 64 to 32"),
        ({"aspects": ("wide",)}, "'wide' is not WIDTH:HEIGHT"),
        ({"aspects": ("0:1",)}, "'0:1' is not WIDTH:HEIGHT"),
        ({"aspects": ()}, "no aspect"),
    ],
)
def test_refusals(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Scenes(**options)  # type: ignore[arg-type]

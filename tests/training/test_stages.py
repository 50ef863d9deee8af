"""Every preset is a valid configuration of its recipe."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from anyres_bench.models.families import parts
from anyres_bench.training.config import LoopConfig, build, to_plain
from anyres_bench.training.stages import plan_jobs, presets, read_stages


@pytest.mark.parametrize("name", presets())
def test_presets_are_valid(name: str) -> None:
    stages = read_stages(name, None, {}, [Path("data")])
    assert len({stage.name for stage in stages}) == len(stages)
    for number, stage in enumerate(stages):
        build(LoopConfig, stage.values["loop"], "loop.")
        config = build(parts("recipes").get(stage.recipe), stage.values["model"], "model.")
        assert config.sources[0].dataset == "data"
        later = "previous" in to_plain(config).values()
        assert later == (number > 0), f"stage {stage.name} starts from nothing before it"


def test_every_recipe_has_a_preset() -> None:
    made = {stage.recipe for name in presets() for stage in read_stages(name, None, {})}
    assert made == set(parts("recipes"))


def test_settings_of_an_earlier_version_gain_what_came_later() -> None:
    stages = read_stages("scenes-tiny", None, {}, [Path("data")])
    job = plan_jobs(stages, Path("runs"))[0]
    earlier = copy.deepcopy(dict(job.settings))
    del earlier["loop"]["compile"], earlier["model"]["generator"]["lrelu_upsampling"]
    assert job.completed(earlier) == job.settings
    earlier["loop"]["batch"] += 1
    assert job.completed(earlier) != job.settings
    earlier["model"]["generator"]["gone"] = 1
    assert job.completed(earlier) is earlier

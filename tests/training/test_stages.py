"""Every preset is a valid configuration of its recipe."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.core.errors import ConfigError
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


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stages": 5}, "stages is 5; expected a list of tables"),
        ({"stages": []}, "stages is .*; expected a list of tables"),
        ({"stages": [5]}, r"stages\[0\] is 5; expected a table"),
        ({"stages": [{}, {}]}, r"the name of stages\[0\] is None"),
        ({"stages": [{"name": "a"}, {"name": "a"}]}, "two stages are named a"),
        ({"stages": [{"name": "../b"}]}, r"the name of stages\[0\] is '../b'"),
        ({"stages": [{"name": "loop"}]}, "the name of .* no table's"),
        ({"loop": 5}, "loop is 5; expected a table"),
        ({"model": [1]}, "model is .1.; expected a table"),
        ({"recipe": 5}, "recipe is 5; expected the name"),
        ({"model": {"sources": 5}}, "model.sources is 5; expected a list"),
        ({"model": {"sources": [5]}}, r"model.sources\[0\] is 5; expected a table"),
    ],
)
def test_what_is_no_table_is_said(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"recipe": "anyres", **values}))
    with pytest.raises(ConfigError, match=message):
        read_stages(None, tmp_path / "mine.json", {}, [Path("data")])


def test_a_stage_is_changed_by_a_table_alone() -> None:
    with pytest.raises(ConfigError, match="patch is 5; expected a table"):
        read_stages("scenes-tiny", None, {"patch": 5}, [Path("data")])


@pytest.mark.parametrize("name", ["scenes-tiny", "mspe-houses", "liif-houses", "realesrgan-houses"])
def test_no_rate_is_halved_before_the_first_image(name: str) -> None:
    path = ["model", "adversarial"] if name == "mspe-houses" else ["model"]
    changes: dict[str, Any] = {"halve_kimg": [4.0, -1.0]}
    for part in reversed(path):
        changes = {part: changes}
    with pytest.raises(ConfigError, match=r"halve_kimg is .*-1.0.*; expected 0 or more"):
        plan_jobs(read_stages(name, None, changes, [Path("data")]), Path("runs"))


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


@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("anycost-scenes-tiny", "style_dim", 0),
        ("anycost-scenes-tiny", "channel_multiplier", 0),
        ("mspe-scenes-tiny", "style_channels", 0),
        ("liif-scenes-tiny", "hidden", [64, 0]),
        ("navit-mae-scenes", "max_rows", 0),
    ],
)
def test_networks_without_width_are_refused(name: str, setting: str, value: Any) -> None:
    changes = {"model": {setting: value}}
    with pytest.raises(ConfigError, match=f"{setting} is .*; expected"):
        plan_jobs(read_stages(name, None, changes, [Path("data")]), Path("runs"))

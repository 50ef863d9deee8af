"""Costs, budgets, explanations and tables of the workbench."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from anyres_bench.cli.main import cli
from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.budget import solve
from anyres_bench.tilers.costs import Encoder, LanguageModel, card, kv_bytes, prefill_flops
from anyres_bench.tilers.explain import explain, traps
from anyres_bench.tilers.targets import read_target
from anyres_bench.tilers.workbench import Models, models, pack, row, summary

SIZES = [Size(1080, 1920), Size(37, 23), Size(448, 448), Size(3000, 400)]
TINY = Models(Encoder(8, 2, 32), LanguageModel(16, 3, 4, 2, 48, 512))


@pytest.mark.parametrize("name", list(TILERS))
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_shares_are_shares(name: str, size: Size) -> None:
    item = row(load(name), size, TINY)
    if item.card is None:
        assert item.refused
        return
    c = item.card
    for share in (c.padding, c.waste, c.kept, c.duplicated, c.separators, c.at_cuts):
        assert 0 <= share <= 1
    assert c.encoder_flops > 0
    assert c.kv_bytes == kv_bytes(c.tokens, TINY.language)


def test_the_card_of_four_tiles_and_a_thumbnail() -> None:
    plan = load("internvl:tile=28,patch=14,merge=1").plan(Size(56, 56))
    c = card(plan, *(TINY.encoder, TINY.language))
    assert (c.pictures, c.encoder_tokens, c.tokens) == (5, 20, 20)
    assert c.duplicated == 1 / 5
    assert c.waste == pytest.approx(1 / 5)  # the thumbnail shows nothing new
    assert (c.padding, c.distortion, c.scale, c.kept) == (0, 0, 1, 1)
    # every token of a 2 x 2 tile of a 2 x 2 mosaic touches a cut but the one in the corner
    assert c.at_cuts == 4 * 3 / 20


def test_flops_are_the_formula_of_one_block() -> None:
    plan = load("fastvlm:side=128,stride=64").plan(Size(64, 64))
    n, d, hidden, depth = 4, 8, 32, 2
    block = 8 * n * d**2 + 4 * n**2 * d + 4 * n * d * hidden
    assert card(plan, *(TINY.encoder, TINY.language)).encoder_flops == (
        depth * block + 2 * n * 3 * 64**2 * d
    )
    assert prefill_flops(5, TINY.language) == 3 * (
        4 * 5 * 16**2 * 1.5 + 2 * 25 * 16 + 6 * 5 * 16 * 48
    )


def test_distortion_and_scale_of_a_squashed_image() -> None:
    c = row(load("fastvlm:shape=squash"), Size(512, 1024), TINY).card
    assert c is not None
    assert c.distortion == pytest.approx(math.log(2))
    assert c.scale == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize("name", list(TILERS))
@pytest.mark.parametrize("budget", [300, 1024, 5000])
def test_a_budget_is_kept_by_every_image_and_used_as_far_as_settings_go(
    name: str, budget: int
) -> None:
    tiler = load(name)
    solution = solve(tiler, SIZES[:1] + SIZES[2:], budget)
    if solution.tiler is None:
        assert solution.tokens > budget
        return
    again = load(solution.tiler.name)
    tokens = [again.plan(size).tokens for size in SIZES[:1] + SIZES[2:]]
    assert max(tokens) <= solution.tokens <= budget
    assert solution.tokens > budget / 5


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        solve(load("internvl"), SIZES, 0)


def test_explanations_name_branch_rounding_and_thread() -> None:
    text = explain(load("llava-next").plan(Size(336, 336)))
    assert "tie" in text
    assert "#31327" in text
    assert "rounded up" in text
    text = explain(load("qwen2-vl").plan(Size(42, 70)))
    assert "halves to the even neighbour" in text


def test_traps_by_name() -> None:
    def named(tiler: str, size: Size, context: int = 10**6) -> set[str]:
        return {trap.name for trap in traps(load(tiler).plan(size), context)}

    assert named("internvl", Size(1, 300)) == {"aspect over 200", "enlarged"}
    assert named("qwen2-vl-utils:max_pixels=15680", Size(31, 639)) >= {"side 0"}
    assert named("internvl", Size(1080, 1920), 100) == {"tokens over context"}
    assert named("navit", Size(512, 512)) == set()


def test_packing_is_greedy_in_order() -> None:
    assert pack([4, 3, 3, 4], 8) == 2
    assert pack([4, 5, 4], 8) == 3
    assert pack([], 8) == 0


def test_a_summary_adds_up() -> None:
    images = [(f"{i}", size) for i, size in enumerate([*SIZES, SIZES[0], Size(1, 900)])]
    found = summary(load("qwen2-vl"), images, TINY)
    assert found.refused == 1
    assert len(found.tokens) == found.n - 1 == sum(found.histogram.values())
    assert [c.tokens / c.image.pixels for _, c in found.worst] == sorted(
        (c.tokens / c.image.pixels for _, c in found.worst), reverse=True
    )
    assert found.over_context == int((found.tokens > 512).sum())


def test_targets(tmp_path: Path) -> None:
    assert read_target("480x640").images == (("480x640", Size(480, 640)),)
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (8, 9)).save(tmp_path / "sub" / "b.jpg")
    (tmp_path / "c.jpg").write_bytes(b"no image")
    target = read_target(str(tmp_path))
    assert target.images == (("a.png", Size(20, 30)), ("sub/b.jpg", Size(9, 8)))
    assert target.left_out == (("c.jpg", "not-an-image"),)
    with pytest.raises(UsageError, match="HEIGHTxWIDTH"):
        read_target("photo.jpg")
    with pytest.raises(UnknownNameError, match="clip-l"):
        models("clip", "qwen2-7b")


def test_the_command_prints_tables_csv_and_json(tmp_path: Path) -> None:
    run = CliRunner().invoke
    shown = run(cli, ["tile", "1080x1920"], catch_exceptions=False)
    assert shown.exit_code == 0
    assert all(name in shown.output for name in TILERS)
    table = tmp_path / "out.csv"
    shown = run(cli, ["tile", "300x200", "--csv", str(table), "--json", "--tiler", "internvl"])
    assert json.loads(shown.stdout)[0]["tokens"] == 1792
    [line] = list(csv.DictReader(table.read_text().splitlines()))
    assert (line["image"], line["tokens"]) == ("300x200", "1792")
    rng = np.random.default_rng(0)
    for i in range(12):
        side = int(rng.integers(20, 90))
        Image.new("RGB", (side, 60)).save(tmp_path / f"{i}.png")
    shown = run(cli, ["tile", str(tmp_path), "--budget", "600", "--tiler", "internvl"])
    assert "internvl:max_tiles=1: at most 256" in shown.output
    assert "most tokens for their pixels, 10 of 12" in shown.output
    assert "out.csv: not-an-image" in shown.output

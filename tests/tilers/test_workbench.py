"""The workbench: packing, summaries, tables, the command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from anyres_bench.cli.main import cli
from anyres_bench.core.errors import UnknownNameError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.costs import Encoder, LanguageModel
from anyres_bench.tilers.packing import group
from anyres_bench.tilers.workbench import Models, models, summary

SIZES = [Size(1080, 1920), Size(37, 23), Size(448, 448), Size(3000, 400)]
TINY = Models(Encoder(8, 2, 32), LanguageModel(16, 3, 4, 2, 48, 512))


def test_packing_is_greedy_in_order() -> None:
    assert len(group([4, 3, 3, 4], 8)) == 2
    assert len(group([4, 5, 4], 8)) == 3
    assert len(group([], 8)) == 0


def test_a_summary_adds_up() -> None:
    images = [(f"{i}", size) for i, size in enumerate([*SIZES, SIZES[0], Size(1, 900)])]
    found = summary(load("qwen2-vl"), images, TINY)
    assert found.refused == 1
    assert len(found.tokens) == found.n - 1 == sum(found.histogram.values())
    assert [c.tokens / c.image.pixels for _, c in found.worst] == sorted(
        (c.tokens / c.image.pixels for _, c in found.worst), reverse=True
    )
    assert found.over_context == int((found.tokens > 512).sum())


def test_an_unknown_model_is_told_the_nearest() -> None:
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

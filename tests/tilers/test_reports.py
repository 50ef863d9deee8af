"""What the workbench found, as text, csv and JSON: the same numbers in each."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.reports import explained, report, within
from anyres_bench.tilers.targets import Target, read_target
from anyres_bench.tilers.workbench import models

MODELS = models("clip-l", "qwen2-7b")
MANY = Target((("a", Size(300, 400)), ("b", Size(1, 900)), ("c", Size(448, 448))), ())


def test_one_image_is_a_row_a_tiler_and_a_refusal_is_said() -> None:
    tilers = [load("internvl"), load("qwen2-vl")]
    found = report(tilers, Target((("thin", Size(1, 900)),), ()), MODELS)
    assert [row.tiler for row in found.rows] == ["internvl", "qwen2-vl"]
    assert "qwen2-vl refuses it: " in found.text()
    assert [record["tiler"] for record in json.loads(found.json())] == ["internvl", "qwen2-vl"]


def test_many_images_are_a_summary_a_tiler_with_its_tokens_in_json() -> None:
    found = report([load("qwen2-vl")], MANY, MODELS)
    (record,) = json.loads(found.json())
    tokens = sorted(load("qwen2-vl").plan(size).tokens for name, size in MANY.images if name != "b")
    assert (record["images"], record["refused"]) == (3, 1)
    assert (record["tokens_least"], record["tokens_most"]) == (tokens[0], tokens[-1])
    assert record["tokens_all"] == sum(tokens)


def test_csv_has_a_line_a_tiler_and_replaces_nothing(tmp_path: Path) -> None:
    found = report([load("internvl"), load("navit")], MANY, MODELS)
    found.write_csv(tmp_path / "t.csv")
    lines = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [line["tiler"] for line in lines] == ["internvl", "navit"]
    assert "histogram" not in lines[0]
    written = (tmp_path / "t.csv").read_bytes()
    with pytest.raises(UsageError, match="there already"):
        found.write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == written


def test_tilers_that_a_budget_is_too_small_for_are_named() -> None:
    kept, text = within([load("internvl"), load("fastvlm")], read_target("480x640"), 100)
    assert [tiler.name.split(":")[0] for tiler in kept] == ["fastvlm"]
    assert "internvl: none; its smallest take 256" in text


def test_explanations_go_on_after_a_refusal() -> None:
    text = explained([load("qwen2-vl"), load("navit")], read_target("1x900"))
    assert "qwen2-vl on 1x900 (height x width): " in text
    assert text.index("qwen2-vl on") < text.rindex("navit")


def test_documents_are_drawn_at_one_size() -> None:
    with pytest.raises(UsageError, match="one size"):
        report([load("navit")], MANY, MODELS, pages=1)

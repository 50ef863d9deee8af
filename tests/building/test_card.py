"""The card and the tables of a dataset."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pandas as pd
import yaml

from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.plan import plan
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.data.dataset import Dataset
from tests.building.builds import ENGINE, HEADER
from tests.building.rogues import Given, candidate


def test_the_card_and_the_tables_say_it_all(tmp_path: Path) -> None:
    listed = (
        candidate("1", author="Ann", licence_id="CC-BY-4.0", extra={"score": 2}),
        candidate("2", licence_id="CC-BY-ND-2.0"),
        candidate("3", licence_id="all-rights-reserved"),
        candidate("refuse"),
    )
    built = build(Order(Given(listed), tmp_path / "out", "g", Rules()), ENGINE)
    card = (tmp_path / "out" / "README.md").read_text()
    for words in (
        "license: other",
        built.dataset.digest,
        built.dataset.recipe_id,
        "**Not to be passed on.** Some images are under all-rights-reserved",
        "**No changed versions.** CC-BY-ND-2.0",
        "1  refused",
        "shorter side in pixels",
        "effective resolution",
        '"near_duplicates": "drop"',
    ):
        assert words in card, words
    credits = (tmp_path / "out" / "ATTRIBUTION.csv").read_text().splitlines()
    assert credits[1].startswith("images/00000/given_1.jpg,Ann,,CC-BY-4.0")
    assert len(credits) == 4
    provenance = pd.read_parquet(tmp_path / "out" / "provenance.parquet")
    assert json.loads(provenance.extra[0]) == {"score": 2}
    assert provenance.blockiness.between(0.9, 3).all()
    assert all(0 < r.effective_resolution <= 1 for r in built.dataset.manifest)  # type: ignore[operator]
    assert Dataset.read(tmp_path / "out").recipe == built.dataset.recipe


def test_text_of_others_is_inert_in_what_is_written(tmp_path: Path) -> None:
    licence = 'mit\nviewer: false\nextra: "<b>x</b>"\n```\n<img src=x onerror=alert(1)>'
    listed = (
        candidate("1", author="=cmd|' /C calc'!A0", licence_id=licence, source_url="+1;=2"),
        candidate("2", author="\x1b]0;owned\x07", licence_id=f"{licence}-ND-1"),
    )
    out = tmp_path / "out"
    built = build(Order(Given(listed), out, "g <i>", HEADER), ENGINE)
    _, head, text = (out / "README.md").read_text().split("---\n", 2)
    assert set(yaml.safe_load(head)) == {
        *("pretty_name", "license", "license_name", "task_categories", "size_categories", "configs")
    }
    outside = re.sub(r"^(`{3,}).*?^\1$", "", text, flags=re.M | re.S)
    assert "<" not in outside
    assert "# g &lt;i&gt;" in outside
    cells = list(csv.reader((out / "ATTRIBUTION.csv").read_text().splitlines()))
    assert [row[1] for row in cells[1:]] == ["'=cmd|' /C calc'!A0", "\\x1b]0;owned\\x07"]
    assert cells[1][2] == "'+1;'=2"
    assert (
        "\x1b" not in built.text() + plan(Order(Given(listed), out, "g"), ResourceLimits()).text()
    )
    one = Order(Given((candidate("1", licence_id="CC-BY-4.0"),)), tmp_path / "one", "g", HEADER)
    build(one, ENGINE)
    assert "\nlicense: cc-by-4.0\n" in (tmp_path / "one" / "README.md").read_text()

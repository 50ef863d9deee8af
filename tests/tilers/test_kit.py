"""The kit: sizes and answers as files that other engines are held to."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from anyres_bench.core.errors import DataError
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.kit import SCHEMA, answer, export, sizes
from tests.commands import run


def test_the_kit_is_what_its_schema_says(tmp_path: Path) -> None:
    names = ["internvl", "qwen2-vl-4.49", "navit"]
    export(tmp_path / "kit", {name: load(name) for name in names})
    index = json.loads((tmp_path / "kit" / "kit.json").read_text())
    assert sorted(index["tilers"]) == sorted(names)
    schema = json.loads((tmp_path / "kit" / index["schema"]).read_text())
    assert schema == SCHEMA
    for name in names:
        lines = (tmp_path / "kit" / f"{name}.jsonl").read_text().splitlines()
        assert len(lines) == index["tilers"][name]["lines"]
        rows = [json.loads(line) for line in lines]
        validator = jsonschema.Draft202012Validator(schema)
        assert all(validator.is_valid(row) for row in rows[::25])
        assert rows == [answer(load(name), size) for size in sizes(load(name))]
        refusing = [row for row in rows if "refused" in row]
        assert bool(refusing) == (name == "qwen2-vl-4.49")
        sides = [(row["height"], row["width"]) for row in rows]
        assert {(1, 1), (40_000, 40_000), (1, 40_000), (1, 201), (42, 70)} <= set(sides)
    export(tmp_path / "kit", {"navit": load("navit")})  # over a kit of ours


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kit.json").write_text("mine")
    with pytest.raises(DataError, match="is no kit"):
        export(tmp_path, {"navit": load("navit")})
    assert (tmp_path / "kit.json").read_text() == "mine"


@pytest.mark.slow
def test_the_whole_kit_is_exported(tmp_path: Path) -> None:
    run("tilers", "export", tmp_path / "kit")
    index = json.loads((tmp_path / "kit" / "kit.json").read_text())
    assert sorted(index["tilers"]) == sorted(TILERS)
    for name, row in index["tilers"].items():
        lines = (tmp_path / "kit" / row["file"]).read_text().splitlines()
        assert len(lines) == row["lines"] > 600, name

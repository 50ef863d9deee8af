"""The golden runners of the tilers tell wrong from right: outputs moved, inputs changed, NaN."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import golden
from tests.golden_runners.tilers_arrays import ANGLE_ATOL, NETWORK_ATOL

PUBLIC = Path(golden.__file__).parent / "golden"
TABLES = ["tilers_extra", "tilers_internvl", "tilers_llava_next", "tilers_qwen2vl"]
INPUTS = {"w", "h"}


def failing(path: Path) -> list[str]:
    return [name for name, problems in golden.run_case(golden.Case(path)) if problems]


def rewritten(tmp_path: Path, stem: str, change: Callable[[Any], None]) -> Path:
    """A copy of a JSON file, changed."""
    meta = json.loads((PUBLIC / f"{stem}.json").read_text())
    change(meta)
    path = tmp_path / f"{stem}.json"
    path.write_text(json.dumps(meta))
    return path


def small(meta: dict[str, Any]) -> dict[str, Any]:
    """One set with a few of its rows, so that each change is cheap."""
    name = next(iter(meta["sets"]))
    meta["sets"] = {name: meta["sets"][name] | {"rows": meta["sets"][name]["rows"][3::14]}}
    table: dict[str, Any] = meta["sets"][name]
    return table


@pytest.mark.parametrize("stem", TABLES)
def test_every_column_of_a_table_binds(stem: str, tmp_path: Path) -> None:
    columns = small(json.loads((PUBLIC / f"{stem}.json").read_text()))["columns"]
    assert not failing(rewritten(tmp_path, stem, small))
    for number, column in enumerate(columns):

        def move(meta: dict[str, Any], number: int = number) -> None:
            small(meta)["rows"][3][number] += 1 if columns[number] not in INPUTS else 900

        assert failing(rewritten(tmp_path, stem, move)), column


@pytest.mark.parametrize("stem", TABLES)
def test_every_option_of_a_table_is_read(stem: str, tmp_path: Path) -> None:
    config = small(json.loads((PUBLIC / f"{stem}.json").read_text()))["config"]
    for key, value in config.items():
        if not isinstance(value, int) or isinstance(value, bool) or key == "max_aspect":
            continue

        def move(meta: dict[str, Any], key: str = key, value: int = value) -> None:
            small(meta)["config"][key] = max(value // 2, 1) if value > 1 else 3

        assert failing(rewritten(tmp_path, stem, move)), key


def array_files() -> list[str]:
    return sorted(p.stem for p in PUBLIC.glob("tilers_*.npz"))


def tolerance(stem: str, key: str) -> float:
    if stem == "tilers_navit" and not key.endswith("_mask"):
        return NETWORK_ATOL
    is_angle = key.endswith(("_cos", "_sin", "_q_rot")) or (stem == "tilers_unpad" and "_m" in key)
    return ANGLE_ATOL if is_angle else 0.0


def binding(stem: str) -> list[str]:
    """Names of the expected outputs of an npz."""
    given = ("args", "shape", "head_dim", "section", "theta", "merge", "grid_thw", "window_size")
    given += ("pinpoints_wh", "sizes_wh", "legend", "formula", "json", "side", "tile", "q")
    with np.load(PUBLIC / f"{stem}.npz") as file:
        names = [n for n in file.files if not n.startswith("w::")]
    return [n for n in names if not n.endswith(given) and not re.search(r"_args|px\d+_hw", n)]


def moved(tmp_path: Path, stem: str, key: str, by: float) -> Path:
    with np.load(PUBLIC / f"{stem}.npz") as file:
        arrays = dict(file)
    value = arrays[key].copy()
    if key.startswith("w::"):
        value.flat[0] += by  # norms around it would hide another mean or scale of all
    elif value.dtype == bool:
        value.flat[-1] ^= True
    elif by == 1:
        value.flat[-1] += 1
    else:
        value = value.astype(np.float64)
        value.flat[value.size // 2] += by * (1 + (abs(value.flat[value.size // 2])))
    path = tmp_path / f"{stem}.npz"
    np.savez(path, **(arrays | {key: value}))
    return path


@pytest.mark.parametrize("stem", array_files())
def test_outputs_bind_by_their_tolerance(stem: str, tmp_path: Path) -> None:
    seen: set[str] = set()
    for key in binding(stem):
        kind = key.split("_", 1)[-1].rstrip("0123456789")
        if kind in seen:
            continue
        seen.add(kind)
        atol = tolerance(stem, key)
        assert failing(moved(tmp_path, stem, key, 2 * atol or 1)), key
        if atol:
            assert not failing(moved(tmp_path, stem, key, 0.1 * atol)), key
            assert failing(moved(tmp_path, stem, key, np.nan)), key


def test_weights_and_samples_are_read(tmp_path: Path) -> None:
    for key in (
        "w::transformer.layers.0.0.to_q.weight",
        "w::pos_embed_width",
        "w::mlp_head.1.weight",
    ):
        assert failing(moved(tmp_path, "tilers_navit", key, 0.5)) == ["tilers_navit:network"], key

    def one(meta: dict[str, Any]) -> None:
        meta["rows"] = [r for r in meta["rows"] if (r["w"], r["processor"]) == (37, "qwen2_vl_pil")]

    assert not failing(rewritten(tmp_path, "tilers_e2e", one))
    for key in ("mean", "std", "abs_sum", "seed"):

        def move(meta: dict[str, Any], key: str = key) -> None:
            one(meta)
            meta["rows"][0][key] = meta["rows"][0][key] * (1 + 1e-4) + 1e-4 + (key == "seed")
            if key == "seed":
                meta["rows"][0][key] = 1

        assert failing(rewritten(tmp_path, "tilers_e2e", move)), key


def test_a_copy_elsewhere_needs_nothing_else(tmp_path: Path) -> None:
    for path in PUBLIC.glob("tilers_rope2d*"):
        shutil.copy(path, tmp_path)
    (case,) = golden.cases(tmp_path)
    assert not failing(case.path)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from anyres_bench.core.enclosure import Enclosure
from anyres_bench.core.errors import DataError, MetricError
from anyres_bench.features.stats import FeatureBank
from anyres_bench.leaderboard.feature_files import agree, feature_files, feature_stem, read_features

KEY = {"side": "fake", "n": 5000}


def bank(n: int = 5000) -> FeatureBank:
    rows = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    return FeatureBank(np.arange(n), np.arange(n) // 2, rows)


def put(folder: Path, files: dict[str, bytes]) -> Enclosure:
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return Enclosure(folder)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_shards_come_back_as_one_bank(tmp_path: Path, precision: str) -> None:
    files = dict(feature_files(bank(), KEY, "e", precision))
    assert len(files) == 2
    assert all(name.startswith(feature_stem(KEY, "e")) for name in files)
    found, kept = read_features(put(tmp_path, files), files)
    assert kept == precision
    assert (found.index == bank().index).all()
    assert (found.group == bank().group).all()
    error = np.abs(found.features() - bank().features()).max()
    assert error == 0 if precision == "float32" else 0 < error < 2e-3


def test_names_tell_samples_and_extractors_apart() -> None:
    stems = {feature_stem(KEY, "e"), feature_stem(KEY, "f"), feature_stem({**KEY, "n": 1}, "e")}
    assert len(stems) == 3


def test_what_float16_cannot_hold_is_said() -> None:
    large = FeatureBank([0], [0], np.full((1, 1), 1e6, np.float32))
    with pytest.raises(MetricError, match="float32"):
        list(feature_files(large, KEY, "e", "float16"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 64,
        b"\x10\0\0\0\0\0\0\x7f{}",
        save({"index": np.arange(2)}),
        save({"index": np.arange(2), "group": np.arange(2), "features": np.zeros((3, 2), "f4")}),
        save({"index": np.arange(2), "group": np.arange(2), "features": np.zeros((2, 2), "i4")}),
        save({"index": np.arange(2), "group": np.arange(2), "features": np.full((2, 2), np.nan)}),
        save({"index": np.zeros(2), "group": np.arange(2), "features": np.zeros((2, 2), "f4")}),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, data: bytes) -> None:
    name = "features/x.safetensors"
    with pytest.raises(DataError):
        read_features(put(tmp_path, {name: data}), [name])


def test_types_are_not_mixed(tmp_path: Path) -> None:
    files = dict(feature_files(bank(10), KEY, "e", "float32"))
    (other,) = feature_files(bank(10), KEY, "e", "float16")
    files["features/other.safetensors"] = other[1]
    with pytest.raises(DataError, match="in every file"):
        read_features(put(tmp_path, files), files)


def test_agreement_is_tight_and_knows_float16() -> None:
    assert agree(1.0, 1.0 + 5e-7, 0.1, "float32")
    assert not agree(1.0, 1.0001, 0.1, "float32")
    assert agree(1.0, 1.001, 0.1, "float16")
    assert not agree(1.0, 1.1, 0.1, "float16")
    assert not agree(1.0, float("nan"), 1.0, "float16")

"""Our own files of statistics: they say what they are of, and notice when they were changed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.features.own_references import write_reference
from anyres_bench.features.reference_files import read_reference
from anyres_bench.features.references import Origin
from anyres_bench.features.stats import Moments
from anyres_bench.results import DatasetRecord, SizeHistogram
from tests.reference_files import as_floats_of_8_bits, rows
from tests.reporters import Recorder

IMAGES = DatasetRecord(
    "tiny", "ab" * 32, "cd" * 32, "ef" * 32, 9, 8, 7, SizeHistogram((1, 2), (9,))
)
ORIGIN = Origin("tiny:half", "anyres-full40", "pooled", 3, IMAGES, {"pillow": "13.0"})


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_files_come_back(tmp_path: Path, suffix: str) -> None:
    sums = Moments.of(rows())
    write_reference(tmp_path / f"a{suffix}", sums, ORIGIN)
    found = read_reference(tmp_path / f"a{suffix}")
    assert (found.layout, found.origin, found.gaussian.n) == ("anyres-bench", ORIGIN, 40)
    np.testing.assert_array_equal(found.gaussian.mean, sums.mean)
    np.testing.assert_array_equal(found.gaussian.covariance, sums.covariance())
    assert list(tmp_path.iterdir()) == [tmp_path / f"a{suffix}"]


def test_others_read_our_npz(tmp_path: Path) -> None:
    sums = Moments.of(rows())
    write_reference(tmp_path / "a.npz", sums, ORIGIN)
    with np.load(tmp_path / "a.npz") as file:
        np.testing.assert_array_equal(file["mu"], sums.mean)
        np.testing.assert_array_equal(file["sigma"], sums.covariance())


def test_exact_sums_of_safetensors(tmp_path: Path) -> None:
    sums = Moments.of(rows(), shift=np.full(6, 2.0))
    write_reference(tmp_path / "a.safetensors", sums, ORIGIN)
    got = read_reference(tmp_path / "a.safetensors").gaussian.sums
    np.testing.assert_array_equal(got.outer, sums.outer)
    np.testing.assert_array_equal(got.shift, sums.shift)


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.npz or \.safetensors"):
        write_reference(tmp_path / "a.pkl", Moments.of(rows()), ORIGIN)


def changed(path: Path, **fields: object) -> None:
    """Write an archive again, as before there were seals, other things said of it."""
    with np.load(path) as file:
        arrays = dict(file)
    said = json.loads(str(arrays.pop("anyres_bench"))) | fields
    del said["seal"]
    np.savez(path, **arrays, anyres_bench=np.array(json.dumps(said)))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n": 41}, "not those that it was written with"),
        ({"n": 1}, "1 images have no covariance"),
        ({"n": "many"}, "damaged: n is 'many'"),
        ({"schema": "anyres-bench/reference@9"}, "of schema 'anyres-bench/reference@9'"),
        ({"dataset": {}}, "damaged: dataset lacks"),
        ({"stranger": 1}, "unknown fields: stranger"),
        ({"digest": "00"}, "not those that it was written with"),
    ],
)
def test_changed_files_are_refused(tmp_path: Path, fields, message: str) -> None:
    write_reference(tmp_path / "a.npz", Moments.of(rows()), ORIGIN)
    changed(tmp_path / "a.npz", **fields)
    with pytest.raises(DataError, match=message):
        read_reference(tmp_path / "a.npz")


def test_safetensors_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_reference(path, Moments.of(rows()), ORIGIN)
    tensors = load_file(path)
    save_file(tensors, path)
    with pytest.raises(DataError, match="none of `anyres-bench stats export`"):
        read_reference(path)
    write_reference(path, Moments.of(rows()), ORIGIN)
    for data in (path.read_bytes()[:-8], as_floats_of_8_bits(path.read_bytes(), "shift")):
        path.write_bytes(data)
        with pytest.raises(DataError, match="is damaged"):
            read_reference(path)
        write_reference(path, Moments.of(rows()), ORIGIN)


def test_files_without_a_seal_are_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_reference(path, Moments.of(rows()), ORIGIN)
    changed(path)
    with report_to(said := Recorder()):
        assert read_reference(path).origin == ORIGIN
    assert "before such files had a seal" in said.said[0]


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_flipped_bit_is_an_error_or_changes_nothing(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_reference(path, Moments.of(rows()), ORIGIN)
    want, whole, noticed = read_reference(path), path.read_bytes(), 0
    for bit in range(0, 8 * len(whole), 8 * len(whole) // 397):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            got = read_reference(path)
        except DataError:
            noticed += 1
            continue
        assert got.origin == want.origin
        assert got.gaussian.digest == want.gaussian.digest
    assert noticed > 250

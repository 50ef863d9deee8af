from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, save

from anyres_bench.core.errors import DataError
from anyres_bench.core.files import cache_dir
from anyres_bench.leaderboard.checks import check
from anyres_bench.leaderboard.submission import Card
from anyres_bench.leaderboard.submitting import Enclosed, submit
from anyres_bench.results.record import seal
from tests.leaderboard.submitted import (
    cache_in,
    copied,
    over_sizes,
    resave,
    reseal,
    results_of,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made")
    with cache_in(home):
        submit(results_of(), home / "s", Card("MIT", "own photographs"), Enclosed("float32"))
    return home


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copied(made, tmp_path, monkeypatch)
    return tmp_path / "s"


def failed(folder: Path) -> dict[str, str]:
    return {v.rule: v.said for v in check(folder).verdicts if v.state == "failed"}


def test_an_honest_one_is_recomputed(folder: Path) -> None:
    checked = check(folder)
    assert not failed(folder)
    assert (checked.fits, checked.tier, len(checked.records)) == (True, "recomputed", 2)


@pytest.mark.parametrize(("features", "tier"), [("none", "submitted"), ("float16", "recomputed")])
def test_tiers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, tier: str) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    submit(results_of(), tmp_path / "s", Card("MIT", "x"), Enclosed(features))
    assert check(tmp_path / "s").tier == tier


def test_strata_are_put_together_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    submit([over_sizes()], tmp_path / "s", Card("MIT", "x"), Enclosed("float32"))
    assert not failed(tmp_path / "s")
    assert check(tmp_path / "s").tier == "recomputed"


@pytest.mark.parametrize(
    ("features", "moved", "fits"),
    [("float16", 0.01, True), ("float16", 0.05, False), ("float32", 0.01, False)],
)
def test_a_null_band_moves_with_float16_as_its_value_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str, moved: float, fits: bool
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    results = results_of(metrics=("detectability-permutations19",))
    submit(results, tmp_path / "s", Card("MIT", "x"), Enclosed(features))

    def move(body: dict[str, object]) -> None:
        body["values"]["auc_null_high"] += moved  # type: ignore[index]

    edit_record(tmp_path / "s", move, honest=False)
    assert ("values against features" not in failed(tmp_path / "s")) is fits


def first(folder: Path, part: str) -> Path:
    return sorted((folder / part).iterdir())[0]


def edit_record(folder: Path, edit: Callable[[dict[str, object]], object], honest: bool) -> None:
    """Change a record; `honest` leaves its seal and its digest as they were."""
    path = first(folder, "records/mine")
    body = json.loads(path.read_text())
    edit(body)
    if not honest:
        body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    if not honest:
        reseal(folder, path.relative_to(folder).as_posix())


def value(body: dict[str, object]) -> None:
    body["values"]["frechet"] *= 0.9  # type: ignore[index]


def bound(body: dict[str, object]) -> None:
    body["intervals"]["frechet"]["low"] *= 0.5  # type: ignore[index]


def count(body: dict[str, object]) -> None:
    body["n_fake"] = 39


def leak(body: dict[str, object]) -> None:
    body["fake"] = {"n_images": 9, "n_survivors": 9, "n_in_reference": 2, "rejects": {}}


def other(body: dict[str, object]) -> None:
    body["model"]["id"] = "theirs"  # type: ignore[index]


def task(body: dict[str, object]) -> None:
    body["task"] = body["task"].replace("@1", "@7")  # type: ignore[attr-defined]


@pytest.mark.parametrize("edit", [value, bound, count, leak, other, task])
def test_an_edited_record_is_refused(folder: Path, edit: Callable[..., None]) -> None:
    edit_record(folder, edit, honest=True)
    assert {"digests", "records"} <= failed(folder).keys()


@pytest.mark.parametrize(
    ("edit", "rule"),
    [
        (value, "values against features"),
        (bound, "values against features"),
        (count, "counts"),
        (leak, "leaks"),
        (other, "one model"),
        (task, "tasks"),
    ],
)
def test_so_is_one_that_was_sealed_again(
    folder: Path, edit: Callable[..., None], rule: str
) -> None:
    edit_record(folder, edit, honest=False)
    assert rule in failed(folder)


def test_one_feature_changed(folder: Path) -> None:
    path = first(folder, "features")
    resave(path, lambda tensors: {**tensors, "features": moved(tensors["features"])})
    assert "digests" in failed(folder)
    reseal(folder, path.relative_to(folder).as_posix())
    assert failed(folder).keys() == {"values against features"}


def moved(rows: np.ndarray) -> np.ndarray:
    """The same with one number changed."""
    rows = rows.copy()
    rows[3, 1] += 1
    return rows


def test_a_header_that_names_other_samples(folder: Path) -> None:
    path = first(folder, "features")
    path.write_bytes(save(load(path.read_bytes()), {"samples": "{}", "extractor": "builtin-v1"}))
    reseal(folder, path.relative_to(folder).as_posix())
    assert "names other samples" in failed(folder)["values against features"]


def test_a_value_outside_its_own_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else tells it where neither features nor moments are enclosed."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    without_recipe(tmp_path / "s", Enclosed("none"))
    edit_record(tmp_path / "s", doubled, honest=False)
    assert failed(tmp_path / "s").keys() == {"intervals"}


def test_an_interval_of_another_confidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrow ones would stand beside those of 95 %, and tell models apart that are not."""
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "cache"))
    without_recipe(tmp_path / "s", Enclosed("none"))
    edit_record(tmp_path / "s", half_sure, honest=False)
    assert "interval of 0.5, expected one of 0.95" in failed(tmp_path / "s")["intervals"]


def half_sure(body: dict[str, object]) -> None:
    body["intervals"]["frechet"]["confidence"] = 0.5  # type: ignore[index]


def doubled(body: dict[str, object]) -> None:
    body["values"]["frechet"] *= 2  # type: ignore[index]


def without_recipe(folder: Path, enclosed: Enclosed) -> None:
    """A submission of results whose model nobody asked for on this machine."""
    results = results_of()
    shutil.rmtree(cache_dir() / "specs")
    submit(results, folder, Card("MIT", "x"), enclosed)


def extractor(body: dict[str, object]) -> None:
    body["extractor"]["id"] = "inception-v3"  # type: ignore[index]


def images(body: dict[str, object]) -> None:
    body["dataset"]["id"] = "theirs"  # type: ignore[index]


@pytest.mark.parametrize("edit", [extractor, images])
def test_a_record_of_another_extractor_or_images_than_its_task(
    folder: Path, edit: Callable[..., None]
) -> None:
    edit_record(folder, edit, honest=False)
    assert "its task says" in failed(folder)["tasks"]


@pytest.mark.parametrize("name", ["submission.json", "a record", "a header"])
def test_a_key_that_stands_twice(folder: Path, name: str) -> None:
    """Readers differ in which of the two they take, so the seal would fit one of them."""
    if name == "submission.json":
        path = folder / name
        path.write_text(path.read_text().replace("{", '{"model": "theirs", ', 1))
        assert "'model' stands twice" in failed(folder)["manifest"]
    elif name == "a record":
        path = first(folder, "records/mine")
        path.write_text(path.read_text().replace('"values": {', '"values": {"frechet": 0.1, ', 1))
        reseal(folder, path.relative_to(folder).as_posix())
        assert "'frechet' stands twice" in failed(folder)["records"]
    else:
        path = first(folder, "features")
        header, rest = split(path.read_bytes())
        header = header.replace(b"{", b'{"__metadata__": {}, ', 1)
        path.write_bytes(len(header).to_bytes(8, "little") + header + rest)
        reseal(folder, path.relative_to(folder).as_posix())
        assert "stands twice" in failed(folder)["values against features"]


def split(data: bytes) -> tuple[bytes, bytes]:
    """Header and tensors of a safetensors file."""
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end], data[end:]


def test_one_sample_changed(folder: Path) -> None:
    (folder / "samples").mkdir()
    picture = folder / "samples" / "patch32-at32.png"
    Image.new("RGB", (64, 32)).save(picture)
    assert "not listed" in failed(folder)["digests"]
    reseal(folder, "samples/patch32-at32.png")
    assert not failed(folder)
    Image.new("RGB", (64, 32), "red").save(picture)
    assert "digests" in failed(folder)


def test_one_digest_changed(folder: Path) -> None:
    path = folder / "submission.json"
    body = json.loads(path.read_text())
    name = next(iter(body["files"]))
    body["files"][name]["sha256"] = "0" * 64
    path.write_text(json.dumps(body))
    assert "manifest" in failed(folder)
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    assert "digests" in failed(folder)


@pytest.mark.parametrize("date", ["2999-01-01T00:00:00Z", "yesterday", "2026-13-01T00:00:00Z"])
def test_one_date_changed(folder: Path, date: str) -> None:
    path = folder / "submission.json"
    body = json.loads(path.read_text()) | {"created": date}
    path.write_text(json.dumps(body))
    assert "manifest" in failed(folder)
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    assert "date" in failed(folder)


def test_a_damaged_record_casts_no_doubt_on_the_others(folder: Path) -> None:
    names = sorted(p.relative_to(folder).as_posix() for p in folder.glob("records/mine/*.json"))
    (folder / names[0]).write_text("{}")
    assert names[0] in failed(folder)["records"]
    assert len(check(folder).records) == len(names) - 1
    (folder / names[1]).write_text("{}")
    assert all(name in failed(folder)["records"] for name in names)


def test_two_records_of_one_key(folder: Path) -> None:
    path = first(folder, "records/mine")
    again = path.with_name("again.json")
    again.write_bytes(path.read_bytes())
    reseal(folder, again.relative_to(folder).as_posix())
    assert failed(folder).keys() == {"no record twice"}


@pytest.mark.parametrize(
    "name",
    ["samples/a.html", "notes.txt", "records/.hidden", "records/mine/x.exe", "samples/a.svg"],
)
def test_files_of_other_kinds_are_refused(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("<script>alert(1)</script>")
    assert "layout" in failed(folder)


@pytest.mark.parametrize("kind", ["link", "folder link", "pipe"])
def test_links_and_pipes_are_not_opened(folder: Path, tmp_path: Path, kind: str) -> None:
    (folder / "samples").mkdir()
    place = folder / "samples" / "a.png"
    if kind == "link":
        place.symlink_to("/etc/hostname")
    elif kind == "folder link":
        (folder / "samples").rmdir()
        (folder / "samples").symlink_to(tmp_path)
    else:
        os.mkfifo(place)
    assert "layout" in failed(folder)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "records/../../x", "a\x1b[31m"])
def test_paths_that_climb_in_the_manifest(folder: Path, name: str) -> None:
    path = folder / "submission.json"
    body = json.loads(path.read_text())
    body["files"][name] = {"n_bytes": 1, "sha256": "0" * 64}
    body["seal"] = seal(body)
    path.write_text(json.dumps(body))
    assert "digests" in failed(folder)


def test_a_picture_larger_than_it_looks(folder: Path) -> None:
    (folder / "samples").mkdir()
    Image.new("L", (3000, 3000)).save(folder / "samples" / "a.png")
    reseal(folder, "samples/a.png")
    assert "samples" in failed(folder)


def test_too_many_patches(folder: Path) -> None:
    (folder / "samples").mkdir()
    Image.new("L", (33 * 8, 8)).save(folder / "samples" / "a.png")
    reseal(folder, "samples/a.png")
    assert "33 patches" in failed(folder)["samples"]


def test_features_of_no_record(folder: Path) -> None:
    tensors = {"index": np.arange(2), "group": np.arange(2), "features": np.zeros((2, 2), "f4")}
    (folder / "features" / "z.safetensors").write_bytes(save(tensors))
    reseal(folder, "features/z.safetensors")
    assert "belongs to no record" in failed(folder)["values against features"]


def test_fewer_features_than_the_record_says(folder: Path) -> None:
    path = first(folder, "features")
    resave(path, lambda tensors: {name: tensor[:-1] for name, tensor in tensors.items()})
    reseal(folder, path.relative_to(folder).as_posix())
    assert "the record says 40" in failed(folder)["values against features"]


def test_nothing_is_well_after_an_error(folder: Path) -> None:
    (folder / "submission.json").write_text("{")
    checked = check(folder)
    assert not checked.fits
    assert checked.tier == ""


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leaderboard submit"):
        check(tmp_path / "none")


def test_a_flipped_bit_is_refused_or_changes_nothing(folder: Path) -> None:
    """In records, features, pictures, the card and the list of files."""
    want = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    assert len(want) > 4
    for path, whole in want.items():
        for bit in np.random.default_rng(len(whole)).integers(0, 8 * len(whole), 3):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            assert not check(folder).fits, (path, bit)
        path.write_bytes(whole)
    assert check(folder).fits

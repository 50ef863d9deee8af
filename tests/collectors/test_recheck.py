"""Withdrawn photographs are found out and dropped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from anyres_bench.collectors.flickr_api import KEY_VARIABLE, FlickrApi
from anyres_bench.collectors.recheck import photo_of, withdrawn
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.records import ImageRecord
from anyres_bench.fetching.limits import TokenBuckets
from tests.collectors.doubles import FlickrDouble, Photo

ROOT = Path(__file__).resolve().parents[2]
PHOTOS = [
    Photo("1000", 9, 9),
    Photo("1001", 9, 9, fault="gone"),
    Photo("1002", 9, 9, fault="private"),
    Photo("1003", 9, 9, licence=0),
    Photo("1004", 9, 9, tags=("bird", "no_cv")),
]
EXPECTED = {"1001": "not-found", "1002": "private", "1003": "licence", "1004": "objection"}


def record(photo: str, page: str = "https://www.flickr.com/photos/u/{}/") -> ImageRecord:
    return ImageRecord(
        file_name=f"{photo}.png",
        sha256=photo,
        n_bytes=1,
        height=9,
        width=9,
        source_url=page.format(photo),
        licence_id="CC-BY-2.0",
    )


@pytest.mark.parametrize("photo", [photo.id for photo in PHOTOS])
def test_reasons(photo: str) -> None:
    with FlickrDouble(PHOTOS).run() as double:
        api = FlickrApi(double.key, double.api, TokenBuckets(), lambda seconds: None)
        assert withdrawn(record(photo), api, []) == EXPECTED.get(photo)
        assert withdrawn(record(photo, "https://example.org/{}"), api, []) is None
        assert double.calls["getInfo"] == 1


def test_other_sources_are_no_photos() -> None:
    assert photo_of(record("5", "https://example.org/photos/u/{}")) is None
    assert photo_of(record("5", "http://flickr.com/photos/a@b/{}")) == "5"


def test_the_command_drops_them(tmp_path: Path) -> None:
    photos = [Photo(str(1000 + i), 60, 40) for i in range(3)]
    (tmp_path / "ids.txt").write_text("".join(f"4_{photo.id}.jpg\n" for photo in photos))
    size = '[size]\nmode = "HR"\nmin_side = 20\n'
    (tmp_path / "domain.toml").write_text(f'source = "flickr-test"\n[list]\n{size}')
    out = str(tmp_path / "out")
    with FlickrDouble(photos).run() as double:
        command = [sys.executable, "-m", "anyres_bench"]
        env = {KEY_VARIABLE: double.key, "PATH": ""}
        api = ["--api", double.api, "--calls-per-hour", "10000000"]
        collect = ["collect", "flickr", str(tmp_path / "domain.toml"), out, *api, "--allow-private"]
        collect += ["--ids", str(tmp_path / "ids.txt")]
        collect += ["--licences", "CC-BY-2.0", "--near-duplicates", "keep"]

        def run(*arguments: str) -> str:
            call = [*command, *arguments]
            options = {"cwd": ROOT, "env": env, "capture_output": True, "text": True}
            return subprocess.run(call, check=True, **options).stdout  # type: ignore[call-overload]

        run(*collect)
        photos[1].fault, photos[2].licence = "gone", 0
        for extra, left in [([], 3), (["--drop"], 1)]:
            assert "1 of 3 photographs may stay" in run("recheck", out, *api, *extra)
            assert len(Dataset.read(Path(out)).manifest) == left
        run(*collect)
        assert [r.source_id for r in Dataset.read(Path(out)).manifest] == ["1000"]
    assert len(list(Path(out).rglob("*.jpg"))) == 1

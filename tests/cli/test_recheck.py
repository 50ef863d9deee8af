"""`recheck` from the command line: withdrawn photographs are found out and dropped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from anyres_bench.collectors.flickr_api import KEY_VARIABLE
from anyres_bench.data.dataset import Dataset
from tests.collectors.doubles import FlickrDouble, Photo

ROOT = Path(__file__).resolve().parents[2]


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

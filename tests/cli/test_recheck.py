"""`recheck` from the command line: withdrawn photographs are found out and dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.collectors.flickr_key import KEY_VARIABLE
from anyres_bench.data.dataset import Dataset
from tests.cli.calls import call
from tests.collectors.doubles import FlickrDouble, Photo


def test_the_command_drops_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = [Photo(str(1000 + i), 60, 40) for i in range(3)]
    (tmp_path / "ids.txt").write_text("".join(f"4_{photo.id}.jpg\n" for photo in photos))
    size = '[size]\nmode = "HR"\nmin_side = 20\n'
    (tmp_path / "domain.toml").write_text(f'source = "flickr-test"\n[list]\n{size}')
    out = str(tmp_path / "out")
    with FlickrDouble(photos).run() as double:
        monkeypatch.setenv(KEY_VARIABLE, double.key)
        api = ["--api", double.api, "--calls-per-hour", "10000000"]
        collect = ["collect", "flickr", str(tmp_path / "domain.toml"), out, *api, "--allow-private"]
        collect += ["--ids", str(tmp_path / "ids.txt")]
        collect += ["--licences", "CC-BY-2.0", "--near-duplicates", "keep"]

        def run(*arguments: str) -> str:
            code, said, _ = call(capfd, *arguments)
            assert code == 0
            return said

        run(*collect)
        photos[1].fault, photos[2].licence = "gone", 0
        for extra, left in [([], 3), (["--drop"], 1)]:
            assert "1 of 3 photographs may stay" in run("recheck", out, *api, *extra)
            assert len(Dataset.read(Path(out)).manifest) == left
        run(*collect)
        assert [r.source_id for r in Dataset.read(Path(out)).manifest] == ["1000"]
    assert len(list(Path(out).rglob("*.jpg"))) == 1


@pytest.mark.parametrize("what", ["images", "picture", "shard"])
def test_what_a_link_leads_to_is_not_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], what: str
) -> None:
    """A dataset that somebody sent may hold links; what they lead to is not its own."""
    photos = [Photo(str(1000 + i), 60, 40) for i in range(2)]
    (tmp_path / "ids.txt").write_text("".join(f"4_{photo.id}.jpg\n" for photo in photos))
    (tmp_path / "domain.toml").write_text(
        'source = "flickr-test"\n[list]\n[size]\nmode = "HR"\nmin_side = 20\n'
    )
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    with FlickrDouble(photos).run() as double:
        monkeypatch.setenv(KEY_VARIABLE, double.key)
        api = ["--api", double.api, "--calls-per-hour", "10000000"]
        collect = ["collect", "flickr", str(tmp_path / "domain.toml"), str(out), *api]
        collect += ["--ids", str(tmp_path / "ids.txt"), "--licences", "CC-BY-2.0"]
        collect += ["--near-duplicates", "keep", "--allow-private"]
        assert call(capfd, *collect)[0] == 0
        gone = next(path for path in out.rglob("*.jpg") if "1001" in path.name)
        linked = {"images": out / "images", "picture": gone, "shard": gone.parent}[what]
        linked.rename(elsewhere)
        linked.symlink_to(elsewhere, target_is_directory=elsewhere.is_dir())
        before = sorted((p, p.is_file() and p.read_bytes()) for p in elsewhere.rglob("*"))
        photos[1].fault = "gone"
        code, _, told = call(capfd, "recheck", str(out), *api, "--drop")
    assert sorted((p, p.is_file() and p.read_bytes()) for p in elsewhere.rglob("*")) == before
    assert elsewhere.exists()
    assert "Traceback" not in told
    if what == "picture":
        assert code == 0
        assert not gone.is_symlink()
    else:
        assert code != 0
        assert "link" in told

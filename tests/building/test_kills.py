"""SIGKILL at any moment loses nothing and duplicates nothing."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from anyres_bench.core.files import sha256_file
from anyres_bench.data.dataset import Dataset
from tests.servers import Handler, ImageHost, photo, send_file, serve

N_IMAGES = 400
N_KILLS = 20  # while there is work
N_KILLS_AFTERWARDS = 4  # while the dataset is written
ANSWER_S = 0.3  # so that eight threads need longer than the kills leave them


def collect(url_list: Path, out: Path, n_processes: int, *options: str) -> list[str]:
    return [
        *(sys.executable, "-m", "anyres_bench", "collect", "urls", str(url_list), str(out)),
        *("--id", "kills", "--allow-private", "--rate", "0", "--per-host", "8", "--threads", "8"),
        *("--processes", str(n_processes), "--measure", "decode", *options),
    ]


def done(out: Path) -> set[str]:
    """URLs of what the ledger calls done."""
    path = out / ".collect" / "ledger.sqlite"
    if not path.exists():
        return set()
    db = sqlite3.connect(path)
    try:
        query = "SELECT json_extract(candidate, '$.url') FROM candidates WHERE state = 'done'"
        return {row[0] for row in db.execute(query)}
    except sqlite3.OperationalError:  # killed before the tables were made
        return set()
    finally:
        db.close()


def killed(command: list[str], host: ImageHost, at_work: bool, seconds: float) -> None:
    """Run a command and kill it so many seconds after it began, or after its first request."""
    asked = host.hits.total()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
    if at_work:
        _wait_for_requests(host, asked, process)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("n_processes", [1, 2])
def test_twenty_kills(tmp_path: Path, n_processes: int) -> None:
    rng = random.Random(1)
    photos = {f"/{i}.jpg": photo(i, 64 + i % 40, 80) for i in range(N_IMAGES)}

    def answer(h: Handler) -> None:
        time.sleep(ANSWER_S)
        send_file(h, photos[h.path])

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "list.txt").write_text("\n".join(map(host.url, photos)))
        out = tmp_path / "out"
        command = collect(tmp_path / "list.txt", out, n_processes)
        longest = 1.0  # a slow machine has done nothing by then, and proves nothing
        for _ in range(N_KILLS):
            before, asked = done(out), Counter(host.hits)
            killed(command, host, True, rng.choice([0.0, rng.uniform(0.0, longest)]))
            after = done(out)
            few = len(after) - len(before) <= N_IMAGES / N_KILLS
            longest *= 1.5 if not after else 1.0 if few else 0.7  # work is left for the last kill
            assert before <= after, "nothing that was done is lost"
            again = {url for url in before if host.hits[_path(url)] > asked[_path(url)]}
            assert not again, "nothing that was done is asked for again"
            assert not (out / "dataset.json").exists()
        assert 0 < len(done(out)) < N_IMAGES, "all kills came while there was work"
        subprocess.run(command, check=True, capture_output=True)
        wasted = host.hits.total() - N_IMAGES
        assert wasted <= N_KILLS * (8 + 64), "at most what was under way or not yet committed"
        host.hits.clear()
        for _ in range(N_KILLS_AFTERWARDS):
            killed(command, host, False, rng.uniform(0.5, 2.5))
            assert len(done(out)) == N_IMAGES
        subprocess.run(command, check=True, capture_output=True)
        assert not host.hits, "nothing to do, nothing asked"
        calm = collect(tmp_path / "list.txt", tmp_path / "calm", 1)
        subprocess.run(calm, check=True, capture_output=True)
    assert_same(Dataset.read(out), Dataset.read(tmp_path / "calm"))


def assert_same(killed: Dataset, calm: Dataset) -> None:
    """The same dataset, each of its files whole and none beside them."""
    assert killed.digest == calm.digest
    assert len(killed.manifest) == N_IMAGES
    stored = sorted(path.name for path in (killed.folder / "images").rglob("*.*"))
    assert stored == sorted(Path(record.file_name).name for record in killed.manifest)
    assert not list((killed.folder / ".collect" / "incoming").iterdir())
    for record in killed.manifest:
        assert sha256_file(killed.path(record)) == record.sha256


def _path(url: str) -> str:
    return "/" + url.rsplit("/", 1)[1]


def _wait_for_requests(host: ImageHost, asked: int, process: subprocess.Popen[bytes]) -> None:
    """Until the run is at work; some kills come before its first request."""
    end = time.monotonic() + 20
    while host.hits.total() == asked and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("n_processes", [1, 2])
def test_control_c_is_heard_at_once(tmp_path: Path, n_processes: int) -> None:
    with serve(ImageHost(default=lambda h: (time.sleep(0.2), send_file(h, photo(1))))) as host:
        (tmp_path / "list.txt").write_text("\n".join(host.url(f"/{i}") for i in range(2000)))
        process = subprocess.Popen(
            collect(tmp_path / "list.txt", tmp_path / "out", n_processes),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        _wait_for_requests(host, 0, process)
        end = time.monotonic() + 60
        while not done(tmp_path / "out") and time.monotonic() < end:
            time.sleep(0.1)
        start = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 130
        assert time.monotonic() - start < 6
        assert b"the same command goes on where it was" in errors
        assert done(tmp_path / "out")

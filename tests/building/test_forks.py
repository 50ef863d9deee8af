"""A run in several processes: what comes out, who waits for whom, and how it ends."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from anyres_bench.building.assemble import Built
from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import DatasetError
from anyres_bench.fetching.http import Policy
from tests.servers import Handler, ImageHost, photo, send, send_file, serve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks without harm"),
]
QUICK = Policy(backoff_s=0.05, n_retries=2, allow_private=True)
ROOT = Path(__file__).parents[2]


def run(
    folder: Path, host: ImageHost, n: int, measure: str = "header", **resources: float
) -> Built:
    """Collect n pictures of the host by three processes."""
    host.files |= {f"/{i}.jpg": photo(i, 40 + i % 7, 50) for i in range(n)}
    folder.parent.mkdir(exist_ok=True)
    (url_list := folder.parent / "l.txt").write_text("\n".join(map(host.url, host.files)))
    order = Order(Urls(url_list), folder, "u", Rules(measure=measure))
    settings = ResourceLimits(**{"processes": 3, "rate": 0.0, **resources})  # type: ignore[arg-type]
    return build(order, LocalEngine(settings, QUICK))


@pytest.mark.parametrize("measure", ["header", "decode"])
def test_as_many_processes_as_told_make_the_same_dataset(tmp_path: Path, measure: str) -> None:
    with serve(ImageHost()) as host:
        alone = run(tmp_path / "alone", host, 60, measure, processes=1)
        n_processes = 4 if measure == "header" else 3
        all_there, before = threading.Event(), set(multiprocessing.active_children())

        def answer(h: Handler) -> None:
            end = time.monotonic() + 10
            while not all_there.is_set() and time.monotonic() < end:
                if len(set(multiprocessing.active_children()) - before) == n_processes:
                    all_there.set()
                time.sleep(0.01)
            send_file(h, host.files[h.path])

        host.routes |= {f"/{i}.jpg": answer for i in range(60)}
        together = run(tmp_path / "together", host, 60, measure)
    assert all_there.is_set()
    assert together.dataset.digest == alone.dataset.digest
    assert len(together.dataset.manifest) == 60
    assert not set(multiprocessing.active_children()) - before


def test_one_rate_for_all(tmp_path: Path) -> None:
    with serve(ImageHost()) as host:
        run(tmp_path / "out", host, 40, rate=20.0)
        moments = sorted(moment for _, moment in host.starts)
    burst = 10  # of each, if each had buckets of its own: all forty at once
    assert moments[-1] - moments[0] > (40 - burst) / 20 / 2


@pytest.mark.parametrize("measure", ["header", "decode"])
def test_few_of_one_host_at_once(tmp_path: Path, measure: str) -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def answer(h: Handler) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.05)
        with lock:
            under_way -= 1
        send_file(h, host.files[h.path])

    with serve(ImageHost()) as host:
        host.routes |= {f"/{i}.jpg": answer for i in range(60)}
        run(tmp_path / "out", host, 60, measure, per_host=5)
    assert 3 <= most <= 5


def test_who_is_told_to_wait_tells_all(tmp_path: Path) -> None:
    told: list[float] = []

    def answer(h: Handler) -> None:
        if told:
            return send_file(h, host.files["/7.jpg"])
        told.append(time.monotonic())
        return send(h, b"later", 429, Retry_After="1")

    with serve(ImageHost()) as host:
        host.routes["/7.jpg"] = answer
        assert len(run(tmp_path / "out", host, 60).dataset.manifest) == 60
        early = [m for _, m in host.starts if told[0] + 0.05 < m < told[0] + 0.95]
    assert len(early) < 10, "what had begun already"


def test_one_that_dies_ends_the_run_and_the_next_goes_on(tmp_path: Path) -> None:
    def kill(h: Handler) -> None:
        del host.routes["/30.jpg"]
        for process in multiprocessing.active_children():  # one of them has asked
            process.kill()
        send_file(h, host.files["/30.jpg"])

    with serve(ImageHost()) as host:
        host.routes["/30.jpg"] = kill
        with pytest.raises(DatasetError, match="process of the run died"):
            run(tmp_path / "out", host, 60)
        assert not multiprocessing.active_children()
        assert len(run(tmp_path / "out", host, 60).dataset.manifest) == 60


@pytest.mark.parametrize("signal_", ["SIGINT", "SIGHUP"])
def test_an_interrupt_while_they_start_is_for_their_parent(tmp_path: Path, signal_: str) -> None:
    first = (
        "import os, signal, sys; from anyres_bench.cli.main import main; os.register_at_fork("
        f"after_in_child=lambda: os.kill(os.getpid(), signal.{signal_})); main(sys.argv[1:])"
    )
    with serve(ImageHost()) as host:
        host.files |= {f"/{i}.jpg": photo(i, 40, 50) for i in range(12)}
        (tmp_path / "l.txt").write_text("\n".join(map(host.url, host.files)))
        command = [sys.executable, "-c", first, "collect", "urls", str(tmp_path / "l.txt")]
        command += [str(tmp_path / "out"), "--allow-private", "--rate", "0", "--processes", "3"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    assert "12 images" in ended.stdout
    assert not ended.stderr


@pytest.mark.parametrize(("signal_", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_processes_end_with_their_parent(
    tmp_path: Path, signal_: signal.Signals, code: int
) -> None:
    def answer(h: Handler) -> None:
        time.sleep(20)
        send(h, b"")

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "l.txt").write_text("\n".join(host.url(f"/{i}.jpg") for i in range(40)))
        command = [sys.executable, "-m", "anyres_bench", "collect", "urls", str(tmp_path / "l.txt")]
        command += [str(tmp_path / "out"), "--allow-private", "--rate", "0", "--processes", "3"]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        while host.hits.total() < 8:
            assert process.poll() is None
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 3
        process.send_signal(signal_)
        _, told = process.communicate(timeout=30)
        assert process.returncode == code
        assert "Traceback" not in told
        end = time.monotonic() + 5
        while any(map(_is_alive, children)) and time.monotonic() < end:
            time.sleep(0.05)
        assert not any(map(_is_alive, children))


def _is_alive(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

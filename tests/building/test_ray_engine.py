"""The same steps on a real Ray cluster of two nodes, one of which dies half-way."""

from __future__ import annotations

import builtins
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.outcomes import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.ray_engine import SHARD, RayEngine
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.flickr import Flickr
from anyres_bench.collectors.scenes import Scenes
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import DatasetError, UsageError
from anyres_bench.data.dataset import Dataset
from anyres_bench.fetching.http import Policy
from tests.building.rogues import Remote, candidate, given
from tests.collectors.doubles import FlickrDouble, Photo
from tests.servers import Handler, ImageHost, photo, send, send_file, serve

QUICK = Policy(backoff_s=0.05, n_retries=2, allow_private=True)
RULES = Rules(measure="decode")
N_IMAGES = 600
RATE = 60.0
WAIT_S = 60.0  # for a node of a busy machine


def processes_below(pid: int) -> set[int]:
    """Children of a process, theirs, and so on."""
    found = set()
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text().split()):
                found |= {child, *processes_below(child)}
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_without_ray_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_ray(name: str, *rest: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(UsageError, match="pip install 'anyres-bench"):
        build(Order(given("1"), tmp_path / "out", "g", RULES), RayEngine())


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A node of one CPU on this machine, where the driver is, and a second beside it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 100 << 20,
            "include_dashboard": False,
        },
    )
    try:
        cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes(timeout=60)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.fixture
def second_node(cluster: Any) -> Any:
    """The node beside the driver's, at work already; a new one where a test has killed it."""
    import ray

    if not cluster.worker_nodes:
        cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
        cluster.wait_for_nodes(timeout=60)
    (other,) = cluster.worker_nodes
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(other.node_id, soft=False)
    # Its first process may take half a minute on a busy machine; it stays for the tasks to come.
    ray.get(ray.remote(num_cpus=1, scheduling_strategy=there)(lambda: None).remote(), timeout=120)
    return other


@pytest.mark.slow
def test_a_node_dies_half_way(cluster: Any, second_node: Any, tmp_path: Path) -> None:
    n_twice = N_IMAGES // 20  # answer 503 at first
    photos = {f"/{i}.jpg": photo(i, 64 + i % 40, 80) for i in range(N_IMAGES)}
    hold, go_on, held = threading.Event(), threading.Event(), threading.Semaphore(0)

    def answer(h: Handler) -> None:
        number = int(h.path[1:].split(".")[0])
        if hold.is_set() and number % 20 != 8:
            held.release()
            go_on.wait(2 * WAIT_S)
        if number % 20 == 7:
            send(h, b"gone", 404)
        elif number % 20 == 8 and host.hits[h.path] == 1:
            send(h, b"", 503)
        else:
            send_file(h, photos[h.path])

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "list.txt").write_text("\n".join(map(host.url, photos)))
        urls = Urls(tmp_path / "list.txt")
        resources = ResourceLimits(threads=8, processes=1, rate=RATE)
        done: list[Outcome] = []

        def kill_a_node(outcome: Outcome) -> None:
            done.append(outcome)
            if len(done) == N_IMAGES // 3:
                hold.set()  # until more wait than one node has threads: both are in a shard
                until = time.monotonic() + WAIT_S
                waiting = [
                    held.acquire(timeout=max(until - time.monotonic(), 0))
                    for _ in range(resources.threads + 1)
                ]
                [raylet] = second_node.all_processes["raylet"]
                workers = processes_below(raylet.process.pid)
                cluster.remove_node(second_node, allow_graceful=False)
                while any(map(is_running, workers)) and time.monotonic() < until + WAIT_S:
                    time.sleep(0.1)  # else one could end its shard before it knows
                hold.clear()
                go_on.set()
                assert all(waiting), "both nodes are in the middle of a shard"
                assert workers
                assert not any(map(is_running, workers))

        start = time.monotonic()
        on_ray = build(
            Order(urls, tmp_path / "ray", "r", RULES),
            RayEngine(resources, replace(QUICK, stall_s=3 * WAIT_S)),
            on_outcome=kill_a_node,
        )
        seconds = time.monotonic() - start
        assert len(done) == N_IMAGES, "each candidate is reported once"
        assert host.hits.total() > N_IMAGES + n_twice, "the dead node's shard was done again"
        asked = host.hits.total() - resources.buckets({}).default.burst
        assert seconds > asked / RATE, "all machines together keep to the rate"
        host.hits.clear()
        again = build(Order(urls, tmp_path / "ray", "r", RULES), RayEngine(resources, QUICK))
        assert not host.hits, "nothing to do, nothing asked"
        here = build(
            Order(urls, tmp_path / "here", "r", RULES),
            LocalEngine(ResourceLimits(threads=8, processes=2, rate=0), QUICK),
        )
    assert on_ray.dataset.digest == again.dataset.digest == here.dataset.digest
    assert on_ray.rejects == here.rejects == {"http-404": N_IMAGES // 20}
    stored = [p.name for p in (tmp_path / "ray" / "images").rglob("*.*")]
    assert sorted(stored) == sorted(p.name for p in (tmp_path / "here/images").rglob("*.*"))
    assert not list((tmp_path / "ray" / ".collect" / "incoming").iterdir())


@pytest.mark.slow
def test_the_calls_of_an_api_are_paced_for_all_machines(second_node: Any, tmp_path: Path) -> None:
    n_photos, per_s = 200, 40
    photos = [Photo(str(1000 + i), 300, 220) for i in range(n_photos)]
    (tmp_path / "ids.txt").write_text("\n".join(photo.id for photo in photos))
    size = '[size]\nmode = "HR"\nmin_side = 200\n'
    (tmp_path / "domain.toml").write_text(f'source = "f"\n[list]\n{size}')
    key_file = tmp_path / "key"
    key_file.touch(0o600)
    rules = Rules(licences=("CC-BY-2.0",), measure="header")
    engine = RayEngine(ResourceLimits(threads=8, rate=0), QUICK)
    with FlickrDouble(photos).run() as double:
        flickr = Flickr(
            str(tmp_path / "domain.toml"),
            ids=tmp_path / "ids.txt",
            key_file=key_file,
            api=double.api,
            calls_per_hour=3600 * per_s,
        )
        key_file.write_text("0123456789abcdef")
        with pytest.raises(UsageError, match="Invalid API Key"):
            build(Order(flickr, tmp_path / "out", "f", rules), engine)
        double.calls.clear()
        key_file.write_text(double.key)
        start = time.monotonic()
        built = build(Order(flickr, tmp_path / "out", "f", rules), engine)
        seconds = time.monotonic() - start
    assert double.calls == {"getInfo": n_photos, "getSizes": n_photos, "img": n_photos}
    assert seconds > (2 * n_photos - 1) / per_s
    assert len(built.dataset.manifest) == n_photos


@pytest.mark.slow
def test_a_local_collector_and_a_full_disk(cluster: Any, tmp_path: Path) -> None:
    scenes = Scenes(n=12, min_size=16, max_size=32)
    on_ray = build(Order(scenes, tmp_path / "ray", "s", RULES), RayEngine())
    here = build(
        Order(scenes, tmp_path / "here", "s", RULES), LocalEngine(ResourceLimits(processes=1))
    )
    assert on_ray.dataset.digest == here.dataset.digest
    with pytest.raises(DatasetError, match="No space left on device"):
        build(Order(given("1", "full"), tmp_path / "full", "g", RULES), RayEngine())


@pytest.mark.slow
def test_a_run_that_is_over_has_no_shard_left(second_node: Any, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    first = [candidate(f"live {sign}", key="given_live")]
    first += [candidate(f"{i}") for i in range(SHARD - 1)]
    second = [candidate(f"full beside {sign}", key="given_full")]
    order = Order(Remote((*first, *second)), tmp_path / "out", "g", RULES)
    with pytest.raises(DatasetError, match="No space left on device"):
        build(order, RayEngine(ResourceLimits(threads=1)))
    last = sign.read_text()
    time.sleep(0.5)
    assert sign.read_text() == last


@pytest.mark.slow
def test_the_command_joins_a_cluster_and_leaves_it_running(cluster: Any, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "anyres_bench", "collect", "scenes", "--n", "12"]
    command += ["--min-size", "32", "--max-size", "64", "--measure", "decode", "--id", "s"]
    address = ["--engine", "ray", "--ray-address"]
    run = [*command, *address, cluster.address, str(tmp_path / "ray")]
    subprocess.run(run, check=True, capture_output=True, timeout=120)
    subprocess.run([*command, str(tmp_path / "here")], check=True, capture_output=True)
    assert Dataset.read(tmp_path / "ray").digest == Dataset.read(tmp_path / "here").digest
    assert cluster.head_node.any_processes_alive()
    nobody = [*command, *address, "127.0.0.1:9", str(tmp_path / "nobody")]
    failed = subprocess.run(nobody, capture_output=True, text=True, timeout=60)
    assert failed.returncode == 2
    assert "no Ray cluster answers at 127.0.0.1:9" in failed.stderr

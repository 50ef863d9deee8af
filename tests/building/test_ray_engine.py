"""The same steps on a real Ray cluster of two nodes, one of which dies half-way."""

from __future__ import annotations

import builtins
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anyres_bench.building.engines import Effort, LocalEngine
from anyres_bench.building.ledger import Outcome
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.ray_engine import RayEngine
from anyres_bench.building.rules import Rules
from anyres_bench.collectors.urls import Urls
from anyres_bench.core.errors import UsageError
from anyres_bench.core.http import Policy
from tests.building.rogues import given
from tests.servers import Handler, ImageHost, photo, send, send_file, serve

QUICK = Policy(backoff_s=0.05, n_retries=2, allow_private=True)
RULES = Rules(measure="decode")
N_IMAGES = 600
RATE = 60.0


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
    """Two nodes of one CPU each on this machine; the driver is on the first."""
    ray = pytest.importorskip("ray", reason="pip install 'anyres-bench[ray]'")
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 1,
            "object_store_memory": 100 << 20,
            "include_dashboard": False,
        },
    )
    cluster.add_node(num_cpus=1, object_store_memory=100 << 20)
    ray.init(address=cluster.address, log_to_driver=False)
    cluster.wait_for_nodes()
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.slow
def test_a_node_dies_half_way(cluster: Any, tmp_path: Path) -> None:
    photos = {f"/{i}.jpg": photo(i, 64 + i % 40, 80) for i in range(N_IMAGES)}

    def answer(h: Handler) -> None:
        number = int(h.path[1:].split(".")[0])
        if number % 20 == 7:
            send(h, b"gone", 404)
        elif number % 20 == 8 and host.hits[h.path] == 1:
            send(h, b"", 503)
        else:
            send_file(h, photos[h.path])

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "list.txt").write_text("\n".join(map(host.url, photos)))
        urls = Urls(tmp_path / "list.txt")
        effort = Effort(threads=8, processes=1, rate=RATE)
        done: list[Outcome] = []

        def kill_a_node(outcome: Outcome) -> None:
            done.append(outcome)
            if len(done) == N_IMAGES // 3:
                (other,) = cluster.worker_nodes
                cluster.remove_node(other, allow_graceful=False)

        start = time.monotonic()
        on_ray = build(
            Order(urls, tmp_path / "ray", "r", RULES),
            RayEngine(effort, QUICK),
            on_outcome=kill_a_node,
        )
        seconds = time.monotonic() - start
        assert len(done) == N_IMAGES, "each candidate is reported once"
        assert host.hits.total() > N_IMAGES, "the dead node's shard was done again"
        asked = host.hits.total() - effort.buckets().default.burst
        assert seconds > asked / RATE, "all machines together keep to the rate"
        host.hits.clear()
        again = build(Order(urls, tmp_path / "ray", "r", RULES), RayEngine(effort, QUICK))
        assert not host.hits, "nothing to do, nothing asked"
        here = build(
            Order(urls, tmp_path / "here", "r", RULES),
            LocalEngine(Effort(threads=8, processes=2, rate=0), QUICK),
        )
    assert on_ray.dataset.digest == again.dataset.digest == here.dataset.digest
    assert on_ray.rejects == here.rejects == {"http-404": N_IMAGES // 20}
    stored = [p.name for p in (tmp_path / "ray" / "images").rglob("*.*")]
    assert sorted(stored) == sorted(p.name for p in (tmp_path / "here/images").rglob("*.*"))


@pytest.mark.slow
def test_a_local_collector_and_a_full_disk(cluster: Any, tmp_path: Path) -> None:
    from anyres_bench.collectors.scenes import Scenes
    from anyres_bench.core.errors import DatasetError

    scenes = Scenes(n=12, min_size=16, max_size=32)
    on_ray = build(Order(scenes, tmp_path / "ray", "s", RULES), RayEngine())
    here = build(Order(scenes, tmp_path / "here", "s", RULES), LocalEngine(Effort(processes=1)))
    assert on_ray.dataset.digest == here.dataset.digest
    with pytest.raises(DatasetError, match="No space left on device"):
        build(Order(given("1", "full"), tmp_path / "full", "g", RULES), RayEngine())

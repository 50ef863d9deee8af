"""One process' run: threads are added while hosts let them wait."""

from __future__ import annotations

import threading
from pathlib import Path

from anyres_bench.building.engines import LocalEngine
from anyres_bench.building.pipeline import Order, build
from anyres_bench.building.resources import ResourceLimits
from anyres_bench.collectors.urls import Urls
from anyres_bench.fetching.http import Policy
from tests.building.builds import HEADER
from tests.servers import Handler, ImageHost, photo, send, serve


def test_slow_hosts_are_asked_by_all_threads(tmp_path: Path) -> None:
    """A host that answers only when twelve ask at once; threads are added while they wait."""
    together = threading.Barrier(12, timeout=30)

    def answer(h: Handler) -> None:
        together.wait()
        send(h, photo(int(h.path[1:]), 32, 32))

    with serve(ImageHost(default=answer)) as host:
        (tmp_path / "list.txt").write_text("\n".join(host.url(f"/{i}") for i in range(24)))
        engine = LocalEngine(
            ResourceLimits(threads=12, per_host=12, rate=0), Policy(allow_private=True)
        )
        built = build(Order(Urls(tmp_path / "list.txt"), tmp_path / "out", "u", HEADER), engine)
    assert len(built.dataset.manifest) == 24
    assert host.hits.total() == 24

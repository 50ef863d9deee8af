"""A million sizes through every tiler: the vectorised listings against the plans, in one run.

    python -m benchmarks.tilers [--sizes 1000000] [--plans 2000] [--workers 2]
        [--out benchmarks/results/tilers.json]

Sizes are drawn log-uniformly from 1 to 40,000 px a side. The listings run in chunks on `--workers`
threads; the plans, one size at a time on one core, are timed on the first `--plans` sizes and held
against the listing to the last number. Seconds depend on what else the machine does, so CPU seconds
of the process are given beside them.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from anyres_bench import __version__
from anyres_bench.core.errors import ImageError
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.tilers import TILERS, load
from anyres_bench.tilers.plan import Listing, Tiler

CHUNK = 1 << 15


def sizes(n: int) -> NDArray[np.int64]:
    """(n, 2) heights and widths."""
    drawn = np.exp(stream(0, "tilers-benchmark").uniform((n, 2)) * np.log(40_000))
    return np.maximum(1, drawn.astype(np.int64))


def listed(
    tiler: Tiler, chosen: NDArray[np.int64], workers: int
) -> tuple[list[Listing], float, float]:
    """Listings chunk by chunk, seconds, and CPU seconds."""
    parts = [chosen[start : start + CHUNK] for start in range(0, len(chosen), CHUNK)]
    wall, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(workers) as pool:
        listings = list(pool.map(lambda part: tiler.listing(part[:, 0], part[:, 1]), parts))
    return listings, time.perf_counter() - wall, time.process_time() - cpu


def planned(tiler: Tiler, chosen: NDArray[np.int64]) -> tuple[list[list[int]], float]:
    """Resized sizes, regions and tokens of plans, and CPU seconds a size."""
    start, rows = time.process_time(), []
    for height, width in chosen.tolist():
        try:
            plan = tiler.plan(Size(height, width))
            rows.append([*plan.resized, len(plan.regions), plan.tokens])
        except ImageError:
            rows.append([-1] * 4)
    return rows, (time.process_time() - start) / max(len(chosen), 1)


def measured(name: str, chosen: NDArray[np.int64], n_plans: int, workers: int) -> dict[str, Any]:
    tiler = load(name)
    listings, wall, cpu = listed(tiler, chosen, workers)
    rows, each = planned(tiler, chosen[:n_plans])
    got = np.concatenate(
        [
            np.concatenate([part.resized, part.regions[:, None], part.tokens[:, None]], axis=1)
            for part in listings
        ]
    )[:n_plans]
    if not np.array_equal(got, rows):
        raise SystemExit(f"{name}: the listing and the plans differ")
    return {
        "listing_s": wall,
        "listing_cpu_s": cpu,
        "plans_cpu_s": each * len(chosen),
        "checked": len(rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, default=1_000_000)
    parser.add_argument("--plans", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    chosen = sizes(arguments.sizes)
    found = {}
    for name in TILERS:
        found[name] = measured(name, chosen, arguments.plans, arguments.workers)
        row = found[name]
        print(
            f"{name:20} {row['listing_s']:7.2f} s  {row['listing_cpu_s']:7.2f} CPU s   "
            f"plans {row['plans_cpu_s']:8.0f} CPU s",
            flush=True,
        )
    total = {key: sum(row[key] for row in found.values()) for key in next(iter(found.values()))}
    print(
        f"{'all':20} {total['listing_s']:7.2f} s  {total['listing_cpu_s']:7.2f} CPU s   "
        f"plans {total['plans_cpu_s']:8.0f} CPU s; load {os.getloadavg()[0]:.1f}"
    )
    if arguments.out:
        record = {
            "version": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "sizes": arguments.sizes,
            "workers": arguments.workers,
            "total": total,
            "tilers": found,
        }
        write_json(arguments.out, record)


if __name__ == "__main__":
    main()

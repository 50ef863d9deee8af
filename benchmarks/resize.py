"""The clean resize against clean-fid's own, both in one run: python -m benchmarks.resize"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from cleanfid.resize import make_resizer

from anyres_bench.core.geometry import Size
from anyres_bench.data.resize import resize

SIDES = (256, 512, 1024, 2048, 4096)
REPEATS = 7


def main() -> None:
    torch.set_num_threads(1)
    theirs = make_resizer("PIL", False, "bicubic", (299, 299))
    print(f"medians of {REPEATS} on one thread, noise images, to 299 x 299")
    print(f"{'side':>6} {'clean-fid':>11} {'ours':>11} {'ratio':>7}   largest difference")
    for side in SIDES:
        pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
        images = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
        ours = resize(images, Size.square(299))[0].permute(1, 2, 0).numpy()
        difference = np.abs(ours - theirs(pixels)).max()
        times = alternating(partial(theirs, pixels), partial(resize, images, Size.square(299)))
        print(
            f"{side:>6} {times[0] * 1e3:>8.2f} ms {times[1] * 1e3:>8.2f} ms "
            f"{times[0] / times[1]:>6.2f}x   {difference:.1e} of a grey level"
        )


def alternating(*calls: Callable[[], Any]) -> list[float]:
    """Median seconds of each call, taken in turns so that a busy machine hits all alike."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(REPEATS):
        for call, taken in zip(calls, seconds, strict=True):
            start = time.perf_counter()
            call()
            taken.append(time.perf_counter() - start)
    return [statistics.median(taken) for taken in seconds]


if __name__ == "__main__":
    main()

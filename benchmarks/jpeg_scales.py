"""What decoding a JPEG file at 1/2, 1/4 or 1/8 of its size costs in exactness, and saves in time.

    python -m benchmarks.jpeg_scales PHOTOGRAPHS [--out benchmarks/results/jpeg_scales.json]

Every photograph is reduced to a canvas once from all of its pixels and once from the file decoded
at a smaller scale; levels of 0 to 255 are compared, by how many times the decoded square is larger
than the canvas.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import center_square, decode
from anyres_bench.data.reading import shrunk_view_pixels, view_pixels
from anyres_bench.data.views import ImageView, View

SHRINKS, RATIOS = (2, 4, 8), (1.0, 1.5, 2.0, 4.0)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path, help="a folder of .jpg files")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/jpeg_scales.json"))
    args = parser.parse_args()
    found: dict[tuple[int, float], list[tuple[float, float, float]]] = defaultdict(list)
    seconds: dict[int, float] = defaultdict(float)
    files = sorted(args.photographs.glob("*.jpg"))
    for file in files:
        data = file.read_bytes()
        images = {}
        for shrink in (1, *SHRINKS):
            start = time.perf_counter()
            images[shrink] = decode(data, shrink=shrink).pixels
            seconds[shrink] += time.perf_counter() - start
        size = Size(*images[1].shape[:2])
        square = center_square(size)
        for shrink in SHRINKS:
            for ratio in RATIOS:
                canvas = Size.square(int(square.width / shrink / ratio))
                view = ImageView(0, False, square, View(Region.whole(canvas), None))
                exact = view_pixels(images[1], view).astype(int)
                off = np.abs(exact - shrunk_view_pixels(images[shrink], size, shrink, view))
                row = float(off.mean()), float(np.percentile(off, 99)), float(off.max())
                found[shrink, ratio].append(row)
    rows: list[dict[str, Any]] = []
    for (shrink, ratio), values in sorted(found.items()):
        mean, most, worst = (np.array(column) for column in zip(*values, strict=True))
        row = {"shrink": shrink, "decoded_over_canvas": ratio, "mean": float(mean.mean())}
        rows.append({**row, "percentile_99": float(most.max()), "largest": float(worst.max())})
        print(rows[-1], flush=True)
    times = {str(shrink): total / len(files) for shrink, total in seconds.items()}
    print(times)
    write_json(args.out, {"n": len(files), "seconds_a_file": times, "levels_off": rows})


if __name__ == "__main__":
    main()

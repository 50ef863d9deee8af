"""Does a distance over native tiles see a loss of detail that a 299 px distance does not?

    python -m benchmarks.tile_fd IMAGES... [--extractor builtin] [--side 256] [--out FILE.json]

Each folder's images are dealt into two halves. One half is the reference; the other is damaged at
native size and compared with it, once shrunk to 299 px as FID does and once through
`tiles:SIDE:EXTRACTOR`. Shown is the Frechet distance of the damaged half minus that of the same
half undamaged, with its paired 95 % interval: what is not above zero was not seen. Distances of two
extractors have different units, so they are not compared; the last column is the difference over
its standard error.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from tqdm import tqdm

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import Pixels, decode, resize_uint8
from anyres_bench.features.extractor import FeatureExtractor, extractor_from
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.intervals import paired_difference
from anyres_bench.metrics.metric import metric_from

SHRUNK = Size(299, 299)


def blurred(image: Pixels, sigma: float) -> Pixels:
    """Gaussian blur at native size."""
    soft = ndimage.gaussian_filter(image.astype(np.float32), (sigma, sigma, 0))
    return np.clip(np.rint(soft), 0, 255).astype(np.uint8)


def enlarged(image: Pixels, factor: float) -> Pixels:
    """Shrunk by a factor and enlarged again: an image that claims a size it does not have."""
    size = Size(*image.shape[:2])
    small = Size(*(max(round(side / factor), 1) for side in size))
    return resize_uint8(resize_uint8(image, small, "lanczos"), size, "bicubic")


def jpeg(image: Pixels, quality: float) -> Pixels:
    """Stored as JPEG and read again."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=int(quality))
    return np.array(Image.open(buffer).convert("RGB"))


DAMAGE: dict[str, Callable[[Pixels], Pixels]] = {
    "blur, sigma 0.7 px": lambda image: blurred(image, 0.7),
    "blur, sigma 1.5 px": lambda image: blurred(image, 1.5),
    "enlarged 1.5 times": lambda image: enlarged(image, 1.5),
    "enlarged 2 times": lambda image: enlarged(image, 2),
    "JPEG, quality 75": lambda image: jpeg(image, 75),
    "JPEG, quality 40": lambda image: jpeg(image, 40),
}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", help="images of 512 px and more")
    parser.add_argument("--extractor", default="builtin")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/tile_fd.json"))
    args = parser.parse_args()
    shrunk = extractor_from(args.extractor)
    tiled = extractor_from(f"tiles:{args.side}:{args.extractor}")
    rows: list[dict[str, Any]] = []
    for folder in args.folders:
        images = list(large(folder, args.side))
        order = stream(0, "halves").permutation(len(images)).tolist()
        halves = [images[i] for i in order[::2]], [images[i] for i in order[1::2]]
        for name, view, extractor in (
            (f"299 px, {shrunk.id}", to_299, shrunk),
            (tiled.id, lambda image: image, tiled),
        ):
            rows += compare(folder.name, name, view, extractor, *halves)
    write_json(args.out, rows)
    print(table(rows))


def large(folder: Path, side: int) -> Iterator[Pixels]:
    """Images of a folder that are at least two tiles high and wide."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}:
            pixels = decode(path).pixels
            if min(pixels.shape[:2]) >= 2 * side:
                yield pixels


def to_299(image: Pixels) -> Pixels:
    """What FID sees of an image: squashed, as clean-fid does it."""
    return resize_uint8(image, SHRUNK, "bicubic")


def compare(
    images: str,
    name: str,
    view: Callable[[Pixels], Pixels],
    extractor: FeatureExtractor,
    reference: list[Pixels],
    others: list[Pixels],
) -> Iterator[dict[str, Any]]:
    """One row a damage."""
    metric = metric_from("frechet")
    real = bank(reference, view, extractor)
    plain = bank(others, view, extractor)
    for damage, apply in DAMAGE.items():
        damaged = bank([apply(image) for image in others], view, extractor)
        found = paired_difference(metric, real, damaged, plain, stream(0, damage))["frechet"]
        yield {
            "images": images,
            "n": [len(reference), len(others)],
            "extractor": name,
            "damage": damage,
            "undamaged": metric.finish(real, plain, stream(0, "value"))["frechet"],
            "difference": found.value,
            "low": found.interval.low,
            "high": found.interval.high,
            "standard_error": found.interval.standard_error,
        }


def bank(
    images: list[Pixels], view: Callable[[Pixels], Pixels], extractor: FeatureExtractor
) -> FeatureBank:
    """Features of images of any sizes, one by one."""
    rows = [
        extractor(torch.from_numpy(view(image).copy()).permute(2, 0, 1)[None]).numpy()
        for image in tqdm(images, desc=extractor.id, leave=False)
    ]
    index = np.arange(len(rows))
    return FeatureBank(index, index, np.concatenate(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| images | damage | distance over | undamaged | rises by | over its error |",
        "|---|---|---|---|---|---|",
    ]
    for r in sorted(rows, key=lambda r: (r["images"], list(DAMAGE).index(r["damage"]))):
        span = f"{r['difference']:.3g} [{r['low']:.3g}, {r['high']:.3g}]"
        error = r["difference"] / r["standard_error"] if r["standard_error"] else float("nan")
        seen = f"{error:.1f}{'' if r['low'] > 0 else ', not seen'}"
        cells = (r["images"], r["damage"], r["extractor"], f"{r['undamaged']:.3g}", span, seen)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""How near images of models lie to what was trained on, against how near unseen real images lie.

    python -m benchmarks.neighbours MODEL... --train data/low --test data/test

A model that copies has images nearer to the training set than fresh real ones are; one that draws
something else has them farther. Distances are root mean squares over pixels and channels, in levels
of 255, at the side of the training images; mirrored training images count too. The picture shows
images of the last model over their nearest training images.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.reading import read_image, view_pixels
from anyres_bench.data.views import ImageView, Whole
from anyres_bench.models.loading import load

Pictures = NDArray[np.uint8]  # (n, 3, s, s)
_BATCH = 64
_SHOWN = 12


def stored(folder: Path, side: int, n: int) -> Pictures:
    """The first images of a dataset as squares of one side."""
    dataset, pictures = Dataset.read(folder), []
    for i, record in enumerate(dataset.manifest[:n]):
        square, view = Whole(side).draw(record.size, False, True, stream(0, "square", i))
        pixels = view_pixels(read_image(dataset, i), ImageView(i, False, square, view))
        pictures.append(pixels.transpose(2, 0, 1))
    return np.stack(pictures)


def drawn(spec: str, side: int, n: int) -> Pictures:
    """Images of a model, seeds from 0 on."""
    model, canvas = load(spec), Size.square(side)
    parts = []
    for start in range(0, n, _BATCH):
        seeds = range(start, min(start + _BATCH, n))
        with torch.no_grad():
            images = model.sample(model.latents(seeds), [Region.whole(canvas)] * len(seeds))
        parts.append(to_uint8(images).numpy())
    return np.concatenate(parts)


def nearest(images: Pictures, training: Pictures) -> tuple[NDArray[Any], NDArray[Any]]:
    """Distance to the nearest training image, mirrored or not, and its number; both (n,)."""
    flat = [t.reshape(len(t), -1).astype(np.float32) for t in (images, training)]
    mirrored = training[:, :, :, ::-1].reshape(len(training), -1).astype(np.float32)
    best = np.full(len(images), np.inf, np.float32)
    which = np.zeros(len(images), np.intp)
    for others in (flat[1], mirrored):
        squares = (flat[0] ** 2).sum(1)[:, None] - 2 * flat[0] @ others.T + (others**2).sum(1)
        found = squares.argmin(1)
        values = squares[np.arange(len(images)), found]
        which = np.where(values < best, found, which)
        best = np.minimum(best, values)
    return np.sqrt(np.maximum(best, 0) / flat[0].shape[1]), which


def summary(distances: NDArray[Any], fresh: NDArray[Any]) -> dict[str, float]:
    """Quantiles, and the share that is nearer than one in a hundred fresh real images."""
    low, median, high = np.quantile(distances, [0.05, 0.5, 0.95]).tolist()
    near = float((distances < np.quantile(fresh, 0.01)).mean())
    return {"5 %": low, "median": median, "95 %": high, "nearer_than_1_percent_of_real": near}


def main() -> None:
    """Measure, print, write numbers and a picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="specs, as `evaluate` takes them")
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--side", type=int, default=32, help="px")
    parser.add_argument("--n", type=int, default=1000, help="images a model")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/neighbours.json"))
    args = parser.parse_args()
    training = stored(args.train, args.side, 1 << 30)
    fresh, _ = nearest(stored(args.test, args.side, args.n), training)
    rows = {"fresh real images": summary(fresh, fresh)}
    for spec in args.models:
        images = drawn(spec, args.side, args.n)
        distances, which = nearest(images, training)
        rows[Path(spec).name] = summary(distances, fresh)
        picture = np.concatenate(
            [np.concatenate(list(part[:_SHOWN]), axis=2) for part in (images, training[which])],
            axis=1,
        ).transpose(1, 2, 0)
        with atomic_write(args.out.with_suffix(".png")) as file:
            Image.fromarray(picture).resize((picture.shape[1] * 3, picture.shape[0] * 3), 0).save(
                file, "PNG"
            )
    for name, row in rows.items():
        print(f"{name:40} " + "  ".join(f"{key} {value:.3g}" for key, value in row.items()))
    write_json(args.out, {"n_train": len(training), "side": args.side, "distances": rows})


if __name__ == "__main__":
    main()

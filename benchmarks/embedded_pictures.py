"""Pictures of the systems of the embedded benchmark, side by side.

    python -m benchmarks.embedded_pictures [--out docs/pictures]

`embedded_32.png` and `embedded_128.jpg`: a row of whole canvases for every system that draws, of 32
px (shown twice as large, every pixel four times) and of 128 px. A column is one latent for all that
stand on one first stage; the world's own houses are others. `embedded.jpg` has a few of each for
those who see the project for the first time.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from anyres_bench.core.files import atomic_write
from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.pixels import Pixels, to_uint8
from anyres_bench.leaderboard.committed import CommittedSystem, read_benchmark
from anyres_bench.models.controls import HeldOut
from anyres_bench.models.loading import resolve

SEEDS = range(8)
LABEL = 176  # px at the left
PAPER, INK = (255, 255, 255), (40, 40, 40)
FIRST_VIEW = {
    "houses": "drawn by the world",
    "ours-seed0": "AnyRes-GAN",
    "stage1-seed0": "its first stage",
    "lanczos-stage1-seed0": "the first stage,\nenlarged",
}
CONTROLS = ("constant",)


def canvases(system: CommittedSystem, side: int, seeds: Sequence[int]) -> Pixels | None:
    """Whole canvases in a row, (side, n * side, 3); None for what shows pictures of a dataset."""
    model = resolve(system.spec, system.options, device="cpu")
    if isinstance(model, HeldOut) or system.name in CONTROLS:
        return None
    canvas = Size.square(side)
    with torch.inference_mode():
        images = [model.sample(model.latents([s]), [Region.whole(canvas)])[0] for s in seeds]
    levels = to_uint8(torch.stack(images)).permute(0, 2, 3, 1).numpy()
    return np.concatenate(list(levels), axis=1)


def sheet(rows: Sequence[tuple[str, Pixels]], times: int = 1) -> Image.Image:
    """Rows below one another, each with its label; every pixel `times` times as wide and high."""
    height = sum(times * row.shape[0] + 4 for _, row in rows)
    width = LABEL + times * max(row.shape[1] for _, row in rows)
    page = Image.new("RGB", (width, height), PAPER)
    draw, font, top = ImageDraw.Draw(page), ImageFont.load_default(15), 0
    for label, row in rows:
        shown = Image.fromarray(row.repeat(times, axis=0).repeat(times, axis=1))
        page.paste(shown, (LABEL, top))
        draw.text((6, top + shown.height // 2), label, INK, font, anchor="lm")
        top += shown.height + 4
    return page


def save(page: Image.Image, path: Path) -> None:
    """PNG or JPEG with its colours at full resolution, by the path's end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        if path.suffix == ".png":
            page.save(file, "PNG", optimize=True)
        else:
            page.save(file, "JPEG", quality=85, subsampling=0, optimize=True)


def main() -> None:
    """Render and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    args = parser.parse_args()
    systems = read_benchmark().systems
    for side, times, n, name in ((32, 2, 16, "embedded_32.png"), (128, 1, 8, "embedded_128.jpg")):
        found = [(one.name, canvases(one, side, range(n))) for one in systems]
        save(sheet([(name, row) for name, row in found if row is not None], times), args.out / name)
    named = {one.name: one for one in systems}
    rows = []
    for name, words in FIRST_VIEW.items():
        for side, n in ((32, 20), (128, 5)):
            row = canvases(named[name], side, range(n))
            assert row is not None
            rows.append((f"{side} px" if side == 32 else f"{words}\n{side} px", row))
    save(sheet(rows), args.out / "embedded.jpg")


if __name__ == "__main__":
    main()

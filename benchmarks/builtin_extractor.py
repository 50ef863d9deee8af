"""Does the built-in extractor earn its place? Runs the study that `docs/extractors.md` describes.

    python -m benchmarks.builtin_extractor units --images DIR      # the spread of every number
    python -m benchmarks.builtin_extractor design --images DIR     # compare candidates
    python -m benchmarks.builtin_extractor verdict --images DIR    # once, on the other half

The last two write `benchmarks/results/builtin_extractor_PHASE.json` and the same as markdown.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from anyres_bench.core.files import atomic_write, write_json
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import decode, resize_uint8, to_uint8
from anyres_bench.data.scenes import WORLD, Scene, render
from anyres_bench.features.builtin import GROUPS, ImageOctaves
from anyres_bench.features.builtin import ID as BUILTIN
from anyres_bench.features.stats import Moments
from anyres_bench.metrics.frechet import frechet_distance, frechet_from_moments
from benchmarks.candidates import CANDIDATES
from benchmarks.corruptions import (
    CORRUPTIONS,
    FALSE_ALARM,
    N_PERMUTATIONS,
    PATCH_SIDES,
    PATCHES_PER_PHOTOGRAPH,
    REPEATS,
    SCENES_PER_SIDE,
    SEEDS,
    Pixels,
)

RESULTS = Path(__file__).parent / "results"
SOURCES = ("photographs", "scenes")
BATCH = 16
Features = NDArray[np.float32]
Extractor = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Sample:
    """Patches and the group of each, in two sides that share no group."""

    reference: Pixels
    reference_groups: NDArray[np.int64]
    damaged: Pixels  # what corruptions are applied to
    damaged_groups: NDArray[np.int64]

    @classmethod
    def split(cls, patches: Pixels, groups: NDArray[np.int64], seed: int) -> Sample:
        """Half of the groups, at random, on each side."""
        names = np.unique(groups)
        chosen = names[stream(seed, "sides").permutation(len(names))[: len(names) // 2]]
        left = np.isin(groups, chosen)
        return cls(patches[left], groups[left], patches[~left], groups[~left])


def photographs(folder: Path, phase: str) -> list[Path]:
    """The files of a phase: every other one of each source, in a random order."""
    by_source = defaultdict(list)
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        by_source[path.name.partition("_")[0]].append(path)
    chosen = []
    for source, paths in by_source.items():
        order = stream(SEEDS["design"], "halves", source).permutation(len(paths))
        chosen += [paths[i] for i in order[("design", "verdict").index(phase) :: 2]]
    return sorted(chosen)


def photograph_patches(paths: Sequence[Path], side: int, seed: int) -> Iterator[tuple[Pixels, int]]:
    """Random squares of each photograph, resized to `side`, and its number."""
    for number, path in enumerate(paths):
        pixels = decode(path).pixels
        shorter = min(pixels.shape[:2])
        for k in range(PATCHES_PER_PHOTOGRAPH if shorter >= side else 0):
            draw = stream(seed, "crop", path.name, k)
            crop = min(shorter, round(side * math.exp(draw.uniform() * math.log(shorter / side))))
            top = draw.integer(0, pixels.shape[0] - crop)
            left = draw.integer(0, pixels.shape[1] - crop)
            box = Box(top, left, crop, crop)
            yield resize_uint8(pixels, Size.square(side), "lanczos", box), number


def scene_patches(side: int, seed: int) -> Iterator[tuple[Pixels, int]]:
    """One window of each of many scenes: random canvas, random place, and its number."""
    for number in range(2 * SCENES_PER_SIDE):
        draw = stream(seed, "scene", number)
        canvas = round(side * math.exp(draw.uniform() * math.log(4)))
        top, left = draw.integer(0, canvas - side), draw.integer(0, canvas - side)
        region = Region(Size.square(canvas), top, left, Size.square(side))
        pixels = render(Scene(draw.integer(0, 1 << 40)), region)
        yield to_uint8(torch.from_numpy(pixels)).permute(1, 2, 0).numpy(), number


def sample(source: str, folder: Path, phase: str, side: int, repeat: int) -> Sample:
    """What one repeat measures."""
    seed = SEEDS[phase] + repeat
    if source == "photographs":
        patches = photograph_patches(photographs(folder, phase), side, seed)
    else:
        patches = scene_patches(side, seed)
    pixels, groups = zip(*patches, strict=True)
    return Sample.split(np.stack(pixels), np.asarray(groups), seed)


def extract(extractor: Extractor, images: Pixels) -> Features:
    """Features of all images, a batch at a time."""
    batches = np.array_split(images, max(1, len(images) // BATCH))
    tensors = (torch.from_numpy(b).permute(0, 3, 1, 2).contiguous() for b in batches)
    return np.concatenate([extractor(tensor).numpy() for tensor in tensors])


def null_distances(features: Features, groups: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """Distances between random halves of the groups: what no difference looks like."""
    names, whole, distances = np.unique(groups), Moments.of(features), []
    for k in range(N_PERMUTATIONS):
        chosen = names[stream(seed, "null", k).permutation(len(names))[: len(names) // 2]]
        left = Moments.of(features[np.isin(groups, chosen)], whole.shift)
        distances.append(frechet_from_moments(left, whole - left))
    return np.sort(distances)


def measure(extractor: Extractor, patches: Sample, seed: int) -> dict[str, Any]:
    """Distances at each strength of each corruption, strength 0 first, and the null."""
    reference, clean = (extract(extractor, p) for p in (patches.reference, patches.damaged))
    start = frechet_distance(reference, clean)
    null = null_distances(
        np.concatenate([reference, clean]),
        np.concatenate([patches.reference_groups, patches.damaged_groups]),
        seed,
    )
    responses = {}
    for name, corruption in CORRUPTIONS.items():
        damaged = (corruption.apply(patches.damaged, s, seed) for s in corruption.strengths)
        distances = [frechet_distance(reference, extract(extractor, d)) for d in damaged]
        responses[name] = [start, *distances]
    return {
        "n": [len(reference), len(clean)],
        "null_mean": float(null.mean()),
        "null_sd": float(null.std()),
        "p": float((1 + (null >= start).sum()) / (1 + len(null))),
        "distances": responses,
    }


def units(folder: Path) -> dict[str, list[float]]:
    """Spread of each of the built-in extractor's numbers among the design photographs."""
    variances = []
    for side in PATCH_SIDES:
        patches = photograph_patches(photographs(folder, "design"), side, SEEDS["design"])
        pictures = [ImageOctaves.of(image.transpose(2, 0, 1)) for image, _ in patches]
        variances.append([np.var([group(p) for p in pictures], axis=0) for group in GROUPS])
    spreads = [np.sqrt(np.mean(parts, axis=0)) for parts in zip(*variances, strict=True)]
    return {
        group.__name__: [float(f"{value:.2g}") for value in spread]
        for group, spread in zip(GROUPS, spreads, strict=True)
    }


@dataclass(frozen=True)
class Case:
    """One repeat of the study."""

    folder: Path
    phase: str
    names: tuple[str, ...]
    source: str
    side: int
    repeat: int


def study(folder: Path, phase: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each source, side, repeat and candidate; repeats run side by side."""
    repeats = range(REPEATS if phase == "verdict" else 1)
    grid = itertools.product(SOURCES, PATCH_SIDES, repeats)
    cases = [Case(folder, phase, tuple(names), *point) for point in grid]
    with ProcessPoolExecutor() as pool:
        return list(itertools.chain.from_iterable(pool.map(run, cases)))


def run(case: Case) -> list[dict[str, Any]]:
    """One row for each candidate."""
    torch.set_num_threads(1)
    rows = []
    patches = sample(case.source, case.folder, case.phase, case.side, case.repeat)
    for name in case.names:
        started = time.process_time()
        row = measure(CANDIDATES[name], patches, SEEDS[case.phase] + case.repeat)
        seconds = time.process_time() - started
        where = {"source": case.source, "side": case.side, "repeat": case.repeat}
        rows.append({**where, "extractor": name, **row})
        print(f"{where} {name}: p={row['p']:.3f}, {seconds:.0f} s of CPU", flush=True)
    return rows


def judge(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether one extractor passed, and by how much."""
    chains = [chain for row in rows for chain in row["distances"].values()]
    monotone = [all(a < b for a, b in itertools.pairwise(chain)) for chain in chains]
    sensitivity = {
        name: min((row["distances"][name][1] - row["null_mean"]) / row["null_sd"] for row in rows)
        for name in CORRUPTIONS
    }
    smallest_p = min(row["p"] for row in rows)
    quiet = smallest_p >= FALSE_ALARM / len(rows)
    return {
        "monotone": sum(monotone),
        "chains": len(chains),
        "smallest_p": smallest_p,
        "quiet": quiet,
        "passed": all(monotone) and quiet,
        "sensitivity": sensitivity,
    }


def markdown(rows: Sequence[dict[str, Any]], verdicts: dict[str, dict[str, Any]]) -> str:
    """The tables: one line a candidate, then the distances of the built-in extractor."""
    names = list(CORRUPTIONS)
    lines = [
        "| extractor | monotone | smallest p | passed | "
        + " | ".join(f"{name} z" for name in names) + " |",
        "|---" * (4 + len(names)) + "|",
    ]  # fmt: skip
    for name, v in verdicts.items():
        z = " | ".join(f"{v['sensitivity'][c]:.1f}" for c in names)
        passed = "yes" if v["passed"] else "no"
        monotone = f"{v['monotone']} of {v['chains']}"
        lines.append(f"| {name} | {monotone} | {v['smallest_p']:.3f} | {passed} | {z} |")
    lines += ["", "| images | corruption | untouched | 1 | 2 | 3 | 4 | null |", "|---" * 8 + "|"]
    for row in rows:
        if row["extractor"] != BUILTIN:
            continue
        images = f"{row['source']} {row['side']} px, repeat {row['repeat'] + 1}"
        null = f"{row['null_mean']:.1f} ± {row['null_sd']:.1f}, p {row['p']:.2f}"
        for name, chain in row["distances"].items():
            values = " | ".join(f"{value:.1f}" for value in chain)
            lines.append(f"| {images} | {name} | {values} | {null} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("phase", choices=["units", "design", "verdict"])
    parser.add_argument("--images", type=Path, required=True, metavar="DIR", help="photographs")
    arguments = parser.parse_args()
    if arguments.phase == "units":
        print(json.dumps(units(arguments.images), indent=2))
        return
    names = list(CANDIDATES) if arguments.phase == "design" else [BUILTIN]
    rows = study(arguments.images, arguments.phase, names)
    verdicts = {name: judge([r for r in rows if r["extractor"] == name]) for name in names}
    stem = RESULTS / f"builtin_extractor_{arguments.phase}"
    made_with = {"world": WORLD, "numpy": np.__version__, "seed": SEEDS[arguments.phase]}
    write_json(stem.with_suffix(".json"), {**made_with, "rows": rows, "verdicts": verdicts})
    tables = markdown(rows, verdicts)
    with atomic_write(stem.with_suffix(".md"), "w") as file:
        file.write(tables)
    print(tables)


if __name__ == "__main__":
    main()

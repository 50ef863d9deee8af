"""`evaluate folder:` as a whole command, FID and KID, against torch-fidelity.

    python -m benchmarks.whole_command --peer /path/to/its/venv/bin/fidelity [--n 250]

Two folders of squares of 512 px are compared by `anyres-bench evaluate folder:` and by `fidelity`,
every time in a process of its own with an empty cache, in turns. Wall-clock and CPU seconds of the
whole command are compared, start and decoding included; its values are held against the peer's.
Both read one file of weights, drawn at random in the layout of the published one: speed and
rounding do not depend on what they were trained for. Where the processor has bfloat16, `+bf16` is
a third side.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from anyres_bench.core.files import write_json
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.splits import halves
from anyres_bench.features.inception_network import InceptionNetwork
from benchmarks.extraction import draw
from benchmarks.machine import machine

SIDE = 512  # px
_TASKS = ("frechet-ddof1", "kid")


def squares(folder: Path, n: int, seed: int) -> None:
    """JPEG files of smooth noise with grain."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    for i in range(n):
        small = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        grain = rng.integers(-12 - seed, 13 + seed, (SIDE, SIDE, 1), dtype=np.int16)
        levels = np.clip(smooth.astype(np.int16) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(levels).save(folder / f"{i:04}.jpg", quality=90)


def reference(folder: Path, n: int) -> int:
    """A dataset whose reference half has about n squares, and those as files; how many."""
    squares(folder / "all", 2 * n, 0)
    return reference_half(folder)


def reference_half(folder: Path) -> int:
    """The images in `all` as the dataset `data`, and its reference half in `real`; how many."""
    collect = ("collect", "folder", str(folder / "all"), str(folder / "data"))
    keep = ("--near-duplicates", "keep")
    subprocess.run([sys.executable, "-m", "anyres_bench", *collect, *keep], check=True)
    half = halves(Dataset.read(folder / "data"))[0]
    (folder / "real").mkdir()
    for record in half.manifest:
        shutil.copy(half.path(record), folder / "real")
    return len(half.manifest)


def commands(folder: Path, peer: Path, n: int) -> dict[str, list[str]]:
    """The command of every side."""
    weights = folder / "weights.pth"
    torch.save(draw(InceptionNetwork()).state_dict(), weights)

    def ours(extractor: str) -> list[str]:
        command = [sys.executable, "-m", "anyres_bench", "evaluate", f"folder:{folder / 'fake'}"]
        command += ["--dataset", str(folder / "data"), "--n", str(n), "--extractor", extractor]
        command += ["--out", str(folder / "out"), "--fresh"]
        for metric in _TASKS:
            command += ["--suite", f"anyres-full{SIDE}-noflip-centre/{metric}"]
        return command

    extractor = f"inception-v3@file:{weights}+legacy_tensorflow"
    theirs = [str(peer), "--fid", "--kid", "--cpu", "--no-cache", "--json", "--silent"]
    theirs += ["--kid-subset-size", str(min(n, 1000)), "--samples-find-ext", "jpg"]
    theirs += ["--feature-extractor-weights-path", str(weights)]
    theirs += ["--input1", str(folder / "fake"), "--input2", str(folder / "real")]
    sides = {"torch-fidelity": theirs, "ours": ours(extractor)}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():  # emulated it takes minutes an image
        sides["ours+bf16"] = ours(f"{extractor}+bf16")
    return sides


def run(folder: Path, command: list[str]) -> tuple[dict[str, float], str]:
    """Seconds and largest memory of a command with an empty cache, and what it printed."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        env = os.environ | {"ANYRES_BENCH_CACHE": cache}
        start = time.perf_counter()
        with subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as made:
            assert made.stdout is not None
            said = made.stdout.read()
            _, status, used = os.wait4(made.pid, 0)
            made.returncode = os.waitstatus_to_exitcode(status)
    if made.returncode:
        raise SystemExit(said)
    taken = {"wall_s": time.perf_counter() - start, "cpu_s": used.ru_utime + used.ru_stime}
    return taken | {"peak_mib": used.ru_maxrss / 1024}, said


def values(folder: Path, said: dict[str, str]) -> dict[str, dict[str, float]]:
    """The distances that every side gave."""
    theirs = json.loads(re.findall(r"\{[^{}]*\}", said["torch-fidelity"])[-1])
    found = {
        "torch-fidelity": {
            "fid": theirs["frechet_inception_distance"],
            "kid": theirs["kernel_inception_distance_mean"],
        }
    }
    for file in sorted((folder / "out").rglob("*.json")):
        record = json.loads(file.read_text())
        side = "ours+bf16" if "bf16" in record["task"] else "ours"
        found.setdefault(side, {}).update(record["values"])
    return found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", type=Path, required=True, help="torch-fidelity's command")
    parser.add_argument("--n", type=int, default=250, help="squares in each folder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/whole_command.json"))
    args = parser.parse_args()
    where = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        squares(folder / "fake", args.n, 1)
        n_real = reference(folder, args.n)
        sides = commands(folder, args.peer, args.n)
        taken: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
        said: dict[str, str] = {}
        for _ in range(args.repeats):
            for side, command in sides.items():
                seconds, said[side] = run(folder, command)
                taken[side].append(seconds)
                print(side, seconds, flush=True)
        found = values(folder, said)
    medians = {
        side: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for side, runs in taken.items()
    }
    ratios = {
        side: {key: medians["torch-fidelity"][key] / value for key, value in row.items()}
        for side, row in medians.items()
    }
    facts = {
        "n": args.n,
        "n_reference": n_real,
        "side": SIDE,
        "repeats": args.repeats,
        "weights": "random",
    }
    print(medians, ratios, found, sep="\n")
    body = {"medians": medians, "ratios": ratios, "values": found}
    write_json(args.out, {**facts, "machine": where, **body})


if __name__ == "__main__":
    main()

"""Train every system of the embedded benchmark on the houses, from one budget, on one core.

    python -m benchmarks.embedded data FOLDER      the datasets, once
    python -m benchmarks.embedded train FOLDER     all systems, one after another
    python -m benchmarks.embedded status FOLDER    how far each is
    python -m benchmarks.embedded curves FOLDER    settings, ticks and evaluations as one file
    python -m benchmarks.embedded weights FOLDER   average of what is complete, to the package

`train` goes on where it was stopped (Ctrl-C and SIGTERM stop it after a checkpoint; after SIGKILL
it repeats what came after the last one), and takes some systems only where `--only PREFIX` says so.

The budget: every system has seen 280 thousand images when it is done. For AnyRes-GAN these are 200
of whole images and 80 of the patch stage, and all variants of the patch stage share the first; the
upscalers enlarge that first stage, so theirs are 200 and 80 as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from anyres_bench.core.files import write_json
from anyres_bench.models import embedded
from anyres_bench.models.checkpoint import read_checkpoint, write_checkpoint
from anyres_bench.training.charts import LOG, read_entries
from benchmarks.training_curves import curve

RESULTS = Path("benchmarks/results")
LICENCE = "Apache-2.0"  # trained here, on pictures that the package draws
_LARGE = 1000  # numbers of a tensor from which half precision is worth it
_ONLY = "run"  # stage of a preset that lists none
WHOLE = "patch32-at32/frechet"
PATCHES = "anyres-patch32-min32max128/frechet"
FIRST_LOW = 1_000_000  # first latent of the low-resolution set; tasks render 0, 1, 2, ...
N_LOW, N_HIGH, N_TEST = 6000, 500, 2000
BASE = 32  # px
_LOW = {"dataset": "data/low", "use": "whole", "probability": 2}  # half, beside two others
WHOLE_KIMG, PATCH_KIMG = 200.0, 80.0
KIMG = WHOLE_KIMG + PATCH_KIMG  # of every system


@dataclass(frozen=True)
class System:
    """One run, or one stage of one.

    Attributes:
        name: of its folder.
        preset: what is trained.
        kimg: where each of its stages ends, by name, in their order.
        sets: settings that differ from the preset's.
        task: what it is measured by while it trains.
    """

    name: str
    preset: str
    kimg: dict[str, float]
    sets: tuple[str, ...] = ()
    task: str | None = None


def _global(seed: int) -> System:
    name, seeded = f"stage1-seed{seed}", (f"loop.seed={seed}",)
    stages = {"global": WHOLE_KIMG / 2, "finetune": WHOLE_KIMG / 2}
    return System(name, "houses", stages, seeded, WHOLE)


def _patch(variant: str, seed: int, *sets: str, kimg: float = PATCH_KIMG) -> System:
    teacher = f'model.teacher="runs/stage1-seed{seed}/finetune"'
    every = (f"loop.seed={seed}", teacher, *sets)
    return System(f"{variant}-seed{seed}", "houses", {"patch": kimg}, every, PATCHES)


def _at(side: int) -> dict[str, object]:
    """A source of windows of canvases of one size."""
    scale = BASE / side
    return {"dataset": "data/high", "use": "patch", "scale_min": scale, "scale_max": scale}


def systems() -> list[System]:
    """All of them, in the order that they are trained in."""
    half, without_octaves = PATCH_KIMG / 2, "model.generator.input_octaves=0"
    official, no_scale = (
        (f'model.generator.scale_embedding="{name}"', without_octaves)
        for name in ("official", "none")
    )
    discrete = f"model.sources={json.dumps([_LOW, _at(64), _at(128)])}"
    length = (f"loop.total_kimg={KIMG}", f"model.halve_kimg={[KIMG - 30, KIMG - 15]}")
    scratch = ("model.teacher=null", *length)
    first, second = (
        [
            _global(seed),
            _patch("ours", seed),
            _patch("official", seed, *official),
            _patch("no-octaves", seed, without_octaves),
        ]
        for seed in (0, 1)
    )
    return [
        *first,
        System("liif-seed0", "liif-houses", {"run": PATCH_KIMG}),
        System("realesrgan-seed0", "realesrgan-houses", {"net": half, "gan": half}),
        *second,
        System(
            "anycost-seed0",
            "anycost-houses",
            {"plain": WHOLE_KIMG, "multires": half, "adaptive": half},
        ),
        System("mspe-seed0", "mspe-houses", {"run": KIMG}),
        System("infinitygan-seed0", "infinitygan-houses", {"run": KIMG}),
        *(_patch("no-teacher", seed, "model.teacher_options.weight=0") for seed in (0, 1)),
        *(_patch("no-scale", seed, *no_scale) for seed in (0, 1)),
        *(_patch("discrete", seed, discrete) for seed in (0, 1)),
        _patch("continuous", 0),  # `ours` from the first stage that `discrete` began with
        *(_patch("scratch", seed, *scratch, kimg=KIMG) for seed in (0, 1)),
    ]


def images(folder: Path) -> int:
    """How many images a stage has logged."""
    return max((entry["images"] for entry in read_entries(folder / LOG)), default=0)


def is_complete(runs: Path, system: System) -> bool:
    """Whether every stage has left its last averaged network."""
    return all(_last(runs / system.name / stage) >= kimg for stage, kimg in system.kimg.items())


def _last(stage: Path) -> float:
    """Thousands of images of the newest averaged network."""
    return max((int(path.name[4:]) / 1000 for path in stage.glob("ema-*")), default=0.0)


def make_data(folder: Path) -> None:
    """Collect `data/test` and `data/high`, and render `data/low` as small sets are made of large.

    The low-resolution set is shrunk by Lanczos from pictures of 128 to 256 px, as the protocols
    shrink the pictures of the other two.
    """
    keep = ["--measure", "header", "--near-duplicates", "keep"]
    for name, n, seed in (("test", N_TEST, 3), ("high", N_HIGH, 2)):
        sizes = ["--n", str(n), "--min-size", "128", "--max-size", "256", "--seed", str(seed)]
        _run(folder, ["collect", "houses", f"data/{name}", "--id", f"houses-{name}", *sizes, *keep])
    seeds = f"{FIRST_LOW}-{FIRST_LOW + N_LOW - 1}"
    rendered = ["--seeds", seeds, "--size", str(BASE), "--out", "data/low-files"]
    _run(folder, ["generate", "houses:128-256", *rendered])
    _run(folder, ["collect", "folder", "data/low-files", "data/low", "--id", "houses-low", *keep])


def train(folder: Path, only: str) -> None:
    """Train what is not complete, one system after another."""
    for system in systems():
        if not system.name.startswith(only) or is_complete(folder / "runs", system):
            continue
        print(system.name, flush=True)
        command = ["train", f"runs/{system.name}", "--preset", system.preset]
        command += [part for setting in system.sets for part in ("--set", setting)]
        if system.task:
            command += ["--task", system.task, "--task-dataset", "data/test", "--task-n", "1000"]
        for stage in system.kimg:
            _run(folder, [*command, *(["--stage", stage] if stage != _ONLY else [])])


def _run(folder: Path, command: list[str]) -> None:
    """One command of the package in the folder; a request to stop is handed on to it."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    child = subprocess.Popen(
        [sys.executable, "-m", "anyres_bench", *command], cwd=folder, env=environment
    )
    signal.signal(signal.SIGTERM, lambda number, frame: child.terminate())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child has its own from the terminal
    status = child.wait()
    if status:
        sys.exit(status)


def gather(folder: Path, out: Path) -> None:
    """Write the curves of all runs, and of the short ones in `search/` that settings came from.

    Curves of runs that are not in the folder stay in the file.
    """
    found = json.loads(out.read_text())["curves"] if out.exists() else {}
    for kind in ("runs", "search"):
        for log in sorted((folder / kind).glob(f"*/*/{LOG}")):
            found[f"{kind}/{log.parent.parent.name}/{log.parent.name}"] = curve(log.parent)
    write_json(out, {"systems": [asdict(system) for system in systems()], "curves": found})


def gather_weights(folder: Path, out: Path) -> int:
    """Write the averaged network of every complete system, large tensors in half precision.

    What `out` held of the same systems is replaced; `weights.json` beside them says what each is.

    Returns:
        Bytes of all of them.
    """
    listing = out / embedded.LISTING
    shipped = json.loads(listing.read_text()) if listing.exists() else {}
    for system in systems():
        if not is_complete(folder / "runs", system):
            continue
        stage = list(system.kimg)[-1]
        source = sorted((folder / "runs" / system.name / stage).glob("ema-*"))[-1]
        trained = read_checkpoint(source)
        state = {name: _compact(tensor) for name, tensor in trained.state.items()}
        checkpoint = replace(trained, state=state, licence=LICENCE)
        shutil.rmtree(out / system.name, ignore_errors=True)
        write_checkpoint(out / system.name, checkpoint)
        shipped[system.name] = {
            "digest": checkpoint.digest,
            "of": {"stage": stage, "images": int(source.name[4:]), "digest": trained.digest},
        }
    write_json(listing, shipped)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _compact(tensor: Tensor) -> Tensor:
    """Half precision for what weighs; biases, frequencies and statistics stay as they are."""
    return tensor.half() if tensor.is_floating_point() and tensor.numel() >= _LARGE else tensor


def status(folder: Path) -> None:
    """Print thousands of images of every stage, and of how many."""
    for system in systems():
        for stage, kimg in system.kimg.items():
            seen = images(folder / "runs" / system.name / stage) / 1000
            print(f"{system.name:18} {stage:9} {seen:6.1f} of {kimg:5.1f} kimg")


def main() -> None:
    """Do as told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["data", "train", "status", "curves", "weights"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="systems whose name begins so")
    parser.add_argument("--out", type=Path, help="of `curves` and `weights`")
    args = parser.parse_args()
    folder = args.folder.resolve()
    if args.what == "data":
        make_data(folder)
    elif args.what == "train":
        train(folder, args.only)
    elif args.what == "curves":
        gather(folder, args.out or RESULTS / "embedded.json")
    elif args.what == "weights":
        n_bytes = gather_weights(folder, args.out or embedded.FOLDER)
        print(f"{n_bytes / 1e6:.1f} MB")
    else:
        status(folder)


if __name__ == "__main__":
    main()

"""Speed of a training step, the share of it spent waiting for data, and what torch.compile brings.

    anyres-bench collect scenes data/scenes --n 3000 --max-size 192
    python -m benchmarks.train_step data/scenes [--out benchmarks/results/train_step.json]

Every row is a run of the real loop with a preset's settings: the first tick warms up and is left
out, the others hold 16 steps each, so that every one pays for one R1 penalty. Times are wall-clock;
the load of the machine is written beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch

from anyres_bench.core.files import write_json
from anyres_bench.models.families import parts
from anyres_bench.training.charts import LOG, read_entries
from anyres_bench.training.config import LoopConfig, build, to_plain
from anyres_bench.training.loop import train
from anyres_bench.training.stages import read_stages

STEPS_A_TICK = 16


def measure(args: argparse.Namespace, folder: Path, stage: str, **changes: Any) -> dict[str, Any]:
    """Run one stage with changed settings of the loop; images a second and the share of waiting."""
    stages = {one.name: one for one in read_stages(args.preset, None, {}, [args.data])}
    values = stages[stage].values
    kimg = STEPS_A_TICK * values["loop"]["batch"] / 1000
    ticks = {"kimg_per_tick": kimg, "checkpoint_ticks": 1000, "sample_ticks": 0}
    ticks |= {"total_kimg": kimg * (args.ticks + 1)}
    loop = build(LoopConfig, {**values["loop"], **ticks, **changes})
    model = dict(values["model"])
    if model.get("teacher") == "previous":
        model["teacher"] = str(folder / "global")
    recipe = build(parts("recipes").get(stages[stage].recipe), model).recipe(loop)
    out = folder / stage
    if out.exists():
        out = folder / f"{stage}-{len(list(folder.iterdir()))}"
    train(recipe, loop, out, {"loop": to_plain(loop)})
    entries = read_entries(out / LOG)[1:]
    rates = [entry["images_per_second"] for entry in entries]
    waits = [entry["waiting_for_data"] for entry in entries]
    return {
        "stage": stage,
        **changes,
        "images_per_second": statistics.median(rates),
        "slowest_tick": min(rates),
        "fastest_tick": max(rates),
        "waiting_for_data": statistics.median(waits),
        "most_waiting": max(waits),
    }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="a dataset folder")
    parser.add_argument("--preset", default="scenes-tiny", help="stages `global` and `patch`")
    parser.add_argument("--ticks", type=int, default=4, help="ticks a row, the first left out")
    parser.add_argument("--compile", action="store_true", help="with torch.compile too")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/train_step.json"))
    args = parser.parse_args()
    cases: list[tuple[str, dict[str, Any]]] = [
        (stage, {"n_workers": n}) for stage in ("global", "patch") for n in (0, 1)
    ]
    if args.compile:
        cases += [(stage, {"n_workers": 1, "compile": True}) for stage in ("global", "patch")]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for stage, changes in cases:
            load = os.getloadavg()[0]
            rows.append(measure(args, Path(folder), stage, **changes) | {"load_before": load})
            print(json.dumps(rows[-1]), flush=True)
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine |= {"torch": torch.__version__, "threads": torch.get_num_threads()}
    facts = {"preset": args.preset, "ticks": args.ticks, "steps_a_tick": STEPS_A_TICK}
    write_json(args.out, {**facts, "machine": machine, "rows": rows})


if __name__ == "__main__":
    main()

"""Images a second of the training loop, against the same networks in plain torch, in turns.

    anyres-bench collect scenes data/scenes --n 600 --max-size 192
    python -m benchmarks.train_step data/scenes [--bf16] [--only CASE]
        [--out benchmarks/results/train_step.json]

Cases: the stage `global` of the preset `scenes-tiny`, and a network of 64 px with StyleGAN3's
oversampled activations (`train_64px.toml`). The plain side (`plain_training.py`) is the same
recipe, loop and data; its networks are what one writes first. Both sides are the same function: the
largest difference of images and logits is measured and written. A round is a tick of each side, 16
steps, so that each pays for one R1 penalty, and a run goes on from round to round. Compared are
medians of images a second and of seconds of the processor a step (of the training process); the
share of time spent waiting for data is from the loop's log. The load of the machine is beside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.reference.recipe import AnyResConfig, AnyResRecipe
from anyres_bench.training.charts import LOG, read_entries
from anyres_bench.training.config import LoopConfig, build, to_plain
from anyres_bench.training.loop import train
from anyres_bench.training.stages import read_stages
from benchmarks.machine import machine
from benchmarks.plain_training import PlainRecipe, largest_difference

STEPS_A_TICK = 16
CASES: dict[str, tuple[str | None, Path | None]] = {
    "scenes-tiny": ("scenes-tiny", None),
    "64px": (None, Path(__file__).with_name("train_64px.toml")),
}


@dataclass(frozen=True)
class Side:
    """One way to train.

    Attributes:
        name: of the side.
        recipe: its class.
        changes: of the loop's settings.
    """

    name: str
    recipe: type[AnyResRecipe]
    changes: dict[str, Any]


def sides(bf16: bool) -> list[Side]:
    """What is compared."""
    compared = [
        Side("ours", AnyResRecipe, {"n_workers": 1}),
        Side("plain", PlainRecipe, {"n_workers": 1}),
        Side("ours, data read by a thread", AnyResRecipe, {"n_workers": 0}),
    ]
    if bf16:
        compared.append(Side("ours, bf16", AnyResRecipe, {"n_workers": 1, "precision": "bf16"}))
    return compared


def tick(side: Side, values: dict[str, Any], folder: Path, number: int) -> dict[str, float]:
    """Train one more tick of a side; what its log says of it, and seconds of the processor."""
    kimg = STEPS_A_TICK * values["loop"]["batch"] / 1000
    ticks = {"kimg_per_tick": kimg, "checkpoint_ticks": 10**6, "sample_ticks": 0, "charts": False}
    ticks |= {"total_kimg": kimg * (number + 1)}
    loop = build(LoopConfig, {**values["loop"], **ticks, **side.changes})
    recipe = side.recipe(build(AnyResConfig, dict(values["model"])), loop)
    began = time.process_time()
    if not train(recipe, loop, folder, {"loop": to_plain(loop)}):
        raise SystemExit("stopped before its tick was complete")
    cpu_s = time.process_time() - began
    entry = read_entries(folder / LOG)[-1]
    return {
        "images_per_second": entry["images_per_second"],
        "waiting_for_data": entry["waiting_for_data"],
        "cpu_s_a_step": cpu_s / STEPS_A_TICK,
    }


def measure(case: str, compared: list[Side], rounds: int, data: Path) -> dict[str, Any]:
    """All sides of a case in turns; the first round warms up and is left out."""
    values = dict(read_stages(*CASES[case], {}, [data])[0].values)
    loop = build(LoopConfig, values["loop"])
    config = build(AnyResConfig, dict(values["model"]))
    difference = largest_difference(AnyResRecipe(config, loop), PlainRecipe(config, loop))
    if not difference < 1e-4:
        raise SystemExit(f"{case}: the sides differ by {difference:.2g}")
    rows: dict[str, list[dict[str, float]]] = {side.name: [] for side in compared}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for side in compared:
                row = tick(side, values, Path(folder) / side.name, number)
                print(case, number, side.name, json.dumps(row), flush=True)
                rows[side.name] += [row] if number else []
    medians = {
        name: {key: statistics.median(row[key] for row in of) for key in of[0]}
        for name, of in rows.items()
    }
    ours, plain = medians["ours"], medians["plain"]
    ratios = {
        "images_per_second": ours["images_per_second"] / plain["images_per_second"],
        "cpu_s": plain["cpu_s_a_step"] / ours["cpu_s_a_step"],
    }
    print(case, json.dumps(ratios), flush=True)
    facts = {"batch": loop.batch, "largest_difference": difference}
    return {**facts, "ratios_to_plain": ratios, "medians": medians, "rounds": rows}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="a dataset folder")
    parser.add_argument("--only", choices=list(CASES), help="one case")
    parser.add_argument("--rounds", type=int, default=3, help="ticks a side, after one more")
    parser.add_argument("--bf16", action="store_true", help="with bf16 autocast too")
    parser.add_argument("--out", type=Path, help="JSON file; cases that it holds already stay")
    args = parser.parse_args()
    compared = sides(args.bf16)
    where = machine()
    for case in [args.only] if args.only else list(CASES):
        found = measure(case, compared, args.rounds, args.data)
        if args.out:
            kept = json.loads(args.out.read_text()) if args.out.exists() else {}
            cases = {**kept.get("cases", {}), case: {"machine": where, **found}}
            write_json(args.out, {"steps_a_tick": STEPS_A_TICK, "cases": cases})


if __name__ == "__main__":
    main()

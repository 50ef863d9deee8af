"""Curves of finished training runs, and what their models and the floors are worth, as one file.

    anyres-bench collect scenes data/scenes --id scenes --n 3000 --max-size 192 \\
        --measure header --near-duplicates keep
    for seed in 0 1; do
        anyres-bench train runs/seed$seed --preset scenes-tiny --data data/scenes \\
            --set loop.seed=$seed --task anyres-patch32-min32max128/frechet
        for model in constant lanczos:runs/seed$seed/global/ema-* runs/seed$seed/*/ema-*; do
            anyres-bench evaluate $model --dataset data/scenes --n 500 \\
                --suite anyres-patch32-min32max128/frechet --out runs/results
        done
    done
    python -m benchmarks.training_curves runs/seed0 runs/seed1 --results runs/results

A tick that was not trained through (a stopped process, a stopped machine) shows in its seconds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.results import read_results
from anyres_bench.training.charts import LOG, read_entries

STAGES = ("global", "patch")


def curve(folder: Path) -> dict[str, Any]:
    """Settings, ticks and evaluations of one stage of a run."""
    settings = json.loads((folder / "settings.json").read_text())
    for source in settings["model"]["sources"]:
        source["dataset"] = Path(source["dataset"]).name
    for key in ("start", "teacher"):
        if settings["model"].get(key):
            settings["model"][key] = Path(settings["model"][key]).name
    entries = read_entries(folder / LOG)
    kept: dict[str, list[dict[str, Any]]] = {"tick": [], "evaluation": []}
    for entry in entries:
        kept[entry.pop("kind")].append(entry)
    return {"settings": settings, "ticks": kept["tick"], "evaluations": kept["evaluation"]}


def row(result: Any, names: dict[str, str]) -> dict[str, Any]:
    """One line of the table."""
    spec = str(result.model.spec)
    for path, name in names.items():
        spec = spec.replace(path, name)
    return {
        "model": spec,
        "id": result.model.id,
        "task": result.task,
        "values": dict(result.values),
        "intervals": dict(result.intervals),
        "n_real": result.n_real,
        "n_fake": result.n_fake,
    }


def main() -> None:
    """Gather, print the table and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="folders of runs, one a seed")
    parser.add_argument("--results", type=Path, required=True, help="what `evaluate` wrote")
    parser.add_argument("--note", action="append", default=[], help="kept with the curves")
    out = Path("benchmarks/results/training_scenes_tiny.json")
    parser.add_argument("--out", type=Path, default=out)
    args = parser.parse_args()
    names = {str(run): run.name for run in args.runs}
    rows = [row(result, names) for result in read_results([args.results]).results]
    for line in sorted(rows, key=lambda line: line["values"]["frechet"]):
        ends = line["intervals"]["frechet"]
        value = f"{line['values']['frechet']:8.1f} [{ends['low']:.1f}, {ends['high']:.1f}]"
        print(value, line["model"])
    curves = {
        run.name: {stage: curve(run / stage) for stage in STAGES if (run / stage / LOG).exists()}
        for run in args.runs
    }
    write_json(args.out, {"notes": args.note, "table": rows, "curves": curves})


if __name__ == "__main__":
    main()

"""Curves of baselines that were trained, and what they and the floors are worth, as one file.

    anyres-bench collect scenes data/scenes --n 600 --min-size 128 --max-size 256 --seed 11
    anyres-bench collect scenes data/small --n 300 --min-size 32 --max-size 32 --aspects 1:1 \\
        --seed 77 --near-duplicates keep
    anyres-bench collect scenes data/test --n 300 --min-size 128 --max-size 192 --seed 12 \\
        --near-duplicates keep
    for seed in 0 1; do for name in liif realesrgan anycost mspe infinitygan; do
        anyres-bench train runs/$name$seed --preset $name-scenes-tiny --data data/scenes \\
            --set loop.seed=$seed
        anyres-bench train runs/$name$seed-start --preset $name-scenes-tiny --data data/scenes \\
            --set loop.seed=$seed --set loop.total_kimg=0.016 --stage FIRST
    done; done
    for model in constant nearest:folder:data/small lanczos:folder:data/small real; do
        anyres-bench evaluate $model --dataset data/test --n 300 --out runs/results \\
            --suite patch64-at128/frechet --suite patch64-at64/frechet \\
            --suite patch32-at53/frechet --suite patch32-at32/frechet
    done
    anyres-bench evaluate liif:folder:data/small --option weights=runs/liif0/run/ema-000024000 ...
    anyres-bench evaluate runs/mspe0/run/ema-000007008 ...
    python -m benchmarks.baseline_curves runs/*[01]/*/ --results runs/results \\
        --out benchmarks/results/baseline_training.json

FIRST is net for realesrgan, plain for anycost, run for all others; upscalers (liif, realesrgan) are
evaluated over data/small on canvases of 64 and 128 px, anycost at 32, infinitygan at 53, mspe at 32
and 64 px, each with --n 300.

What a run is called in the table is the digest of its averaged weights; one step is its start.
Seconds are of the machine as it was, which other work may have shared.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.models.checkpoint import read_checkpoint
from anyres_bench.results import read_results
from benchmarks.training_curves import curve


def averaged(folder: Path) -> dict[str, str]:
    """The digest of every averaged network that a stage left."""
    return {path.name: read_checkpoint(path).digest[:12] for path in sorted(folder.glob("ema-*"))}


def table(results: Path) -> list[dict[str, Any]]:
    """What was measured: one row a model and task."""
    return [
        {
            "model": result.model.id,
            "task": result.task,
            "values": dict(result.values),
            "intervals": dict(result.intervals),
            "cost": dict(result.model.get("cost", {})),
        }
        for result in sorted(read_results([results]).results, key=lambda r: (r.task, r.model.id))
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="+", type=Path, help="folders of stages")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    curves = {
        f"{folder.parent.name}/{folder.name}": {**curve(folder), "averaged": averaged(folder)}
        for folder in arguments.stages
    }
    write_json(arguments.out, {"curves": curves, "results": table(arguments.results)})


if __name__ == "__main__":
    main()

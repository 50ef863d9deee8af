"""Run under torchrun by `test_ranks.py`: evaluate on every rank, write what each one saw."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from anyres_bench.core import distributed
from anyres_bench.data.dataset import Dataset
from anyres_bench.evaluation.evaluate import EvaluationPlan, run_plan
from anyres_bench.models.controls import resample
from anyres_bench.results import Task
from tests.fakes import Pooled, Waves

TASKS = (
    "tiny:half/patch32-at40/frechet-ddof1/pooled/n150@1",
    "tiny:half/anyres-full40/kid/pooled/n20@1",
    "tiny:half/ar1-patch32-min32max45/scale-kid/pooled/n70@1",
    "tiny:half/ar1-patch32-at45/copy-rate/pooled/n70@1",
)


def main(data: Path, out: Path) -> None:
    """Evaluate a model that renders and one that is made of images."""
    distributed.start()
    outcomes = [
        run_plan(
            EvaluationPlan(
                model=model,
                spec="test",
                dataset=Dataset.read(data),
                tasks=[Task.parse(text) for text in TASKS],
                extractors={"pooled": Pooled()},
                out=out,
            )
        )
        for model in (Waves(), resample("bicubic@16"))
    ]
    seen = [{r.task: dict(r.values) for r in outcome.results} for outcome in outcomes]
    (out / f"rank{distributed.rank()}.txt").write_text(json.dumps(seen))
    distributed.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

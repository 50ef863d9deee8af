"""Numbers in the cache: made once, never believed when damaged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from anyres_bench.evaluation.evaluate import EvaluationPlan, run_plan
from anyres_bench.evaluation.kept_numbers import KeptNumbers, kept_replicates
from anyres_bench.evaluation.pairs import paired
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.controls import constant
from anyres_bench.results import Task
from tests.fakes import Pooled, Waves, write_dataset

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]


def test_replicates_of_evaluation_serve_its_differences(tmp_path: Path, cache: Path) -> None:
    dataset = write_dataset(tmp_path / "tiny", SIZES)
    plan = EvaluationPlan(
        model=Waves(),
        spec="waves",
        dataset=dataset,
        tasks=[Task.parse("tiny:half/patch32-at40/frechet-ddof1/pooled/n80@1")],
        extractors={"pooled": Pooled()},
        out=tmp_path / "results",
    )
    other = replace(plan, model=constant(""), spec="constant")
    a, b = (run_plan(each).results[0] for each in (plan, other))
    kept = {path: path.read_bytes() for path in (cache / "replicates").iterdir()}
    assert len(kept) == 2
    found = paired(a, b)
    assert {path: path.read_bytes() for path in (cache / "replicates").iterdir()} == kept
    shutil.rmtree(cache / "differences")
    for path, content in kept.items():
        path.write_bytes(content.replace(b"1", b"2"))
    assert paired(a, b) == found  # damaged ones are not believed, and made again
    assert {path: path.read_bytes() for path in (cache / "replicates").iterdir()} == kept


def test_what_is_kept_is_computed_once(cache: Path) -> None:
    computed = []

    def compute() -> list[dict[str, float]]:
        computed.append(1)
        return [{"frechet": 0.1 + 0.2, "other": -1e300}]

    kept = kept_replicates(metric_from("frechet"))
    assert kept("a", compute) == kept("a", compute) == [{"frechet": 0.1 + 0.2, "other": -1e300}]
    assert len(computed) == 1
    kept_replicates(metric_from("kid"))("a", compute)  # of other code
    assert len(computed) == 2


def test_a_file_of_something_else_is_made_again(cache: Path) -> None:
    kept = kept_replicates(metric_from("frechet"))
    right = kept("a", lambda: [{"frechet": 1.0}])
    (path,) = (cache / "replicates").iterdir()
    for wrong in ({"frechet": 1.0}, [["frechet", 1.0]], [{"frechet": "1"}], None):
        KeptNumbers("replicates", path.stem).write(wrong)
        assert kept("a", lambda: [{"frechet": 1.0}]) == right


def test_a_cache_that_cannot_be_written_costs_no_number(cache: Path) -> None:
    cache.write_text("a file")
    assert kept_replicates(metric_from("frechet"))("a", lambda: [{"frechet": 1.0}])

"""Requests: complete tasks, each once, and their extractors."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.evaluation.requests import Request, plan_tasks
from tests.fakes import write_dataset
from tests.reporters import Recorder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    sizes = [(64 + 3 * i, 70 + 5 * (i % 7)) for i in range(24)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes)


def test_every_part_is_spelled_in_one_way(dataset) -> None:
    """One number has one id, however its protocol, metric options and extractor were written."""
    spellings = [
        "anyres-full0064/frechet",
        "fid-full064/frechet/builtin",
        "anyres-full64/frechet-ddof1/builtin-v1",
        "tiny:half/anyres-full64/frechet/builtin/n24@1",
    ]
    tasks, extractors = plan_tasks(dataset, Request(spellings))
    assert [task.id for task in tasks] == ["tiny:half/anyres-full64/frechet-ddof1/builtin-v1/n24@1"]
    assert set(extractors) == {tasks[0].extractor}
    turned, _ = plan_tasks(dataset, Request(["anyres-full64/kid-subsets-size9-n2"]))
    assert turned[0].metric == "kid-subsets-n2-size9"


def test_a_request_becomes_complete_tasks(dataset) -> None:
    wanted = ["anyres-full64/frechet", "patch32-at64/kid", "anyres-full64/frechet-ddof1"]
    tasks, extractors = plan_tasks(dataset, Request(wanted))
    (name,) = extractors
    assert [(task.dataset, task.protocol, task.n) for task in tasks] == [
        ("tiny:half", "anyres-full64", 24),
        ("tiny:half", "patch32-at64", 1000),
    ]
    assert {task.extractor for task in tasks} == {name}
    tasks, _ = plan_tasks(dataset, Request(["fid-full64"], extractor="builtin", n=10))
    assert tasks[0].id == f"tiny/anyres-full64/frechet-ddof0/{name}/n10@1"


def test_suites_take_as_many_whole_images_as_there_are(dataset) -> None:
    for n, expected in ((None, (12, 1000)), (500, (12, 500)), (10, (10, 10))):
        tasks, _ = plan_tasks(dataset, Request(["quick"], n=n))
        assert ({t.n for t in tasks if "full" in t.protocol}, tasks[-1].n) == (
            {expected[0]},
            expected[1],
        )
    recorder = Recorder()
    with report_to(recorder):
        plan_tasks(dataset, Request(["quick"], n=500))
    assert recorder.said == [
        "anyres-full64-noflip: 12 fakes, not 500: tiny has no more whole images"
    ]
    (exact,), _ = plan_tasks(dataset, Request(["anyres-full64/frechet"], n=500))
    assert exact.n == 500
    (papers,), _ = plan_tasks(dataset, Request(["fid-full64"], extractor="builtin"))
    assert papers.n == 50_000


def test_a_metric_that_does_not_fit_its_extractor_is_refused(dataset) -> None:
    with pytest.raises(UsageError, match="takes features of 1 dimensions"):
        plan_tasks(dataset, Request(["anyres-full64/ap"]))


def test_sources_are_paths_of_no_consequence(dataset, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "elsewhere", [image.size for image in dataset.manifest])
    assert other.digest == dataset.digest


def test_a_metric_of_one_extractor_brings_it(dataset) -> None:
    """Whatever extractor the other tasks of the request are measured with."""
    wanted = ["pair-at32and64/consistency", "overlap32by8-at48/overlap", "patch32-at48/frechet"]
    tasks, extractors = plan_tasks(dataset, Request(wanted, extractor="tiles:32:builtin"))
    assert [task.extractor for task in tasks] == ["pair", "difference", "tiles:32:builtin-v1"]
    again, _ = plan_tasks(dataset, Request([task.id for task in tasks[:2]]))
    assert again == tasks[:2]
    assert set(extractors) == {task.extractor for task in tasks}


def test_a_score_of_answers_is_none_of_features(dataset) -> None:
    for spec in ("builtin", "tiles:32:builtin"):
        for metric in ("inception-score", "scale-inception-score"):
            protocol = "anyres-full64" if metric == "inception-score" else "ar1-patch32-min32max64"
            with pytest.raises(UsageError, match="reads the answers of a classifier"):
                plan_tasks(dataset, Request([f"{protocol}/{metric}"], extractor=spec))


def test_a_metric_of_one_extractor_takes_no_other(dataset) -> None:
    with pytest.raises(UsageError, match="reads the numbers of difference and of no other"):
        plan_tasks(dataset, Request(["overlap32by8-at48/overlap/self-ssim"]))
    with pytest.raises(UsageError, match="builtin-v1 compares 1 views"):
        plan_tasks(dataset, Request(["overlap32by8-at48/frechet"]))

"""What people write becomes complete tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.reporting import report_to
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.suites import PAPER, PAPER_ELSEWHERE, curve, suite
from tests.fakes import write_dataset
from tests.reporters import Recorder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    sizes = [(64 + 3 * i, 70 + 5 * (i % 7)) for i in range(24)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes)


def test_a_papers_name_is_a_whole_recipe() -> None:
    query = TaskQuery.parse("fid-patch256-min256max1024")
    task = query.complete("ffhq6k", query.default_extractor or "", query.default_n or 0)
    assert task.id == (
        "ffhq6k/anyres-patch256-min256max1024/frechet-ddof0/"
        "inception-v3+torchscript+legacy_tensorflow/n50000@1"
    )
    assert query.dataset is None
    assert TaskQuery.parse("fid-full256/n100").n == 100


def test_open_parts_are_filled() -> None:
    query = TaskQuery.parse("anyres-full64/frechet")
    assert query == TaskQuery("anyres-full64", "frechet-ddof1")
    assert query.complete("d:half", "e", 5).id == "d:half/anyres-full64/frechet-ddof1/e/n5@1"
    full = "d/fid-full64/frechet/e/n7"
    assert TaskQuery.parse(full).complete("x", "y", 1).id == "d/anyres-full64/frechet-ddof1/e/n7@1"
    assert TaskQuery.parse("d/anyres-full64/frechet").dataset == "d"
    assert TaskQuery.parse("anyres-full64/frechet/e").extractor == "e"


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("quik", UnknownNameError, "unknown task 'quik'"),
        ("fid-ful256", UnknownNameError, "did you mean"),
        ("anyres-full64/frechett", UnknownNameError, "did you mean frechet"),
        ("anyres-ful64/frechet", UnknownNameError, "did you mean anyres-full256"),
        (
            "anyres-full64/frechet/e/n5@2",
            UsageError,
            "version 2 cannot be computed; this package computes version 1",
        ),
        ("anyres-full64", UnknownNameError, "PROTOCOL/METRIC"),
        ("fid", UnknownNameError, "write a paper's name, such as fid-full256"),
        ("pfid", UnknownNameError, "such as fid-patch256-min256max0"),
        ("p/r", UnknownNameError, "write precision-recall"),
        ("anyres-full64/FID", UnknownNameError, "PROTOCOL/frechet with an Inception"),
        ("anyres-full64/p/r", UnknownNameError, "write precision-recall"),
        ("anyres-full64/is", UnknownNameError, "write inception-score"),
        ("anyres-full６4/frechet", UnknownNameError, "unknown protocol"),
    ],
)
def test_bad_tasks(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TaskQuery.parse(text).complete("d", "e", 1)


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


def test_reference_and_held_out_never_overlap(dataset) -> None:
    protocol = protocol_from("anyres-full64")
    reference, held_out = reference_and_held_out(dataset, "tiny:half", protocol)
    one, two = ({image.sha256 for image in side.manifest} for side in (reference, held_out))
    assert not one & two
    assert len(one | two) == len(dataset.manifest)
    for source in ("a", "b"):
        counts = [sum(i.source == source for i in side.manifest) for side in (reference, held_out)]
        assert counts == [6, 6]
    assert reference_and_held_out(dataset, "tiny", protocol)[1] is None
    with pytest.raises(UsageError, match="the dataset is 'tiny'"):
        reference_and_held_out(dataset, "other:half", protocol)


def test_quick_fits_the_images(dataset) -> None:
    queries = suite("quick", dataset)
    protocols = list(dict.fromkeys(query.protocol for query in queries))
    assert protocols[:2] == ["anyres-full64-noflip", "anyres-patch64-min64max0-noflip"]
    assert protocols[2:] == ["patch32-at32", "patch32-at45", "patch32-at64"]
    assert curve(dataset, 64) == ["patch64-at64"]


def test_papers_suites(dataset) -> None:
    assert {query.default_n for query in suite("paper", _named(dataset, "ffhq6k"))} == {50_000}
    for texts in (*PAPER.values(), PAPER_ELSEWHERE):
        assert all(TaskQuery.parse(text).default_n == 50_000 for text in texts)


def _named(dataset, name: str):
    from dataclasses import replace

    return replace(dataset, id=name)


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

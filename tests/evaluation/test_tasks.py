"""Task ids: complete, stable, and never compared when they differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyres_bench.core.errors import IncomparableError, UnknownNameError, UsageError
from anyres_bench.data.views import protocol_from
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.suites import PAPER, PAPER_ELSEWHERE, curve, suite
from anyres_bench.evaluation.tasks import (
    Task,
    TaskQuery,
    differences,
    reference_and_held_out,
    require_one_task,
)
from tests.fakes import write_dataset

# Published ids. A line may be added here; none may ever change or go.
FROZEN = [
    "ffhq6k/anyres-patch256-min256max1024/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "ffhq6k/anyres-full1024/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "mountains/anyres-subpatch1024-min1024max0/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "birds:half/anyres-full512-noflip-centre/kid-subsets-n100-size1000/inception-v3/n5000@1",
    "scenes:half/patch64-at181/precision-recall-k3-inclusive/builtin/n1000@1",
    "scenes:half/anyres-up256/detectability-folds5-permutations199/builtin/n1000@1",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    sizes = [(64 + 3 * i, 70 + 5 * (i % 7)) for i in range(24)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes)


@pytest.mark.parametrize("text", FROZEN)
def test_published_ids_keep_their_meaning(text: str) -> None:
    assert Task.parse(text).id == text


def test_a_papers_name_is_a_whole_recipe() -> None:
    query = TaskQuery.parse("fid-patch256-min256max1024")
    task = query.complete("ffhq6k", query.default_extractor or "", query.default_n or 0)
    assert task.id == FROZEN[0]
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
        ("anyres-full64/frechet/e/n5@2", UsageError, "version 2 is not known"),
        ("anyres-full64", UnknownNameError, "PROTOCOL/METRIC"),
    ],
)
def test_bad_tasks(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TaskQuery.parse(text)


def test_an_incomplete_id_is_no_task() -> None:
    with pytest.raises(UsageError, match="no complete task id"):
        Task.parse("anyres-full64/frechet")


def test_different_tasks_are_not_compared() -> None:
    a, b = Task.parse(FROZEN[4]), Task.parse(FROZEN[5])
    assert [line.split(":")[0] for line in differences(a, b)] == ["protocol", "metric"]
    with pytest.raises(IncomparableError, match="protocol: patch64-at181 and anyres-up256; metric"):
        require_one_task([a, a, b])
    assert require_one_task([a, a]) == a


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

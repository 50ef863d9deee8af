"""What people write for a task: open parts, papers' names, and what cannot be read."""

from __future__ import annotations

import pytest

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.queries import TaskQuery
from tests.fakes import write_dataset


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
        ("patch32-at32/kid, fid-full256", UsageError, "are 2 tasks; give --suite"),
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

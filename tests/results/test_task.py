"""Task ids: complete, stable, text alone, and never compared when they differ."""

from __future__ import annotations

import re

import pytest

from anyres_bench.core.errors import IncomparableError, UsageError
from anyres_bench.results import (
    SUPERSESSIONS,
    Supersession,
    Task,
    differences,
    newest_version,
    one_spelling,
    require_one_task,
)

# Published ids. A line may be added here; none may ever change or go.
FROZEN = [
    "ffhq6k/anyres-patch256-min256max1024/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "ffhq6k/anyres-full1024/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "mountains/anyres-subpatch1024-min1024max0/frechet-ddof0/inception-v3+torchscript+legacy_tensorflow/n50000@1",
    "birds:half/anyres-full512-noflip-centre/kid-subsets-n100-size1000/inception-v3/n5000@1",
    "scenes:half/patch64-at181/precision-recall-k3-inclusive/builtin/n1000@1",
    "scenes:half/anyres-up256/detectability-folds5-permutations199/builtin/n1000@1",
]


@pytest.mark.parametrize("text", FROZEN)
def test_published_ids_keep_their_meaning(text: str) -> None:
    assert Task.parse(text).id == text
    assert str(Task.parse(text)) == text


def test_unknown_names_are_data() -> None:
    task = Task.parse("d/their-protocol/their.metric-k5/timm:vit+x/n7@12")
    assert (task.protocol, task.metric, task.version) == ("their-protocol", "their.metric-k5", 12)


@pytest.mark.parametrize(
    "text",
    [
        "anyres-full64/frechet",
        "d/p/m/e/n5",
        "d/p/m/e/n0@1",
        "d/p/m/e/n5@0",
        "d/p/m/e/n٥@1",
        "d/p/m/e/n5@1/x",
        "d//m/e/n5@1",
        f"d/p/m/e/n{'1' * 5000}@1",
    ],
)
def test_an_incomplete_id_is_no_task(text: str) -> None:
    with pytest.raises(UsageError, match="no complete task id"):
        Task.parse(text)


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("anyres-full0128", "anyres-full128"),
        ("anyres-patch064-min0256max000", "anyres-patch64-min256max0"),
        ("patch32-at40", "patch32-at40"),
        ("anyres-full00", "anyres-full0"),
        ("anyres-full1008", "anyres-full1008"),
    ],
)
def test_numbers_have_one_spelling(text: str, spelling: str) -> None:
    assert one_spelling(text) == spelling
    assert Task.parse(f"d/{text}/m/e/n5@1").id == f"d/{spelling}/m/e/n5@1"


def test_different_tasks_are_not_compared() -> None:
    a, b = Task.parse(FROZEN[4]), Task.parse(FROZEN[5])
    assert [line.split(":")[0] for line in differences(a, b)] == ["protocol", "metric"]
    with pytest.raises(IncomparableError, match="protocol: patch64-at181 and anyres-up256; metric"):
        require_one_task([a, a, b])
    assert require_one_task([a, a]) == a


def test_one_task_is_superseded_alone() -> None:
    table = [
        Supersession(r"anyres-up\d+/frechet-ddof\d/.*", 2, "the last column was left out"),
        Supersession(r"anyres-up64/frechet-ddof1/.*", 3, "and the last row"),
    ]
    up = Task.parse("d/anyres-up64/frechet-ddof1/e/n5@1")
    assert newest_version(up, table) == (3, "and the last row")
    assert newest_version(Task.parse("d/anyres-up65/frechet-ddof0/e/n5@1"), table)[0] == 2
    assert newest_version(Task.parse("d/anyres-full64/frechet-ddof1/e/n5@1"), table) == (1, "")


def test_supersessions_are_rising_and_say_why() -> None:
    for line in SUPERSESSIONS:
        assert re.compile(line.tasks)
        assert line.version > 1
        assert line.why

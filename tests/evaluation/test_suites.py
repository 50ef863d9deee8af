"""Suites: what fits the images at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.suites import PAPER, PAPER_ELSEWHERE, curve, published_kind, suite
from tests.fakes import write_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    sizes = [(64 + 3 * i, 70 + 5 * (i % 7)) for i in range(24)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes)


def test_quick_fits_the_images(dataset) -> None:
    queries = suite("quick", dataset)
    protocols = list(dict.fromkeys(query.protocol for query in queries))
    assert protocols[:2] == ["anyres-full64-noflip", "anyres-patch64-min64max0-noflip"]
    assert protocols[2:] == ["patch32-at32", "patch32-at45", "patch32-at64"]
    assert curve(dataset, 64) == ["patch64-at64"]


def test_quick_asks_for_no_windows_that_extractors_refuse(tmp_path: Path) -> None:
    small = write_dataset(tmp_path / "small", [(40 + i, 60) for i in range(12)])
    protocols = list(dict.fromkeys(query.protocol for query in suite("quick", small)))
    assert protocols[:2] == ["anyres-full32-noflip", "anyres-patch32-min32max0-noflip"]
    assert protocols[2:] == ["patch32-at32", "patch32-at45"]


def test_memorisation_is_asked_of_the_subset_and_of_the_whole_set(dataset) -> None:
    queries = suite("memorisation", dataset)
    expected = [f"ar1-{seen}32-at{size}" for size in (32, 64) for seen in ("patch", "shrunk")]
    assert list(dict.fromkeys(query.protocol for query in queries)) == expected
    metrics = {query.metric for query in queries}
    assert metrics == {"authpct", "copying-cells5", "copy-rate"}
    assert len(queries) == 3 * len(expected)


def test_papers_suites() -> None:
    for texts in (*PAPER.values(), PAPER_ELSEWHERE):
        assert all(TaskQuery.parse(text).default_n == 50_000 for text in texts)


def test_the_papers_suite_is_that_of_what_a_dataset_is(dataset) -> None:
    """Its recipe or the user says so; a folder of any name does not."""
    church = replace(dataset, recipe={"collector": "flickr", "source": "flickr-church"})
    faces = replace(dataset, recipe={"collector": "ffhq6k"})
    elsewhere = replace(dataset, recipe={"collector": "flickr", "source": "flickr-cats"})
    assert [published_kind(one) for one in (church, faces, elsewhere)] == ["church", "ffhq6k", None]
    asked = [TaskQuery.parse(text) for text in PAPER["church"]]
    assert suite("paper", church) == asked == suite("paper", dataset, "church")
    with pytest.raises(DatasetError, match="too small"):
        suite("paper", replace(dataset, id="church"))
    with pytest.raises(UnknownNameError, match="did you mean church"):
        suite("paper", dataset, "churches")

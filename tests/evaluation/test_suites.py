"""Suites: what fits the images at hand."""

from __future__ import annotations

import pytest

from anyres_bench.evaluation.queries import TaskQuery
from anyres_bench.evaluation.suites import PAPER, PAPER_ELSEWHERE, curve, suite
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


def test_papers_suites(dataset) -> None:
    assert {query.default_n for query in suite("paper", _named(dataset, "ffhq6k"))} == {50_000}
    for texts in (*PAPER.values(), PAPER_ELSEWHERE):
        assert all(TaskQuery.parse(text).default_n == 50_000 for text in texts)


def _named(dataset, name: str):
    from dataclasses import replace

    return replace(dataset, id=name)

from __future__ import annotations

from dataclasses import replace

import pytest

from anyres_bench.evaluation.wording import metric_name, metric_words, protocol_words, title_of
from anyres_bench.results import ExtractorRecord
from tests.results.records import result


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        ("anyres-full256", "whole images, 256 px"),
        ("anyres-full256-noflip-centre", "whole images, 256 px, centred"),
        ("anyres-patch64-min64max0", "64 px windows, canvases of 64 px to native size"),
        ("anyres-patch64-min64max128-noflip", "64 px windows, canvases of 64 to 128 px"),
        ("patch32-at45", "32 px windows, canvases of 45 px"),
        ("ar1-patch32-at45", "32 px windows, canvases of 45 px, ar1"),
        ("ar1-shrunk32-at128", "whole images of 128 px, shrunk to 32 px"),
        ("ar1-patch32-min32max128", "32 px windows, canvases from 32 to 128 px"),
        ("of-a-plugin3", "of-a-plugin3"),
    ],
)
def test_protocols(protocol: str, words: str) -> None:
    assert protocol_words(protocol) == words


def test_metrics_are_known_by_the_beginning_of_their_ids() -> None:
    assert metric_name("precision-recall-k3-inclusive") == "precision-recall"
    assert metric_name("of-a-plugin") == "of-a-plugin"


def test_a_summary_over_sizes_is_of_its_metric() -> None:
    text = result().task.replace("/frechet-", "/scale-frechet-")
    assert metric_words(replace(result(), task=text)) == "Fréchet distance over sizes"


def test_only_published_features_make_an_fid() -> None:
    plain = result()
    assert metric_words(plain) == "Fréchet distance"
    fid = replace(plain, extractor=ExtractorRecord("inception-v3", 2048, is_fid=True))
    assert title_of(fid) == "FID: whole images, 64 px"

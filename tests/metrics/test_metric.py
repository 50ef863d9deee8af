"""Names of metrics: complete, read back, and the nearest one where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from anyres_bench.core.errors import MetricError, UnknownNameError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics import METRICS, is_known
from anyres_bench.metrics.metric import metric_from, required


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("frechet", "frechet-ddof1"),
        ("frechet-ddof0", "frechet-ddof0"),
        ("kid", "kid"),
        ("kid-subsets", "kid-subsets-n100-size1000"),
        ("kid-subsets-size50", "kid-subsets-n100-size50"),
        ("precision-recall", "precision-recall-k3-inclusive"),
        ("precision-recall-strict-k5", "precision-recall-k5-strict"),
        ("density-coverage", "density-coverage-k5-strict"),
        ("fd-infinity", "fd-infinity-points15-ddof1"),
        ("inception-score-splits1", "inception-score-splits1"),
        ("detectability", "detectability-folds5-permutations199"),
    ],
)
def test_ids_are_complete_and_read_back(text: str, expected: str) -> None:
    metric = metric_from(text)
    assert metric.id == expected
    assert metric_from(metric.id) == metric


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frechett", "unknown metric 'frechett'; did you mean frechet"),
        ("fid", "unknown metric 'fid'"),
        ("", "unknown metric ''"),
        ("frechet-ddof2", "no option 'ddof2'; did you mean ddof"),
        ("frechet-ddof01", "no option 'ddof01'"),
        ("precision-recall-k0", "no option 'k0'"),
        ("precision-recall-k5-lenient", "no option 'lenient'"),
        ("precision-recall-k5-k6", "given 'k' twice"),
        ("precision", "write precision-recall, or prdc"),
        ("vendi-q2", "it has no options"),
        ("kid-", "no option ''"),
    ],
)
def test_unknown_names_and_options_fail_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        metric_from(text)


def test_what_is_known_can_be_made_of_a_metric_at_several_canvases() -> None:
    assert all(map(is_known, ("kid", "kid-deg3", "scale-frechet-ddof1", "aspect-kid")))
    assert not any(map(is_known, ("mine-k5", "scale", "scale-mine", "frechetish")))


def test_the_real_side_is_required_where_it_is_compared() -> None:
    bank = FeatureBank([0, 1], [0, 1], np.eye(2, dtype=np.float32))
    assert required(bank) is bank
    for name in METRICS:
        metric = metric_from(name)
        if metric.needs_real:
            with pytest.raises(MetricError, match="real images"):
                metric.finish(None, bank, stream(0))

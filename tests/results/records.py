"""A record to test with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from anyres_bench.results import (
    DatasetRecord,
    DeviceRecord,
    ExtractorRecord,
    FeaturesRecord,
    Interval,
    ModelRecord,
    Result,
    SizeHistogram,
)

TASK = "d:half/anyres-full64/frechet-ddof1/builtin-v1/n100@1"


def interval(low: float, high: float) -> Interval:
    error, method = (high - low) / 4, "a jackknife; Student's limits"
    return Interval(low, high, error, 19.0, 0.95, method, {"fake": 9})


def model(name: str) -> ModelRecord:
    return ModelRecord(name, name, (64, 64))


def dataset(digest: str = "0" * 64, name: str = "d") -> DatasetRecord:
    return DatasetRecord(
        id=name,
        digest=digest,
        recipe_id="1" * 64,
        reference_digest="2" * 64,
        n_images=40,
        n_reference=20,
        n_survivors=18,
        sizes=SizeHistogram((64, 91, 128), (30, 10)),
    )


def result(**changes: Any) -> Result:
    made = Result(
        task=TASK,
        model=model("real"),
        values={"frechet": 1 / 3},
        intervals={"frechet": interval(0.25, 0.4)},
        higher_is_better={"frechet": False},
        dataset=dataset(),
        fake=None,
        extractor=ExtractorRecord("builtin-v1", 8, is_fid=False),
        seed=0,
        n_real=20,
        n_fake=100,
        device=DeviceRecord("cpu", "cpu"),
        seconds={"real": 1.0, "fake": 2.5},
        versions={"torch": "2"},
        states={
            "real": FeaturesRecord({"side": "real"}, 20),
            "fake": FeaturesRecord({"side": "fake"}, 100),
        },
    )
    return replace(made, **changes)

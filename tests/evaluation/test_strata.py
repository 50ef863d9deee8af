"""Protocols of several sizes: one record a summary, the features of each size kept once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.core.geometry import Size
from anyres_bench.core.reporting import report_to
from anyres_bench.core.seeds import stream
from anyres_bench.data.dataset import Dataset
from anyres_bench.data.pixels import center_square, crop, resize_uint8, to_float
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.reading import read_image
from anyres_bench.data.records import Manifest
from anyres_bench.data.splits import reference_and_held_out
from anyres_bench.evaluation.evaluate import EvaluationPlan, check_samples, run_plan
from anyres_bench.evaluation.pairs import paired
from anyres_bench.evaluation.requests import Request, plan_tasks
from anyres_bench.evaluation.strata import (
    HELD_OUT,
    joined,
    real_side,
    side_of,
    state_name,
    states_of,
)
from anyres_bench.features.stats import FeatureBank
from anyres_bench.models.adapters import FixedSize
from anyres_bench.models.controls import real, resample
from anyres_bench.models.upscaling import Filtered, Upscaled
from anyres_bench.results import Task, read_result
from tests.fakes import Pooled, Waves, write_dataset
from tests.reporters import Recorder

LADDER = "ar1-patch32-min32max64"
SUMMARY = f"tiny:half/{LADDER}/scale-frechet-ddof1/pooled/n40@1"
POINT = "tiny:half/ar1-patch32-at45/frechet-ddof1/pooled/n40@1"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    sizes = [(48 + 3 * i, 50 + 4 * (i % 7)) for i in range(24)]
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", sizes)


class CountingPooled(Pooled):
    def __init__(self) -> None:
        self.n_seen = 0

    def __call__(self, images):
        self.n_seen += len(images)
        return super().__call__(images)


def run(dataset, out: Path, model, tasks, extractor=None):
    return run_plan(
        EvaluationPlan(
            model=model,
            spec="test",
            dataset=dataset,
            tasks=[Task.parse(text) for text in tasks],
            extractors={"pooled": extractor or Pooled()},
            out=out,
        )
    )


def test_a_curve_is_one_record_and_its_sizes_are_computed_once(dataset, tmp_path: Path) -> None:
    extractor = CountingPooled()
    recorder = Recorder()
    with report_to(recorder):
        outcome = run(dataset, tmp_path, Waves(), [POINT, SUMMARY], extractor)
    assert outcome.failures == {}
    point, summary = outcome.results
    assert extractor.n_seen == 3 * 2 * 40  # three sizes, two sides, though two tasks look at 45
    assert summary.values["frechet@45"] == point.values["frechet"]
    assert summary.intervals.keys() == {"frechet_area", "frechet_worst", "frechet_fall"}
    assert (summary.n_real, summary.n_fake) == (120, 120)
    assert set(summary.states) == {f"{s}@{k}" for s in ("real", "fake") for k in (32, 45, 64)}
    assert summary.states["fake@45"] == point.states["fake"]
    written = (path for path in tmp_path.rglob("*.json") if path.parent.name != "replicates")
    assert [read_result(path) for path in written]
    assert any("ar1-patch32-at64: " in str(told) for told in recorder.told)


@pytest.mark.slow
def test_paired_summaries_of_two_models(dataset, tmp_path: Path) -> None:
    results = [
        run(dataset, tmp_path, model, [SUMMARY]).results[0]
        for model in (resample("bicubic@12"), real(""))
    ]
    found = paired(*results)
    assert found is not None
    assert found["frechet_area"].low > 0  # less sharp at every size
    assert found["frechet_area"].value == pytest.approx(
        results[0].values["frechet_area"] - results[1].values["frechet_area"]
    )


def test_a_model_of_few_sizes_says_which(dataset, tmp_path: Path) -> None:
    fixed = replace(Waves(), canvases=(Size(32, 32), Size(64, 64)))
    with pytest.raises(GeneratorError, match="renders canvases of 32x32, 64x64 only"):
        run(dataset, tmp_path, fixed, [SUMMARY])
    wide = "tiny:half/ar1-patch32-native/kid/pooled/n10@1"
    with pytest.raises(GeneratorError, match="32x32, 64x64 only"):
        run(dataset, tmp_path, fixed, [wide])


@pytest.mark.parametrize(
    ("native", "wanted", "fits"),
    [
        (Size(32, 32), "ar1-patch32-native", "patch16-at32"),
        (Size(32, 64), "patch16-at32", "ar1-patch16-ar2x1-0.002048mp"),
    ],
)
def test_a_model_of_one_shape_is_told_what_fits_before_the_run(
    dataset, native: Size, wanted: str, fits: str
) -> None:
    def never(z: torch.Tensor) -> torch.Tensor:
        raise AssertionError("nothing is to be rendered")

    module = torch.nn.Linear(4, 4).requires_grad_(False)
    module.forward = never  # type: ignore[method-assign]
    model = FixedSize(module, native, z_dim=4)
    for made in (model, Upscaled(model, Filtered("lanczos"))):
        with pytest.raises(GeneratorError, match="asks for") as error:
            check_samples(made, dataset, [Task.parse(f"tiny:half/{wanted}/kid/pooled/n10@1")], 0)
        assert fits in str(error.value)
        check_samples(made, dataset, [Task.parse(f"tiny:half/{fits}/kid/pooled/n10@1")], 0)


@pytest.mark.parametrize("name", ["ar1-patch32-native", "ar1-patch32-ar4x3-0.003mp"])
def test_models_that_render_any_canvas_are_asked_for_rectangles(
    dataset, tmp_path: Path, name: str
) -> None:
    seen: list[Size] = []

    class Watched(Waves):
        def sample(self, z, regions):
            seen.extend(region.canvas for region in regions)
            return super().sample(z, regions)

    for model in (Watched(), real("")):
        task = f"tiny:half/{name}/kid/pooled/n12@1"
        (result,) = run(dataset, tmp_path, model, [task]).results
        assert np.isfinite(result.values["kid"])
    assert any(size.height != size.width for size in seen)


def test_shapes_are_held_against_squares(dataset, tmp_path: Path) -> None:
    shapes = "ar1-patch16-aspects-0.001mp"
    task = f"tiny:half/{shapes}/aspect-frechet-ddof1/pooled/n24@1"
    (result,) = run(dataset, tmp_path, Waves(), [task]).results
    values = result.values
    others = [x for name, x in values.items() if "@" in name and not name.endswith("@1x1")]
    assert len(others) == 6
    square = values["frechet@1x1"]
    assert values["frechet_mean_ratio"] == pytest.approx(np.mean(others) / square)
    assert values["frechet_worst_ratio"] == pytest.approx(max(others) / square)
    assert result.intervals.keys() == {"frechet_mean_ratio", "frechet_worst_ratio"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{LADDER}/frechet", "never pooled: use scale-frechet-ddof1, or one canvas, such as ar1-"),
        ("ar1-patch32-at45/scale-kid", "protocol such as ar1-patch64-min64max256"),
        ("ar1-patch32-aspects-0.01mp/scale-kid", "canvases of several sizes and"),
        (f"{LADDER}/aspect-frechet", "canvases of several aspects and"),
    ],
)
def test_summaries_and_protocols_fit_together(dataset, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_tasks(dataset, Request((text,), "builtin", 10))


def test_copying_is_held_against_images_that_the_reference_lacks(dataset, tmp_path: Path) -> None:
    task = "tiny:half/ar1-patch32-at45/copy-rate/pooled/n40@1"
    results = [run(dataset, tmp_path, model, [task]).results[0] for model in (Waves(), real(""))]
    assert set(results[0].states) == {"real", HELD_OUT, "fake"}
    assert results[1].values["copy_rate"] <= 0.025  # the held-out images themselves
    assert paired(*results) is not None
    with pytest.raises(UsageError, match="use tasks of tiny:half"):
        plan_tasks(dataset, Request(("tiny/ar1-patch32-at45/copy-rate",), "builtin", 10))


@dataclass(frozen=True)
class Copier(Waves):
    """Enlarges given images to any canvas, and adds detail that they lack."""

    images: Dataset | None = None
    id: str = "copier"

    def picture(self, seed, region):
        assert self.images is not None
        pixels = read_image(self.images, seed % len(self.images.manifest))
        square = crop(pixels, center_square(Size(*pixels.shape[:2])))
        large = resize_uint8(square, region.canvas, "bicubic")
        detail = 40 * stream(seed, "detail").normal((*region.canvas, 1))
        levels = (large + detail).clip(0, 255).round().astype(np.uint8)
        return to_float(torch.from_numpy(levels).permute(2, 0, 1)[None])[0][
            :, region.box.top : region.box.bottom, region.box.left : region.box.right
        ]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory):
    """As many images of 35 px as of 64 px and more."""
    sizes = [(35 + i % 3, 36) if i % 2 else (64 + i % 5, 66) for i in range(48)]
    return write_dataset(tmp_path_factory.mktemp("data") / "mixed", sizes)


def test_copies_of_small_images_are_found_against_the_whole_set(mixed, tmp_path: Path) -> None:
    """Not against the images that are large enough for the canvas, which lack what is copied."""
    whole, subset = "ar1-shrunk32-at64", "ar1-patch32-at64"
    reference, held_out = reference_and_held_out(mixed, "tiny:half", protocol_from(whole))
    assert held_out is not None

    def values(half: Dataset, protocol: str) -> dict[str, float]:
        small = [image for image in half.manifest if image.size.shorter < 64]
        model = Copier(id=half.digest, images=replace(half, manifest=Manifest(small)))
        tasks = [f"tiny:half/{protocol}/{m}/pooled/n12@1" for m in ("authpct", "copy-rate")]
        found = run(mixed, tmp_path / "out", model, tasks).results
        return {name: value for of in found for name, value in of.values.items()}

    assert values(reference, whole) == {"authpct": 0, "copy_rate": 1}
    for half, protocol in ((reference, subset), (held_out, whole)):
        found = values(half, protocol)
        assert found["authpct"] > 25
        assert found["copy_rate"] < 0.2


def test_images_stand_for_a_model_where_they_are_as_large(mixed, tmp_path: Path) -> None:
    tasks, _ = plan_tasks(mixed, Request(("ar1-shrunk32-at64/copy-rate",), "builtin"))
    task = replace(tasks[0], extractor="pooled")
    _, held_out = reference_and_held_out(mixed, "tiny:half", protocol_from(task.protocol))
    assert held_out is not None
    large = [image for image in held_out.manifest if image.size.shorter >= 64]
    assert task.n == len(large) < len(held_out.manifest)
    [result] = run(mixed, tmp_path / "out", real(""), [task.id]).results
    assert result.fake is not None
    assert result.fake.n_survivors == len(large)
    assert result.states[HELD_OUT].key["protocol"] == "ar1-shrunk32-at32"


def test_a_ladder_is_a_suite(dataset) -> None:
    with report_to(recorder := Recorder()):
        tasks, _ = plan_tasks(dataset, Request((LADDER,), "builtin", 40))
    protocols = Counter(task.protocol for task in tasks)
    assert set(protocols) == {LADDER, *(f"ar1-patch32-at{size}" for size in (32, 45, 64))}
    assert protocols[LADDER] == 8  # a summary of each of seven metrics, and the transfer
    assert (LADDER, "scale-mind-directions1000") in {(t.protocol, t.metric) for t in tasks}
    assert ("say", "fd-infinity-groups-points15-ddof1 is left out: it needs n 309 and more") in (
        recorder.told
    )


def test_strata_of_a_side_are_joined() -> None:
    rows = np.arange(3)
    one = FeatureBank(rows, rows, np.ones((3, 2), np.float32))
    banks = joined({"real@64": one, "real@91": one, "fake": one})
    assert banks["fake"] is one
    assert list(banks["real"].strata()) == ["64", "91"]
    assert [side_of(state_name("real", label)) for label in ("", "64")] == ["real", "real"]


def test_states_of_a_side(dataset, tmp_path: Path) -> None:
    [result] = run(dataset, tmp_path, Waves(), [SUMMARY]).results
    states = states_of(result, "fake")
    assert [state.key["protocol"] for state in states] == [
        f"ar1-patch32-at{size}" for size in (32, 45, 64)
    ]
    assert len(states) + len(states_of(result, "real")) == len(result.states)


def test_held_out_images_are_groups_of_their_own() -> None:
    rows = np.arange(3)
    one = FeatureBank(rows, rows, np.ones((3, 2), np.float32))
    both = real_side({"real": one, HELD_OUT: one})
    assert both is not None
    assert len(np.unique(both.group)) == 6
    assert list(both.strata()) == ["real", HELD_OUT]
    assert real_side({"real": one}) is one

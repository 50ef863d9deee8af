"""Evaluation: nothing computed twice, nothing half-written, nothing that depends on how it ran."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import (
    CacheError,
    DatasetError,
    GeneratorError,
    IncomparableError,
    MetricError,
    UsageError,
)
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.reporting import report_to
from anyres_bench.evaluation.evaluate import EvaluationOutcome, EvaluationPlan, run_plan
from anyres_bench.evaluation.metadata import devices_of
from anyres_bench.evaluation.pairs import paired
from anyres_bench.models.controls import constant, folder, real, resample
from anyres_bench.results import DeviceRecord, Task, read_result
from tests.fakes import Broken, Pooled, Waves, write_dataset
from tests.reporters import Recorder

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(20)]
PATCH = "tiny:half/patch32-at40/frechet-ddof1/pooled/n150@1"
KID = "tiny:half/patch32-at40/kid/pooled/n150@1"
FULL = "tiny:half/anyres-full40/frechet-ddof1/pooled/n20@1"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES)


@dataclass(frozen=True)
class Counting(Waves):
    """Counts what it renders, and stops like Ctrl-C before picture number `stop`."""

    stop: int = 1 << 30
    seen: list[int] = field(default_factory=list)

    def sample(self, z, regions):
        if len(self.seen) >= self.stop:
            raise KeyboardInterrupt
        self.seen.extend(z)
        return super().sample(z, regions)


class CountingPooled(Pooled):
    """Counts the pictures it is shown."""

    def __init__(self) -> None:
        self.n_seen = 0

    def __call__(self, images):
        self.n_seen += len(images)
        return super().__call__(images)


def run(dataset, out: Path, tasks, model=None, **changes) -> EvaluationOutcome:
    plan = EvaluationPlan(
        model=model or Waves(),
        spec="waves",
        dataset=dataset,
        tasks=[Task.parse(text) for text in tasks],
        extractors={"pooled": Pooled()},
        out=out,
    )
    return run_plan(dataclasses.replace(plan, **changes))


def numbers(outcome: EvaluationOutcome) -> dict[str, dict[str, float]]:
    return {result.task: dict(result.values) for result in outcome.results}


def test_nothing_depends_on_batch_size_or_workers(dataset, tmp_path: Path, monkeypatch) -> None:
    reference = None
    for name, changes in {"a": {"batch_size": 5}, "b": {"batch_size": 64, "n_workers": 3}}.items():
        monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / name / "cache"))
        outcome = run(dataset, tmp_path / name, [PATCH, KID, FULL], **changes)
        assert not outcome.failures
        reference = reference or numbers(outcome)
        assert numbers(outcome) == reference


def test_each_picture_is_rendered_once_for_all_metrics_and_never_again(
    dataset, tmp_path: Path
) -> None:
    model, extractor = Counting(), CountingPooled()
    first = run(dataset, tmp_path, [PATCH, KID], model, extractors={"pooled": extractor})
    assert Counter(Counter(model.seen).values()) == {1: 150}
    assert extractor.n_seen == 300
    again = run(dataset, tmp_path, [PATCH, KID], model, extractors={"pooled": extractor})
    assert numbers(again) == numbers(first)
    assert (len(model.seen), extractor.n_seen) == (150, 300)
    other = Counting(id="other")
    run(dataset, tmp_path, [PATCH], other, extractors={"pooled": extractor})
    assert extractor.n_seen == 450, "the real side is kept"


def test_a_stopped_run_goes_on_where_it_was(dataset, tmp_path: Path) -> None:
    stopped = Counting(stop=100)
    with pytest.raises(KeyboardInterrupt):
        run(dataset, tmp_path / "out", [PATCH], stopped, batch_size=10)
    assert len(stopped.seen) == 104, "batches do not cross shards of 64"
    assert not list((tmp_path / "out").rglob("*.json"))
    resumed = Counting()
    outcome = run(dataset, tmp_path / "out", [PATCH], resumed, batch_size=10)
    assert len(resumed.seen) == 150 - 64
    whole = run(dataset, tmp_path / "whole", [PATCH], Counting(id="waves"))
    assert numbers(outcome) == numbers(whole)


def test_progress_counts_what_is_left(dataset, tmp_path: Path) -> None:
    recorder = Recorder()
    with report_to(recorder):
        with pytest.raises(KeyboardInterrupt):
            run(dataset, tmp_path, [PATCH], Counting(stop=100))
        run(dataset, tmp_path, [PATCH])
    seen: list[list[object]] = []
    for told in recorder.told:
        if isinstance(told, tuple) and told[0] != "say":
            seen.append(list(told[:3]))
        elif isinstance(told, int):
            seen[-1][2] += told  # type: ignore[operator]
        elif told == "end":
            seen[-1].append("closed")
    assert seen == [
        ["patch32-at40 reference", 150, 150, "closed"],
        ["patch32-at40 waves", 150, 112, "closed"],
        ["patch32-at40 reference", 150, 150, "closed"],
        ["patch32-at40 waves", 150, 150, "closed"],
        ["patch32-at40 values, intervals", 1, 1, "closed"],
    ]


def test_records_hold_everything(dataset, tmp_path: Path) -> None:
    (result,) = run(dataset, tmp_path, [PATCH], seed=3).results
    (path,) = tmp_path.joinpath("waves").glob("*.json")
    record = json.loads(path.read_text())
    assert read_result(path) == result
    assert record == result.to_json()
    assert record["task"] == PATCH
    assert record["dataset"]["digest"] == dataset.digest
    assert record["dataset"]["n_reference"] == 10
    assert record["seed"] == 3
    assert (record["n_real"], record["n_fake"]) == (150, 150)
    assert record["extractor"] == {"id": "pooled", "dim": 24, "is_fid": False}
    assert {"torch", "numpy", "anyres-bench"} <= record["versions"].keys()
    interval = record["intervals"]["frechet"]
    assert interval["low"] < record["values"]["frechet"] < interval["high"]
    assert record["higher_is_better"] == {"frechet": False}


def test_another_seed_is_another_result(dataset, tmp_path: Path) -> None:
    values = {run(dataset, tmp_path, [PATCH], seed=s).results[0].values["frechet"] for s in (0, 1)}
    assert len(values) == 2
    assert len(list(tmp_path.glob("waves/*.json"))) == 2


def test_the_ceiling_is_above_the_floors(dataset, tmp_path: Path) -> None:
    models = [real(""), resample("lanczos@20"), resample("nearest@8"), constant("")]
    results = [run(dataset, tmp_path, [PATCH], model).results[0] for model in models]
    values = [result.values["frechet"] for result in results]
    assert values == sorted(values)
    difference = paired(results[1], results[0])["frechet"]
    assert difference.value == pytest.approx(values[1] - values[0])
    assert results[0].fake.n_in_reference == 0
    assert results[0].fake.n_images == 10


def test_paired_differences_are_surer_than_values(dataset, tmp_path: Path) -> None:
    one, two = (
        run(dataset, tmp_path, [PATCH], resample(f"lanczos@{side}")).results[0] for side in (24, 16)
    )
    difference = paired(two, one)["frechet"]
    width = difference.high - difference.low
    assert difference.separated
    assert all(width < r.intervals["frechet"].high - r.intervals["frechet"].low for r in (one, two))


def test_differences_are_kept_and_a_damaged_one_is_computed_again(
    dataset, tmp_path: Path, cache: Path
) -> None:
    a, b = (run(dataset, tmp_path, [PATCH], m).results[0] for m in (Waves(), constant("")))
    found = paired(a, b)
    (path,) = (cache / "differences").iterdir()
    text = path.read_text()
    shutil.rmtree(cache / "features")
    assert paired(a, b) == found
    path.write_text(text.replace("0", "1"))
    assert paired(a, b) is None  # it is not believed, and the features are gone
    path.write_text(text)
    other = dataclasses.replace(b, seed=1)
    with pytest.raises(IncomparableError, match="seed"):
        paired(a, other)


def test_forgotten_features_are_no_pair(dataset, tmp_path: Path, monkeypatch) -> None:
    a, b = (run(dataset, tmp_path, [PATCH], m).results[0] for m in (Waves(), constant("")))
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path / "empty"))
    assert paired(a, b) is None


def test_whole_images_take_every_real(dataset, tmp_path: Path) -> None:
    (result,) = run(dataset, tmp_path, [FULL], real("")).results
    assert (result.n_real, result.n_fake) == (20, 20)


def test_models_without_a_size_of_their_own_are_warped_up(dataset, tmp_path: Path) -> None:
    task = FULL.replace("full40", "up40")
    (result,) = run(dataset, tmp_path, [task]).results
    assert result.values["frechet"] > 0
    with pytest.raises(GeneratorError, match="use anyres-full40 instead"):
        run(dataset, tmp_path, [task], real(""))
    with pytest.raises(GeneratorError, match="own size is 64x64"):
        run(dataset, tmp_path, [task], Waves(id="large", native=Size(64, 64)))


def test_folders_of_wrong_sizes_report_survivors(dataset, tmp_path: Path) -> None:
    write_dataset(tmp_path / "mine", [(30, 90), (41, 40), (300, 200), (64, 64), (39, 39)])
    recorder = Recorder()
    model = folder(str(tmp_path / "mine"))
    with report_to(recorder):
        (result,) = run(dataset, tmp_path / "out", [PATCH], model).results
    assert result.fake.n_survivors == 3
    assert any("3 of 5 images of folder:tiny@" in line for line in recorder.said)
    with pytest.raises(DatasetError, match="asked for 20 different images, but there are only 6"):
        run(dataset, tmp_path / "out", [FULL], model)


def test_copies_within_a_folder_are_told(dataset, tmp_path: Path) -> None:
    one = dataset.path(dataset.manifest[0])
    (tmp_path / "mine").mkdir()
    for i in range(12):
        shutil.copy(one, tmp_path / "mine" / f"{i}{one.suffix}")
    recorder = Recorder()
    with report_to(recorder):
        run(dataset, tmp_path / "out", [PATCH], folder(str(tmp_path / "mine")))
    assert any("11 of 12 images are copies of others" in line for line in recorder.said)


def test_copies_of_the_reference_are_counted(dataset, tmp_path: Path) -> None:
    recorder = Recorder()
    model = folder(str(dataset.folder))
    with report_to(recorder):
        (result,) = run(dataset, tmp_path, [PATCH], model).results
    assert result.fake.n_in_reference == 10
    assert any("10 images are in the reference too" in line for line in recorder.said)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("shape", r"returned shape \(16, 3, 31, 32\); expected \(16, 3, 32, 32\)"),
        ("nan", "NaN or infinite"),
        ("unit", r"looks like \[0, 1\]"),
        ("bytes", r"looks like \[0, 255\]"),
        ("double", "returned torch.float64"),
    ],
)
def test_models_that_break_the_contract(dataset, tmp_path: Path, how: str, message: str) -> None:
    with pytest.raises(GeneratorError, match=message):
        run(dataset, tmp_path / "out", [PATCH], Broken(how))
    assert not (tmp_path / "out").exists()


def test_one_bright_picture_is_no_broken_range(dataset, tmp_path: Path) -> None:
    class Bright(Waves):
        def picture(self, seed: int, region: Region) -> torch.Tensor:
            picture = super().picture(seed, region)
            return (picture + 1.05) / 2.1 if seed % 3 else picture

    outcome = run(dataset, tmp_path, [PATCH], Bright(id="bright"), batch_size=1)
    assert len(outcome.results) == 1


def test_discrete_canvases_are_checked_before_anything_is_rendered(dataset, tmp_path: Path) -> None:
    model = Counting(id="fixed", canvases=(Size(64, 64), Size(128, 128)))
    with pytest.raises(
        GeneratorError, match=r"canvases of 64x64, 128x128 only.*asks for 40x40"
    ) as error:
        run(dataset, tmp_path, [PATCH], model)
    assert model.seen == []
    advice = str(error.value)
    assert "anyres-full64, patch32-at64, anyres-full128, patch64-at128" in advice
    assert "liif:MODEL" in advice


def test_what_cannot_be_asked(dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use tasks of tiny:half"):
        run(dataset, tmp_path, [PATCH.replace(":half", "")], real(""))
    with pytest.raises(UsageError, match="the dataset is 'tiny'"):
        run(dataset, tmp_path, [PATCH.replace("tiny", "other")])
    with pytest.raises(DatasetError, match=r"0 of 10 are that large .the largest has"):
        run(dataset, tmp_path, [FULL.replace("40", "400")])


def test_a_task_without_a_number_stops_no_other(dataset, tmp_path: Path) -> None:
    impossible = PATCH.replace("frechet-ddof1", "precision-recall-k3000-inclusive")
    outcome = run(dataset, tmp_path, [impossible, PATCH])
    assert [result.task for result in outcome.results] == [PATCH]
    assert list(outcome.failures) == [impossible]


def test_a_damaged_cache_is_named(dataset, tmp_path: Path, cache: Path) -> None:
    run(dataset, tmp_path / "one", [PATCH])
    victim = sorted((cache / "features").glob("*.safetensors"))[0]
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.write_bytes(data)
    with pytest.raises(CacheError, match=victim.name):
        run(dataset, tmp_path / "two", [PATCH])


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "set", SIZES)
    other = write_dataset(tmp_path / "other", [(99, 98)] * 20)
    for image in other.manifest:
        (dataset.folder / image.file_name).write_bytes(other.path(image).read_bytes())
    with pytest.raises(DatasetError, match="is not the file that was collected"):
        run(dataset, tmp_path / "out", [PATCH])


def test_metric_errors_are_metric_errors(dataset, tmp_path: Path) -> None:
    class Blind(Pooled):
        def __call__(self, images):
            return torch.full((len(images), self.dim), np.nan)

    with pytest.raises(MetricError, match="not finite"):
        run(dataset, tmp_path, [PATCH], extractors={"pooled": Blind()})


def test_a_metric_of_fakes_alone_reads_no_real_image(dataset, tmp_path: Path, cache: Path) -> None:
    extractor, alone = CountingPooled(), PATCH.replace("frechet-ddof1", "vendi")
    (result,) = run(dataset, tmp_path, [alone], extractors={"pooled": extractor}).results
    assert extractor.n_seen == 150
    assert (result.n_real, list(result.states)) == (0, ["fake"])
    assert result.intervals["vendi"].folds == {"fake": 20}
    other = run(dataset, tmp_path, [alone], constant("")).results[0]
    assert paired(result, other)["vendi"].value > 0
    with_others = run(dataset, tmp_path / "both", [alone, PATCH]).results
    assert [r.n_real for r in with_others] == [0, 150]
    assert dict(with_others[0].values) == dict(result.values)


def test_intervals_say_what_was_done(dataset, tmp_path: Path) -> None:
    tasks = [PATCH, PATCH.replace("frechet-ddof1", "precision-recall-k3-inclusive")]
    smooth, steps = run(dataset, tmp_path, tasks, real("")).results
    found = smooth.intervals["frechet"]
    assert found.method.startswith("delete-a-group jackknife less what pairs of groups share; ")
    assert found.folds == {"real": 10, "fake": 10}
    assert "few-groups" in found.cautions
    found = steps.intervals["recall"]
    assert found.method.startswith(
        "variance of the real rows, and balanced half-samples of the fake"
    )
    assert found.folds == {"fake": 8}
    assert found.confidence == 0.95


def test_a_result_that_was_changed_is_computed_again(dataset, tmp_path: Path) -> None:
    (result,) = run(dataset, tmp_path, [PATCH]).results
    (path,) = tmp_path.joinpath("waves").glob("*.json")
    text, recorder = path.read_text(), Recorder()
    path.write_text(text.replace('"seed": 0', '"seed": 1'))
    with report_to(recorder):
        assert run(dataset, tmp_path, [PATCH]).results[0].values == result.values
    assert any("computed again" in line and "its seal is another" in line for line in recorder.said)
    recorder = Recorder()
    with report_to(recorder):
        run(dataset, tmp_path, [PATCH])
    assert recorder.said == []


def test_records_say_where_the_networks_were(dataset, tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Placed(Waves):
        network: torch.nn.Module = field(default_factory=lambda: torch.nn.Linear(2, 2).to("meta"))

    generator = Placed(id="placed")
    assert (devices_of(generator), devices_of(Pooled())) == ("meta", "cpu")
    assert run(dataset, tmp_path, [PATCH]).results[0].device == DeviceRecord("cpu", "cpu")

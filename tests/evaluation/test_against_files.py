"""Numbers against files: those of the images where the file knows them, else of their own task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import cache_dir
from anyres_bench.evaluation.banks import kept_bank
from anyres_bench.evaluation.pairs import paired
from anyres_bench.evaluation.reference_plans import ReferenceFile
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.evaluation.statistics_export import export_statistics
from anyres_bench.features.builtin import BuiltinExtractor
from anyres_bench.features.store import FeatureStore
from anyres_bench.metrics.frechet import frechet_distance
from anyres_bench.metrics.kid import squared_mmd
from anyres_bench.models.controls import folder, real
from anyres_bench.results import read_results
from tests.fakes import Waves, write_dataset
from tests.reference_files import batch, mu_sigma

SIZES = [(48 + 2 * i, 50 + 4 * (i % 5)) for i in range(12)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory):
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", SIZES)


def run(source, out: Path, task: str, model=None, n: int | None = 12):
    request = Request((task,), "builtin", n)
    how = EvaluationOptions(out, seed=0, batch_size=8, n_workers=0)
    outcome = run_request(model or Waves(), source, request, {}, how)
    outcome.check()
    [result] = outcome.results
    return result


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_our_file_gives_the_number_of_the_images(dataset, tmp_path: Path, suffix: str) -> None:
    request = Request(("anyres-full40/frechet",), "builtin")
    export_statistics(dataset, request, tmp_path / f"a{suffix}")
    by_file = run(ReferenceFile(tmp_path / f"a{suffix}"), tmp_path / "a", "quick")
    by_images = run(dataset, tmp_path / "b", "anyres-full40/frechet")
    assert by_file.task == by_images.task
    assert by_file.key == by_images.key
    expected = by_images.values["frechet"]
    assert by_file.values["frechet"] == pytest.approx(expected, rel=1e-9)
    assert (by_file.n_real, by_file.dataset) == (by_images.n_real, by_images.dataset)
    assert by_file.reference.unknown == ()
    assert by_images.reference is None
    assert list(read_results([tmp_path / "a"]).results) == [by_file]
    assert paired(by_file, by_images) is None
    again = run(ReferenceFile(tmp_path / f"a{suffix}"), tmp_path / "a", "quick")
    assert again == by_file


def test_a_batch_of_images_gives_every_metric(tmp_path: Path) -> None:
    images, task = batch(), "anyres-full40-noflip-centre/{}"
    others = np.random.default_rng(0).normal(size=(200, 154))
    path = mu_sigma(tmp_path / "adm.npz", others, arr_0=images)
    real_rows = BuiltinExtractor()(torch.from_numpy(images).permute(0, 3, 1, 2)).numpy()
    result = run(ReferenceFile(path), tmp_path / "out", task.format("kid"))
    store = run(ReferenceFile(path, part="images"), tmp_path / "out", task.format("frechet"))
    assert (result.n_real, result.reference.used) == (24, "images")
    assert result.dataset.sizes.counts == (24,)
    fake_rows = _fakes(store)
    assert result.values["kid"] == squared_mmd(real_rows, fake_rows)
    assert store.values["frechet"] == frechet_distance(real_rows, fake_rows)
    moments = run(ReferenceFile(path), tmp_path / "out", task.format("frechet"))
    assert moments.task.startswith("stats@")
    assert moments.values != store.values


def _fakes(result) -> np.ndarray:
    state = result.states["fake"]
    store = FeatureStore(cache_dir() / "features")
    return kept_bank(store, state.key, result.extractor.id, state.n).features()


def test_windows_of_images_that_nobody_has_are_refused(dataset, tmp_path: Path) -> None:
    export_statistics(
        dataset, Request(("patch32-at40/frechet",), "builtin", 20), tmp_path / "a.npz"
    )
    file = ReferenceFile(tmp_path / "a.npz")
    with pytest.raises(UsageError, match="renders the windows of its reference images"):
        run(file, tmp_path, "quick")
    with pytest.raises(UsageError, match="a file of statistics leaves none"):
        run(file, tmp_path, "quick", real(""))
    by_folder = run(file, tmp_path, "quick", folder(str(dataset.folder)))
    assert by_folder.fake.n_images == 12

"""Folders of images against references of equal names, and dialects that share their renders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyres_bench.core.errors import GeneratorError, UsageError
from anyres_bench.evaluation.requests import Request
from anyres_bench.evaluation.running import EvaluationOptions, run_request
from anyres_bench.features.fidelity import fidelity
from tests.fakes import Waves, write_dataset

SIZES = [(40, 60), (64, 48), (40, 60), (52, 52)]


@pytest.fixture
def dataset(tmp_path: Path):
    return write_dataset(tmp_path / "tiny", SIZES)


def run(model, dataset, out: Path, *tasks: str, n: int | None = None):
    how = EvaluationOptions(out, seed=0, batch_size=8, n_workers=0)
    outcome = run_request(model, dataset, Request(tasks, None, n), {}, how)
    outcome.check()
    return {result.task.split("/")[2]: result for result in outcome.results}


def blurred(dataset, folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Copies of the images with noise on them, by their names; (made, reference) of each."""
    shown = []
    for i, record in enumerate(dataset.manifest):
        name = Path(record.source_id or record.file_name)
        reference = np.asarray(Image.open(dataset.path(record)).convert("RGB"))
        noise = np.random.default_rng(i).integers(-9, 10, reference.shape)
        made = np.clip(reference.astype(int) + noise, 0, 255).astype(np.uint8)
        path = folder / name.with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made).save(path)
        shown.append((made, reference))
    return shown


def test_psnr_and_ssim_of_images_of_any_size(dataset, tmp_path: Path) -> None:
    shown = blurred(dataset, tmp_path / "made")
    results = run(
        f"paired:{tmp_path / 'made'}", dataset, tmp_path / "out", "paired/psnr", "paired/ssim-y"
    )
    rows = np.array([fidelity(*pair) for pair in shown])
    psnr, ssim = results["psnr-rgb"], results["ssim-y"]
    assert psnr.task == f"{dataset.id}/paired/psnr-rgb/fidelity/n4@1"
    assert psnr.values["psnr"] == pytest.approx(rows[:, 0].mean(), rel=1e-6)
    assert ssim.values["ssim"] == pytest.approx(rows[:, 3].mean(), rel=1e-6)
    assert psnr.model.id.startswith("paired:")
    assert psnr.intervals["psnr"].low < psnr.values["psnr"] < psnr.intervals["psnr"].high


def test_only_files_have_names(dataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use paired:DIR"):
        run(Waves(), dataset, tmp_path, "paired/psnr")
    with pytest.raises(UsageError, match="takes every image as reference"):
        run("real", dataset, tmp_path, "paired/psnr")


def test_texture_scores_of_one_set_of_renders(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "large", [(80, 90)] * 6)
    tasks = ("glcm-diffusion4k", "glcm-pixverve", "glcm-textbook", "compression-ratio")
    results = run(Waves(), dataset, tmp_path, *(f"anyres-full64/{name}" for name in tasks), n=4)
    assert set(results) == set(tasks)
    published, textbook = (results[f"glcm-{d}"].values for d in ("diffusion4k", "textbook"))
    assert published["glcm_entropy"] < textbook["glcm_entropy"]
    assert results["compression-ratio"].values["compression_ratio"] > 1
    assert results["compression-ratio"].extractor.id.startswith("jpeg95@")
    with pytest.raises(UsageError, match="reads the numbers of glcm"):
        run(Waves(), dataset, tmp_path, "anyres-full64/glcm/builtin/n4")


@pytest.mark.parametrize(
    "protocol", ["center48", "codec32", "scalespace32-bin0", "adm64", "adm64-of48x72"]
)
def test_dialects_are_measured_to_the_end(tmp_path: Path, protocol: str) -> None:
    dataset = write_dataset(tmp_path / "photos", [(80 + i, 90 + 2 * i) for i in range(12)])
    for i, model in enumerate((Waves(), f"folder:{dataset.folder}")):
        result = run(model, dataset, tmp_path / str(i), f"{protocol}/frechet", n=6)
        assert result["frechet-ddof1"].values["frechet"] >= 0


def test_scaleinv_shrinks_what_is_rendered(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "photos", [(80 + i, 90 + 2 * i) for i in range(8)])
    result = run(Waves(), dataset, tmp_path / "a", "scaleinv32-full50-x2/frechet", n=6)
    assert result["frechet-ddof1"].values["frechet"] > 0
    with pytest.raises(GeneratorError, match="changes what a model renders"):
        run("real", dataset, tmp_path / "b", "scaleinv32-full50-x2/frechet", n=3)

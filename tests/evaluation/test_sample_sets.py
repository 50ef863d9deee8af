"""The samples of a model: which they are, and which are not independent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import DatasetError, GeneratorError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.reporting import report_to
from anyres_bench.core.seeds import stream
from anyres_bench.data.pixels import to_uint8
from anyres_bench.data.protocols import protocol_from
from anyres_bench.evaluation.sample_sets import model_samples
from anyres_bench.features.extractor import extractor_from
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import metric_from
from anyres_bench.models.loading import load
from tests.fakes import Tiled, Waves, write_dataset
from tests.reporters import Recorder


def test_enlarged_images_are_a_set_of_images(tmp_path: Path) -> None:
    """Every one comes before any comes again, and windows of one image are one group."""
    small = write_dataset(tmp_path / "small", [(20, 20)] * 5).folder
    reference = write_dataset(tmp_path / "large", [(64, 64)] * 8)
    generator = load(f"lanczos:folder:{small}")
    samples = model_samples(generator, reference, protocol_from("patch32-at40"), 15, 0)
    assert Counter(samples.groups) == dict.fromkeys(range(5), 3)
    assert set(samples.groups[:5]) == set(range(5))
    again = model_samples(generator, reference, protocol_from("patch32-at40"), 15, 1)
    assert list(samples.groups) != list(again.groups)

    whole = protocol_from("anyres-full40")
    samples = model_samples(generator, reference, whole, 5, 0)
    [(images,)] = samples.batches([list(samples.order)])
    pictures = generator.sample(generator.latents(samples.groups), [Region.whole(Size(40, 40))] * 5)
    assert torch.equal(images, to_uint8(pictures, whole.rounding))
    with pytest.raises(DatasetError, match="6 different pictures, but there are only 5"):
        model_samples(generator, reference, whole, 6, 0)


class Turning(Waves):
    """Waves of the whole plane, whose input can be moved; `stuck` is the share that does not."""

    def __init__(self, stuck: float = 0.0) -> None:
        super().__init__(id=f"turning{stuck}", native=Size(64, 64))
        object.__setattr__(self, "stuck", stuck)

    def sample_moved(self, z: list[int], transforms: torch.Tensor) -> torch.Tensor:
        moved = self._drawn(z, transforms.double())
        still = self._drawn(z, torch.eye(3, dtype=torch.float64).expand(len(z), 3, 3))
        return ((1 - self.stuck) * moved + self.stuck * still).float()

    def _drawn(self, z: list[int], transforms: torch.Tensor) -> torch.Tensor:
        at = (torch.arange(64, dtype=torch.float64) - 31.5) / 64
        y, x = torch.meshgrid(at, at, indexing="ij")
        places = torch.stack([x, y, torch.ones_like(x)], dim=-1) @ transforms.mT[:, None]
        waves = torch.from_numpy(np.stack([stream(i, "turning").normal((3, 4, 3)) for i in z]))
        phases = torch.einsum("nhwk,nckj->nchwj", places, waves.transpose(2, 3))
        return torch.sin(12 * phases).mean(dim=-1)


def equivariance(generator: Waves, name: str, reference: Any, part: int = 3) -> float:
    samples = model_samples(generator, reference, protocol_from(name), 6, 0)
    parts = [list(range(start, min(start + part, 6))) for start in range(0, 6, part)]
    rows = [extractor_from("masked-difference")(*views) for views in samples.batches(parts)]
    bank = FeatureBank(np.arange(6), np.arange(6), torch.cat(rows).numpy())
    return metric_from("equivariance").finish(None, bank, stream(0))["eq"]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return write_dataset(tmp_path_factory.mktemp("data") / "tiny", [(64, 64)] * 4)


@pytest.mark.parametrize(
    ("kind", "least"), [("t", 100), ("tfrac", 40), pytest.param("r", 30, marks=pytest.mark.slow)]
)
def test_a_model_that_moves_with_its_input_is_equivariant(kind, least, reference) -> None:
    good = equivariance(Turning(), f"eq-{kind}-at64", reference)
    assert good > least
    bad = equivariance(Turning(0.5), f"eq-{kind}-at64", reference)
    assert bad < 25
    assert equivariance(Turning(0.5), f"eq-{kind}-at64", reference, part=6) == bad


def test_equivariance_is_asked_of_models_whose_input_moves(reference) -> None:
    with pytest.raises(GeneratorError, match="none that can be moved"):
        model_samples(Waves(), reference, protocol_from("eq-t-at32"), 4, 0)
    with pytest.raises(GeneratorError, match="write eq-r-at64"):
        model_samples(Turning(), reference, protocol_from("eq-r-at48"), 4, 0)


def test_overlapping_windows_agree_unless_tiles_know_their_borders(reference) -> None:
    protocol = protocol_from("overlap32by8-at64")
    for generator, agrees in ((Waves(), True), (Tiled(), False)):
        samples = model_samples(generator, reference, protocol, 4, 0)
        [(first, second)] = samples.batches([[0, 1, 2, 3]])
        assert first.shape == (4, 3, 24, 24)
        assert torch.equal(first, second) is agrees


class Noisy(Waves):
    """Waves of a user whose noise is of the run, or of the batch; or neither."""

    def __init__(self, how: str) -> None:
        super().__init__(id=f"noisy+canary@{how}", native=Size(40, 40))
        object.__setattr__(self, "how", how)

    def sample(self, z: Any, regions: Any) -> torch.Tensor:
        images = super().sample(z, regions)
        if self.how == "run":
            images = images + 0.1 * torch.randn_like(images)
        return images - images.mean() if self.how == "batch" else images


@pytest.mark.parametrize(("how", "told"), [("run", 1), ("batch", 1), ("none", 0)])
def test_a_model_that_draws_a_latent_otherwise_is_told(tmp_path: Path, how: str, told: int) -> None:
    reference = write_dataset(tmp_path, [(64, 64)] * 8)
    said = Recorder()
    with report_to(said):
        samples = model_samples(Noisy(how), reference, protocol_from("patch32-at40"), 8, 0)
        batches = list(samples.batches([range(5), range(5, 8)]))
    assert [len(images) for (images,) in batches] == [5, 3]
    assert len(said.said) == told
    assert all("draws a latent otherwise" in text for text in said.said)

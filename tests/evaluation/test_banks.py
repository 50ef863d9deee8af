"""Features of items with several views: of one image or one latent, seen together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.geometry import Region, Size
from anyres_bench.data.protocols import EvalProtocol, protocol_from
from anyres_bench.data.splits import halves
from anyres_bench.data.views import View
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.sample_sets import SampleSet, model_samples, reference_samples
from anyres_bench.features.store import FeatureStore
from tests.fakes import Pooled, Waves, write_dataset

WHOLE = View(Region.whole(Size(40, 40)))


@dataclass(frozen=True)
class Pairs(EvalProtocol):
    """A window, and beside it the whole canvas that it was cut from."""

    @property
    def n_views(self) -> int:
        return 2

    def real(self, images, n, seed):
        return [
            dataclasses.replace(item, views=(view, dataclasses.replace(view, view=WHOLE)))
            for item in super().real(images, n, seed)
            for view in item.views
        ]


class Inside(Pooled):
    """Zero where the first view is a window of the second."""

    id, n_views, dim = "inside", 2, 1

    def __call__(self, window, whole):
        rows = []
        for part, canvas in zip(window, whole, strict=True):
            places = canvas.unfold(1, 32, 1).unfold(2, 32, 1).permute(1, 2, 0, 3, 4)
            rows.append((places.int() - part.int()).abs().amax(dim=(2, 3, 4)).min())
        return torch.stack(rows)[:, None].float()


@pytest.mark.parametrize("side", ["real", "fake"])
def test_views_of_an_item_are_of_one_image_or_latent(side: str, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "tiny", [(48 + 2 * i, 60) for i in range(8)])
    reference, protocol = halves(dataset)[0], _pairs()
    samples: SampleSet = (
        reference_samples(reference, protocol, 12, 0, n_workers=2)
        if side == "real"
        else model_samples(Waves(), reference, protocol, 12, 0)
    )
    run = FeatureRun(FeatureStore(tmp_path / "store"), 5, "pairs", lambda samples, pixels: None)
    bank = feature_banks(samples, {"inside": Inside()}, run)["inside"]
    assert len(bank) == 12
    assert list(bank.group) == list(samples.groups)
    # A window that is resized alone and one that is cut from the whole may differ by a rounding.
    np.testing.assert_array_less(bank.features(), 2)


class Recorded(Pooled):
    """Keeps how many images came at a time; its network wants so many, if it is one."""

    def __init__(self, n_at_once: int | None) -> None:
        super().__init__()
        self.batches: list[int] = []
        if n_at_once is not None:
            self.n_at_once = n_at_once

    def __call__(self, images):
        self.batches.append(len(images))
        return super().__call__(images)


@pytest.mark.parametrize(
    ("asked", "wanted", "batches"),
    [(None, None, [16, 16, 8]), (None, 8, [16, 16, 8]), (None, 32, [32, 8]), (20, 32, [20, 20])],
)
def test_batches_suit_the_network_unless_a_number_is_asked_for(
    asked: int | None, wanted: int | None, batches: list[int], tmp_path: Path
) -> None:
    dataset = write_dataset(tmp_path / "tiny", [(48, 60)] * 4)
    reference, protocol = halves(dataset)[0], protocol_from("patch32-at40")
    samples = model_samples(Waves(), reference, protocol, 40, 0)
    extractor = Recorded(wanted)
    run = FeatureRun(FeatureStore(tmp_path / "store"), asked, "waves", lambda samples, pixels: None)
    feature_banks(samples, {extractor.id: extractor}, run)
    assert extractor.batches == batches


def _pairs() -> Pairs:
    plain = protocol_from("patch32-at40")
    return Pairs(**{f.name: getattr(plain, f.name) for f in dataclasses.fields(plain)})

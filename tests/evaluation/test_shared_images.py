"""Protocols that look at the same images: each is decoded once, and nothing else changes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from anyres_bench.core.errors import CacheError, DatasetError, ImageError
from anyres_bench.data.protocols import protocol_from
from anyres_bench.data.splits import halves
from anyres_bench.evaluation import sample_sets, shared_images
from anyres_bench.evaluation.banks import FeatureRun, feature_banks
from anyres_bench.evaluation.sample_sets import N_SHOWN, SampleSet, reference_samples
from anyres_bench.evaluation.shared_images import Wanted, extract_together, key_text
from anyres_bench.features.store import FeatureStore
from tests.fakes import Pooled, write_dataset

PROTOCOLS = ("patch32-at40", "anyres-full40", "patch24-at48")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How often each image was read."""
    counts: Counter[int] = Counter()
    plain = sample_sets.read_image

    def counting(dataset, index):
        counts[index] += 1
        return plain(dataset, index)

    monkeypatch.setattr(sample_sets, "read_image", counting)
    return counts


class Sets:
    """Sets of views of one dataset, and what was shown of each."""

    def __init__(self, folder: Path, store: str, batch_size: int = 5, fresh: bool = False) -> None:
        data = folder / "tiny"
        if not data.exists():
            write_dataset(data, [(56 + 2 * i, 60) for i in range(24)])
        self.dataset = halves(sample_sets.Dataset.read(data))[0]
        self.shown: dict[str, torch.Tensor] = {}
        self.runs = FeatureRun(
            FeatureStore(folder / store), batch_size, "views", self._show, fresh=fresh
        )
        self.samples = {
            name: reference_samples(self.dataset, protocol_from(name), n, 0)
            for name, n in zip(PROTOCOLS, (150, 12, 70), strict=True)
        }

    def _show(self, samples: SampleSet, pixels: torch.Tensor) -> None:
        self.shown[key_text(samples)] = pixels

    def wanted(self) -> dict[str, Wanted]:
        return {
            name: Wanted(of, {"pooled": Pooled()}, self.runs) for name, of in self.samples.items()
        }

    def banks(self) -> dict[str, np.ndarray]:
        return {
            name: feature_banks(of, {"pooled": Pooled()}, self.runs)["pooled"].features()
            for name, of in self.samples.items()
        }


@pytest.mark.parametrize("n_workers", [0, 3])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_each_image_is_decoded_once_and_nothing_else_changes(
    n_workers: int, batch_size: int, tmp_path: Path, read: Counter[int]
) -> None:
    alone = Sets(tmp_path, "alone", batch_size)
    expected = alone.banks()
    assert max(read.values()) >= len(PROTOCOLS)
    read.clear()
    together = Sets(tmp_path, "together", batch_size)
    seconds = extract_together(together.wanted(), n_workers)
    assert set(seconds) == set(PROTOCOLS)
    assert min(seconds.values()) > 0
    assert set(read.values()) == {1}
    read.clear()
    got = together.banks()
    assert not read
    assert all(np.array_equal(got[name], expected[name]) for name in PROTOCOLS)
    assert set(together.shown) == set(alone.shown)
    for name, pixels in alone.shown.items():
        assert torch.equal(together.shown[name], pixels)
        assert len(pixels) == min(N_SHOWN, batch_size)


def test_what_is_kept_is_not_computed_again(tmp_path: Path, read: Counter[int]) -> None:
    first = Sets(tmp_path, "store")
    name = PROTOCOLS[0]
    expected = feature_banks(first.samples[name], {"pooled": Pooled()}, first.runs)["pooled"]
    read.clear()
    second = Sets(tmp_path, "store")
    assert set(extract_together(second.wanted(), 2)) == set(PROTOCOLS[1:])
    assert set(read.values()) == {1}
    assert extract_together(second.wanted(), 2) == {}
    assert np.array_equal(second.banks()[name], expected.features())
    fresh = Sets(tmp_path, "store", fresh=True)
    assert set(extract_together(fresh.wanted(), 2)) == set(PROTOCOLS)


def test_what_is_kept_is_read_once_and_not_to_see_what_is_missing(tmp_path: Path) -> None:
    sets = Sets(tmp_path, "store")
    sets.banks()
    (victim, *_) = sorted((tmp_path / "store").iterdir())
    victim.write_bytes(b"")
    assert extract_together(sets.wanted(), 2) == {}
    with pytest.raises(CacheError, match=victim.name):
        sets.banks()


def test_sets_that_share_no_image_are_left_alone(tmp_path: Path, read: Counter[int]) -> None:
    sets = Sets(tmp_path, "store")
    one = {PROTOCOLS[0]: sets.wanted()[PROTOCOLS[0]]}
    assert extract_together(one, 2) == {}
    assert extract_together({}, 2) == {}
    assert not read


def test_an_image_that_cannot_be_read_stops_it_and_what_was_done_is_kept(tmp_path: Path) -> None:
    sets = Sets(tmp_path, "store")
    order = shared_images._images([shared_images._Set(one) for one in sets.wanted().values()])
    last = Path(list(order)[-1][0])
    data = last.read_bytes()
    last.unlink()
    with pytest.raises((DatasetError, ImageError)):
        extract_together(sets.wanted(), 2)
    last.write_bytes(data)
    kept = sets.runs.store.folder.rglob("*")
    assert any(path.is_file() for path in kept)
    assert set(extract_together(Sets(tmp_path, "store").wanted(), 2)) == set(PROTOCOLS)

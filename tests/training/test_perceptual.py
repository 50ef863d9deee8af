"""Perceptual terms by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from anyres_bench.core.errors import WeightsError
from anyres_bench.training.perceptual import load_distance


def test_none_is_no_term() -> None:
    assert load_distance("none") is None


def test_laplacian_is_a_distance_for_each_sample_with_gradients() -> None:
    distance = load_distance("laplacian")
    assert distance is not None
    a, b = torch.rand(2, 3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    a.requires_grad_()
    values = distance(a, b)
    assert values.shape == (3,)
    assert (values > 0).all()
    assert torch.equal(distance(a, a.detach()), torch.zeros(3))
    values.sum().backward()
    assert a.grad is not None
    assert (a.grad.abs().amax((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("kind", ["vgg19", "lpips-vgg"])
def test_weights_that_cannot_be_had_are_an_error(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYRES_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("ANYRES_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError):
        load_distance(kind)  # type: ignore[arg-type]

"""Encoders of a fixed number of tokens: how ViTAR's merger fuses."""

from __future__ import annotations

from anyres_bench.tilers.fixed import fuse, kernel


def trace(n: int, target: int) -> list[int]:
    steps = [n]
    while steps[-1] > target:
        steps.append(fuse(steps[-1], target))
    return steps


def test_the_published_trace() -> None:
    assert trace(1120 // 16, 14) == [70, 35, 18, 14]
    assert trace(28, 14) == [28, 14]
    assert kernel(14, 14) == kernel(3, 14) == 1

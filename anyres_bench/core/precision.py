"""How exactly GPUs compute in single precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TypeVar

Made = TypeVar("Made")


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether products of float32 are TF32 within the block, or the function that it decorates."""
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


@contextlib.contextmanager
def single_precision() -> Iterator[None]:
    """Within the block, or the function that it decorates, single precision is never TF32.

    By default GPUs convolve float32 with ten bits of mantissa, an error of one part in a thousand:
    more than what two extractors of one id may differ by, and images depend on the card then.
    """
    with tf32(False):
        yield


def each_in_single_precision(made: Iterable[Made]) -> Iterator[Made]:
    """What an iterator makes, each within a block of its own: whoever takes it is outside."""
    left = iter(made)
    while True:
        with single_precision():
            try:
                one = next(left)
            except StopIteration:
                return
        yield one

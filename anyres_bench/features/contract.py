"""The contract battery: what every extractor must do, checked on a few small images.

Tests of extractors import it, ours and other packages' alike:

    check_contract(extractor)        # raises ModelError and says which promise was broken
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import ModelError
from anyres_bench.core.geometry import Size
from anyres_bench.core.seeds import stream
from anyres_bench.features.extractor import FeatureExtractor

N_IMAGES = 3


def check_contract(
    extractor: FeatureExtractor, sizes: Sequence[Size] = (Size(64, 64), Size(97, 66))
) -> None:
    """Hold an extractor to the contract of `FeatureExtractor`.

    Its id and dim; shape, type and finiteness of what it returns; that an item's vector is the
    same, bit for bit, alone, in a batch, and elsewhere in the batch; that items differ in it; and
    that it leaves its input alone. Every size costs four calls.

    Raises:
        ModelError: says which promise was broken.
    """
    _check_attributes(extractor)
    n_views = extractor.n_views
    empty = extractor(*[torch.empty((0, 3, *sizes[0]), dtype=torch.uint8)] * n_views)
    _check_output(extractor, empty, 0)
    for size in sizes:
        views = list(pictures(N_IMAGES * n_views, size).reshape(n_views, N_IMAGES, 3, *size))
        given = [view.clone() for view in views]
        batch = extractor(*given)
        _check_output(extractor, batch, N_IMAGES)
        if not all(map(torch.equal, given, views)):
            raise ModelError(f"{extractor.id} changed the images that it was given")
        if (batch == batch[0]).all():
            raise ModelError(f"{extractor.id} gives the same vector for different images")
        turned = extractor(*(view.flip(0) for view in views)).flip(0)
        alone = torch.cat([extractor(*(view[i, None] for view in views)) for i in range(2)])
        for got, want, where in ((turned, batch, "in reverse"), (alone, batch[:2], "alone")):
            if not torch.equal(got, want):
                raise ModelError(
                    f"{extractor.id} depends on the batch: images of {size} {where} differ by "
                    f"{float((got - want).abs().max()):.3g}; fill the last batch up to full size"
                )


def pictures(n: int, size: Size) -> Tensor:
    """Smooth coloured pictures with noise on them, (n, 3, h, w) uint8, the same everywhere."""
    fine = np.stack([stream(i, "contract").normal((3, *size)) for i in range(n)])
    coarse = np.stack([stream(i, "contract", "coarse").normal((3, 4, 4)) for i in range(n)])
    smooth = torch.nn.functional.interpolate(
        torch.from_numpy(coarse), tuple(size), mode="bilinear", align_corners=True
    )
    return (128 + 40 * smooth + 10 * torch.from_numpy(fine)).clamp(0, 255).round().byte()


def _check_attributes(extractor: FeatureExtractor) -> None:
    name = extractor.id
    if not isinstance(name, str) or not name or any(character.isspace() for character in name):
        raise ModelError(f"an extractor's id is {name!r}; expected a word without spaces")
    if not isinstance(extractor.dim, int) or extractor.dim < 1:
        raise ModelError(f"{name} has dim {extractor.dim!r}; expected a positive integer")
    if not isinstance(extractor.n_views, int) or extractor.n_views < 1:
        raise ModelError(f"{name} has n_views {extractor.n_views!r}; expected a positive integer")
    if not isinstance(extractor.is_fid, bool):
        raise ModelError(f"{name} has is_fid {extractor.is_fid!r}; expected True or False")


def _check_output(extractor: FeatureExtractor, features: Tensor, n: int) -> None:
    if not isinstance(features, Tensor) or features.dtype != torch.float32:
        got = features.dtype if isinstance(features, Tensor) else type(features).__name__
        raise ModelError(f"{extractor.id} returned {got}; expected a float32 tensor")
    if tuple(features.shape) != (n, extractor.dim) or features.device.type != "cpu":
        raise ModelError(
            f"{extractor.id} returned {tuple(features.shape)} on {features.device}; expected "
            f"{(n, extractor.dim)} on the CPU"
        )
    if not bool(torch.isfinite(features).all()):
        raise ModelError(f"{extractor.id} returned values that are NaN or infinite")

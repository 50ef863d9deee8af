"""Feature extractors: images to vectors. An extractor owns its resize and its weights.

An extractor is asked for by a spec, `name[@file:PATH][+option...]`, such as `builtin`,
`inception-v3+legacy_pytorch` or `inception-v3@file:weights.pth+bf16`; or by the place of a factory
of one's own, `package.module:factory` or `file.py:factory`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from anyres_bench.core.errors import UnknownNameError, UsageError
from anyres_bench.core.factories import is_factory
from anyres_bench.core.registry import Registry, nearest, read_place

if TYPE_CHECKING:
    from torch import Tensor

EXTRACTORS = Registry(
    "extractor",
    {
        "autocorrelation": "anyres_bench.features.autocorrelation:build",
        "builtin": "anyres_bench.features.builtin:build",
        "cells": "anyres_bench.features.cells:build",
        "cnndetection": "anyres_bench.features.cnndetection:build",
        "difference": "anyres_bench.features.pairs:build_difference",
        "fidelity": "anyres_bench.features.fidelity:build",
        "glcm": "anyres_bench.features.texture:build",
        "inception-v3": "anyres_bench.features.inception:build",
        "jpeg95": "anyres_bench.features.texture:build_jpeg",
        "lpips": "anyres_bench.features.pairs:build_lpips",
        "masked-difference": "anyres_bench.features.pairs:build_masked_difference",
        "open-clip": "anyres_bench.features.open_clip:build",
        "pair": "anyres_bench.features.pairs:build",
        "seams": "anyres_bench.features.seams:build",
        "self-ssim": "anyres_bench.features.selfssim:build",
        "spectrum": "anyres_bench.features.spectrum:build",
        "tiles": "anyres_bench.features.tiles:build",
        "timm": "anyres_bench.features.timm:build",
        "vgg16": "anyres_bench.features.vgg16:build",
    },
    entry_points="anyres_bench.extractors",
)
"""Name -> factory: `build(spec: ExtractorSpec) -> FeatureExtractor`."""


_OWN = "anyres_bench.features.own_extractors:build"  # what makes those of users' factories


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turns images into vectors.

    Attributes:
        id: names network, weights (an unregistered file by its digest), tap, resize and
            precision; it keys every cache.
        dim: length of a vector.
        n_views: how many views of an item it is shown at once; most see one.
        is_fid: whether the Fréchet distance between its vectors may be called FID: the published
            Inception weights, at the tap and precision that everybody means.
    """

    @property
    def id(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def n_views(self) -> int: ...
    @property
    def is_fid(self) -> bool: ...

    @property
    def __call__(self) -> Callable[..., Tensor]:
        """Features of a batch, called with `n_views` tensors.

        Args:
            one tensor a view: (n, 3, h, w) uint8 RGB, any h and w; row i of each is of item i.

        Returns:
            (n, dim) float32 on the CPU; row i does not depend on the other rows, nor on n.
        """
        ...


@dataclass(frozen=True)
class ExtractorSpec:
    """What was asked for.

    Attributes:
        name: a name of `EXTRACTORS`.
        file: weights of one's own; None for the registered ones.
        options: what follows each "+".
        device: where the network runs, as torch names it.
        accept_licence: whether the user has accepted a non-commercial licence.
        argument: what follows "NAME:", for extractors that read it themselves.
    """

    name: str
    file: Path | None = None
    options: tuple[str, ...] = ()
    device: str = "cpu"
    accept_licence: bool = False
    argument: str = ""

    @classmethod
    def parse(
        cls, text: str, *, device: str = "cpu", accept_licence: bool = False
    ) -> ExtractorSpec:
        """Read `name[@file:PATH][+option...]`; a "+" inside PATH is part of it if such a file is.

        Where a registered name is followed by ":", the rest is its argument and is not read here.

        Raises:
            UsageError: what follows "@" is not `file:PATH`.
        """
        name, colon, argument = text.partition(":")
        if colon and name in EXTRACTORS:
            return cls(name, None, (), device, accept_licence, argument)
        head, *options = text.split("+")
        name, at, source = head.partition("@")
        if not at:
            return cls(name, None, tuple(options), device, accept_licence)
        scheme, _, path = source.partition(":")
        if scheme in ("sha256", "weights"):  # an id's: it says which weights, and not where
            raise UsageError(
                f"extractor {text!r} is an id, whose digest says which weights but not where they "
                "are; name them: --extractor NAME@file:PATH"
            )
        if scheme != "file" or not path:
            raise UsageError(f"extractor {text!r}: {source!r} after '@' is not file:PATH")
        paths = list(itertools.accumulate([path, *options], "{}+{}".format))
        n = max((i for i, path in enumerate(paths) if Path(path).is_file()), default=0)
        return cls(name, Path(paths[n]), tuple(options[n:]), device, accept_licence)

    def plain(self) -> None:
        """Hold that nothing but the name was given, for extractors without weights and options.

        Raises:
            UnknownNameError: an option was given.
            UsageError: a file or an argument was given.
        """
        self.pick()
        if self.file is not None:
            given = f"@file:{self.file}"
            raise UsageError(f"extractor {self.name} takes nothing behind its name, got {given!r}")

    def pick(self, *groups: Sequence[str]) -> tuple[str, ...]:
        """The option asked for of each group, or the first of the group.

        Raises:
            UnknownNameError: an option is in no group.
            UsageError: two options of one group, or an argument, which is not read here.
        """
        if self.argument:
            raise UsageError(
                f"extractor {self.name} takes nothing behind its name, got {self.argument!r}"
            )
        known = [option for group in groups for option in group if option]
        for option in self.options:
            if option not in known:
                hint = nearest(option, known) if known else "it has no options"
                raise UnknownNameError(f"extractor {self.name} has no option {option!r}; {hint}")
        picked = []
        for group in groups:
            asked = [option for option in dict.fromkeys(self.options) if option in group]
            if len(asked) > 1:
                raise UsageError(f"extractor {self.name}: {' and '.join(asked)} exclude each other")
            picked.append(asked[0] if asked else group[0])
        return tuple(picked)


def extractor_from(
    spec: str, *, device: str = "cpu", accept_licence: bool = False
) -> FeatureExtractor:
    """The extractor that `name[@file:PATH][+option...]`, or a factory's place, asks for.

    Raises:
        UnknownNameError: no such extractor or option; the message suggests the nearest.
        UsageError: the spec cannot be read, or its options contradict each other.
        WeightsError: weights are needed and cannot be had; the message says what to do.
    """
    if is_factory(spec) and spec.partition(":")[0] not in EXTRACTORS:
        own: FeatureExtractor = read_place(_OWN)(spec, device)
        return own
    parsed = ExtractorSpec.parse(spec, device=device, accept_licence=accept_licence)
    extractor: FeatureExtractor = EXTRACTORS.get(parsed.name)(parsed)
    return extractor

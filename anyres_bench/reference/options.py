"""How a network of AnyRes-GAN is used: truncation, precision, how canvases are made."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.core.registry import nearest
from anyres_bench.models.labels import Labels
from anyres_bench.reference.config import GeneratorConfig

Assembly = Literal["whole", "overlap", "official"]
Precision = Literal["float32", "mixed", "bf16"]
N = TypeVar("N", int, float)
C = TypeVar("C", bound=str)


@dataclass(frozen=True)
class RenderOptions:
    """How a network is used; all but the batch is part of the model's id.

    Attributes:
        psi: truncation; 1 is none, 0 the mean image.
        cutoff: rows of w that are truncated; None for all.
        precision: "mixed" computes the finer layers in half precision, on a GPU only; "bf16"
            convolves and stores in bfloat16, on a CPU only.
        assembly: how a canvas is made. "whole" renders it as one plane, as `CanvasPlane` cuts it.
            The others put windows of the network's own size together, see `Tiling`: "overlap" was
            the rule before, and is that of panoramas; "official" takes one window for a patch of a
            window's size, and repeats what the published evaluation did. With "whole" and
            "overlap" any region is the crop of the whole canvas. None is "whole", or "overlap" for
            a panorama or where a margin is given.
        margin: of the overlapping assembly, in pixels; None is `default_margin`.
        window_batch: windows rendered at once; changes no pixel beyond rounding.
        memory: bytes that windows of the whole may take; None for a share of what is free. Changes
            no pixel beyond rounding.
        labels: drawn where none are given; None for a network that knows none, else for all alike
            often.
    """

    psi: float = 1.0
    cutoff: int | None = None
    precision: Precision = "float32"
    assembly: Assembly | None = None
    margin: int | None = None
    window_batch: int = 4
    memory: int | None = None
    labels: Labels | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.psi) or self.window_batch < 1 or (self.cutoff or 0) < 0:
            raise ConfigError(
                f"psi is {self.psi}, cutoff {self.cutoff} and window_batch {self.window_batch}; "
                "expected a finite number, 0 or more, and 1 or more"
            )
        if self.margin is not None and self.assembly == "whole":
            raise ConfigError(
                f"margin {self.margin}: a canvas rendered as a whole needs none; leave one out"
            )


def chosen_assembly(options: RenderOptions, config: GeneratorConfig) -> Assembly:
    """The one that was asked for, or the network's usual one.

    Raises:
        ConfigError: a panorama as a whole, whose edges would not meet.
    """
    if config.panorama_fov is not None and options.assembly == "whole":
        raise ConfigError(
            "assembly 'whole' of a panorama: its left and right edge would not meet; use overlap"
        )
    if options.assembly is not None:
        return options.assembly
    return "whole" if config.panorama_fov is None and options.margin is None else "overlap"


def default_margin(config: GeneratorConfig) -> int:
    """Pixels from a window's edge at which disagreement between shifted grids stops falling.

    Measured by `benchmarks/anyres_margin.py`, whose numbers are in `benchmarks/results`. Config T
    sees the end of its window through its 3x3 convolutions: at 256 px shifted grids disagree by
    -45 dB at the edge, -69 dB at 48 px and -71 dB inside. With the 1x1 convolutions of config R
    they disagree by at most 3 dB more at the edge (-65 dB) than inside.
    """
    return 0 if config.conv_kernel == 1 else config.resolution * 3 // 16


def read_number(name: str, text: str, kind: Callable[[str], N]) -> N:
    """A finite number of an option from text.

    Raises:
        UsageError: it is none.
    """
    try:
        number = kind(text)
    except ValueError as error:
        raise UsageError(f"{name} is {text!r:.60}; expected a number") from error
    if not math.isfinite(number):
        raise UsageError(f"{name} is {text!r:.60}; expected a finite number")
    return number


def read_choice(name: str, text: str, choices: tuple[C, ...]) -> C:
    """One of an option's choices.

    Raises:
        UnknownNameError: it is none of them.
    """
    for choice in choices:
        if choice == text:
            return choice
    raise UnknownNameError(f"unknown {name} {text!r}; {nearest(text, map(str, choices))}")

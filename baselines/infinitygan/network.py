"""InfinityGAN: images of any extent, made of patches that agree on every pixel.

A structure synthesizer turns a field of local latents and coordinates into structure latents, a
texture synthesizer turns those into pixels. No layer pads, so a patch is a function of the latents
and noise around it alone and can be made anywhere, in any order.

Source: Lin et al., "InfinityGAN: Towards Infinite-Pixel Image Synthesis", ICLR 2022.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Box
from anyres_bench.models.official_files import shape_of
from anyres_bench.models.stylegan2 import (
    AfterUpsampling,
    BiasLeaky,
    FirLayer,
    ModulatedConv,
    StyledConv,
    ToRGB,
    centre,
    mapping_network,
)

TAPS = (1, 2, 1)
RADII = (3, 3, 3, 3)  # of the published structure convolutions
PATCH = 11  # structure latents of a training patch, on a side
COORDINATES = 3
_STACK = "structure_synthesizer.implicit_model.conv_stack"
ROW_STEP = 0.3  # vertical coordinate between two rows, before tanh
TRAIN_PLACES = 10  # vertical places of a window on the training canvas
TURN = 4  # the training canvas is so many times as wide as the window of a patch, halo included


Shift = tuple[float, float, float]
"""Added to the height before tanh, and to the angles of cosine and sine, as shares of pi."""
NO_SHIFT = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Architecture:
    """Sizes of a network.

    Attributes:
        global_dim: length of the global latent.
        local_dim: channels of the local latents.
        n_mlp: layers of the mapping network.
        widths: output channels of every texture convolution, two for each doubling of the size.
        radii: latents that every structure convolution sees on each side.
    """

    global_dim: int
    local_dim: int
    n_mlp: int
    widths: tuple[int, ...]
    radii: tuple[int, ...] = RADII

    @classmethod
    def published(cls, n_ups: int = 4, channel_multiplier: int = 2) -> Architecture:
        """The published sizes: 4 doublings make patches of 101 px, 5 of 197, 6 of 389."""
        halves = [256, 128, 64, 32, 16][: n_ups - 3]
        widths = [512] * 6 + [width * channel_multiplier for width in halves for _ in range(2)]
        return cls(512, 256, 8, tuple(widths[: 2 * n_ups]))

    @classmethod
    def of(cls, shapes: Mapping[str, tuple[int, ...]]) -> Architecture:
        """Read the sizes off the shapes of a state.

        Raises:
            CheckpointError: it is not the state of an InfinityGAN generator.
        """
        what = "this is not the state of an InfinityGAN generator (the content of `g_ema`)"
        first = shape_of(shapes, f"{_STACK}.0.conv.conv.weight", what)
        style = shape_of(shapes, "texture_synthesizer.convs.0.conv.modulation.weight", what)
        structure = _layers(shapes, rf"{re.escape(_STACK)}\.(\d+)\.conv\.conv\.weight")
        texture = _layers(shapes, r"texture_synthesizer\.convs\.(\d+)\.conv\.weight")
        mapping = _layers(shapes, r"texture_synthesizer\.mapping\.(\d+)\.weight")
        odd = all(len(shape) == 5 and shape[3] % 2 for shape in structure)
        if not odd or len(texture) % 2 or any(len(shape) < 2 for shape in texture):
            raise CheckpointError(
                f"{what}: its structure convolutions are {structure[:4]}, and it has "
                f"{len(texture)} texture convolutions; expected odd kernels and an even number"
            )
        if first[2] - first[1] != COORDINATES:
            raise CheckpointError(
                f"{what}: its first convolution takes {first[2]} channels to {first[1]}; only "
                f"networks of {COORDINATES} coordinates are built"
            )
        widths = tuple(shape[1] for shape in texture)
        radii = tuple(shape[3] // 2 for shape in structure)
        return cls(style[1], first[1], len(mapping), widths, radii)

    @property
    def halo(self) -> int:
        """Latents around those that a patch is made of, on every side."""
        return sum(self.radii)

    @property
    def window(self) -> int:
        """Side of the latents that a training patch is made of, halo included."""
        return PATCH + 2 * self.halo

    @property
    def columns(self) -> int:
        """Columns of the training canvas; the first and the last are the same angle."""
        return TURN * self.window

    @property
    def half_steps(self) -> Shift:
        """Half of the way between two latents, in height and angles."""
        return ROW_STEP / 2, 1 / (self.columns - 1), 1 / (self.columns - 1)

    def coordinates(self, canvas_rows: int, box: Box, shift: Shift = NO_SHIFT) -> Tensor:
        """Coordinates of a window of latents: the height, squashed, and the angle on a cylinder.

        Args:
            canvas_rows: rows of all latents of the canvas; its middle row has height 0.
            box: the window, rows and columns of latents.
            shift: of the window between latents; the two angles have their own, as published.

        Returns:
            (1, 3, h, w) float32: tanh of the height, cosine and sine of the angle.
        """
        rows = torch.arange(box.top, box.bottom, dtype=torch.float64) - (canvas_rows - 1) / 2
        columns = torch.arange(box.left, box.right, dtype=torch.float64)
        height = torch.tanh(ROW_STEP * rows + shift[0])[:, None].expand(*box.size)
        turn = (2 * columns / (self.columns - 1) - 1).expand(*box.size)
        cosine, sine = (math.pi * (turn + shift[1])).cos(), (math.pi * (turn + shift[2])).sin()
        return torch.stack([height, cosine, sine])[None].float()

    def training_coordinates(self, row: int, column: int, shift: Shift = NO_SHIFT) -> Tensor:
        """Coordinates of the window at a place of the training canvas; columns wrap around."""
        rows = self.window + TRAIN_PLACES
        wide = self.coordinates(rows, Box(row, 0, self.window, self.columns), shift)
        return wide.roll(-column, dims=-1)[..., : self.window]

    @property
    def n_ups(self) -> int:
        """Times that the size doubles."""
        return len(self.widths) // 2

    @property
    def unit(self) -> int:
        """Pixels per latent."""
        return 1 << self.n_ups

    def layer_sizes(self, latents: int) -> list[int]:
        """Side of the output of every texture convolution from a side of structure latents."""
        sizes, side = [], latents
        for _ in range(self.n_ups):
            sizes += [2 * side - 3, 2 * side - 5]
            side = sizes[-1]
        return sizes

    def latents_for(self, pixels: int) -> int:
        """The fewest structure latents that make at least so many pixels."""
        return max(6, math.ceil((pixels - 5) / self.unit) + 5)


def _layers(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> list[tuple[int, ...]]:
    """Shapes of the tensors whose names match, by the number in the name."""
    found = {int(m[1]): shape for n, shape in shapes.items() if (m := re.fullmatch(pattern, n))}
    return [found[i] for i in sorted(found)]


class _StructureLayer(nn.Module):
    def __init__(self, architecture: Architecture, radius: int) -> None:
        super().__init__()
        channels = (architecture.local_dim + COORDINATES, architecture.local_dim)
        self.conv = ModulatedConv(channels, 2 * radius + 1, architecture.global_dim)
        self.activate = BiasLeaky(architecture.local_dim)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        y: Tensor = self.activate(self.conv(x, z))
        return y


class _StructureEntry(nn.Module):
    def __init__(self, architecture: Architecture, radius: int) -> None:
        super().__init__()
        self.conv = _StructureLayer(architecture, radius)

    def forward(self, x: Tensor, coords: Tensor, z: Tensor) -> Tensor:
        here = centre(coords, x).expand(len(x), -1, -1, -1)
        y: Tensor = self.conv(torch.cat([x, here], 1), z)
        return y


class _StructureStack(nn.Module):
    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.conv_stack = nn.ModuleList(
            _StructureEntry(architecture, radius) for radius in architecture.radii
        )


class StructureSynthesizer(nn.Module):
    """Local latents and coordinates to structure latents; fewer by the halo on every side."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.implicit_model = _StructureStack(architecture)

    def forward(self, z: Tensor, local: Tensor, coords: Tensor) -> Tensor:
        """z (n, global_dim), local (n, local_dim, h, w), coords (1 or n, 3, h, w)."""
        x = local
        for layer in self.implicit_model.conv_stack:
            x = layer(x, coords, z)
        return x


class TextureSynthesizer(nn.Module):
    """Structure latents to pixels."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        dim, widths = architecture.global_dim, architecture.widths
        self.mapping = mapping_network(dim, architecture.n_mlp)
        self.convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for i, channels in enumerate(zip((architecture.local_dim, *widths), widths, strict=False)):
            blur = AfterUpsampling(TAPS, (-1, -1), up=2) if i % 2 == 0 else None
            self.convs.append(StyledConv(ModulatedConv(channels, 3, dim, blur=blur)))
            if i % 2:
                self.to_rgbs.append(ToRGB(channels[1], dim, FirLayer(TAPS, (1, 0), up=2)))
        # the official state holds these two, no result depends on them
        self.const_z = nn.Module()
        unused = nn.Parameter(torch.randn(1, architecture.local_dim, 4, 4))
        self.const_z.register_parameter("input", unused)
        self.noises = nn.Module()
        for i in range(len(widths)):
            side = 2 ** ((i + 5) // 2)
            self.noises.register_buffer(f"noise_{i}", torch.randn(1, 1, side, side))

    def forward(self, styles: Tensor, structure: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """styles (n, n_styles, dim), structure (n, c, h, w), noise per convolution -> RGB."""
        image: Tensor | None = None
        x = structure
        for i, conv in enumerate(self.convs):
            x = conv(x, styles[:, i], noise[i])
            if i % 2:
                style = styles[:, min(i + 2, styles.shape[1] - 1)]
                image = self.to_rgbs[i // 2](x, style, image)
        assert image is not None
        return image


class InfinityGANNetwork(nn.Module):
    """Both synthesizers, with the official names of their state."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.structure_synthesizer = StructureSynthesizer(architecture)
        self.texture_synthesizer = TextureSynthesizer(architecture)

    @property
    def n_styles(self) -> int:
        """Style vectors of one image."""
        return len(self.architecture.widths) + 1

    def styles(self, z: Tensor, second: Tensor | None = None, switch: int | None = None) -> Tensor:
        """(n, n_styles, dim) of global latents z; from layer `switch` on of `second` ones."""
        mapping = self.texture_synthesizer.mapping
        first: Tensor = mapping(z)[:, None].expand(-1, self.n_styles, -1)
        if second is None:
            return first
        other = mapping(second)[:, None].expand(-1, self.n_styles, -1)
        return torch.cat([first[:, :switch], other[:, switch:]], 1)

    def forward(
        self, z: Tensor, styles: Tensor, local: Tensor, coords: Tensor, noise: Sequence[Tensor]
    ) -> Tensor:
        """Render what the latents make.

        Args:
            z: (n, global_dim) global latents, which the structure takes unmapped.
            styles: (n, n_styles, global_dim).
            local: (n, local_dim, h + 2 halo, w + 2 halo).
            coords: (1 or n, 3, h + 2 halo, w + 2 halo).
            noise: (1 or n, 1, ...) per convolution, of `layer_sizes`.

        Returns:
            (n, 3, 2^n (h - 5) + 5, 2^n (w - 5) + 5) RGB, not clamped.
        """
        structure = self.structure_synthesizer(z, local, coords)
        image: Tensor = self.texture_synthesizer(styles, structure, noise)
        return image

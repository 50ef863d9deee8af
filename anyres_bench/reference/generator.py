"""AnyRes-GAN as a generator of the benchmark: any region of any canvas, by windows."""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.errors import UsageError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.precision import single_precision, tf32
from anyres_bench.core.seeds import stream
from anyres_bench.core.threads import side_by_side
from anyres_bench.models.checkpoint import Checkpoint
from anyres_bench.models.labels import read_labels
from anyres_bench.models.networks import load_network
from anyres_bench.reference.bfloat import synthesize
from anyres_bench.reference.dataflow import Dataflow
from anyres_bench.reference.inputs import PanoramaInput
from anyres_bench.reference.network import GeneratorNetwork, network_digest
from anyres_bench.reference.options import (
    Assembly,
    Precision,
    RenderOptions,
    chosen_assembly,
    default_margin,
    read_choice,
    read_number,
)
from anyres_bench.reference.panorama import panorama_affine
from anyres_bench.reference.patches import Piece, Tiling
from anyres_bench.reference.plane import CanvasPlane
from anyres_bench.reference.schedule import layers

_ASSEMBLIES: tuple[Assembly, ...] = get_args(Assembly)
_PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_Batch = list[tuple[int, Piece]]
"""Pieces alike, each with the number of its region."""


@dataclass(frozen=True)
class Latents:
    """Styles of n images.

    Attributes:
        ws: (n, n_ws, w_dim), truncated.
        labels: (n, c_dim) one-hot, None for a network that knows none.
    """

    ws: Tensor
    labels: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ws)

    def __getitem__(self, items: slice | Sequence[int]) -> Latents:
        picked = items if isinstance(items, slice) else list(items)
        return Latents(self.ws[picked], None if self.labels is None else self.labels[picked])


class AnyResGenerator:
    """Renders any region of any canvas.

    The canvas is the virtual image: its longer side spans the picture that the network knows, and
    both axes are divided by it, so nothing is stretched and the shorter axis shows the middle of
    the picture. Trained are square canvases of `scale_min` to `scale_max` times the resolution
    (scale 1 alone for a network without scale branch). Beyond that the network extrapolates:
    canvases smaller than the resolution (the picture shrinks, and detail that the pixels cannot
    carry is damped, not averaged), larger than trained (no new detail), and any region outside the
    canvas. For a panorama network the canvas' width is one full turn, its left and right edge
    meet, and its height may be any; see `panorama_affine` for what was trained.

    An image depends on its seed, label and region alone: windows lie where the canvas says, and
    nothing is shared between the images of a batch. Batches change rounding, below 1e-5 on a CPU;
    on a GPU the tests hold it to 1e-3 in float32 and 5e-2 in mixed precision, of a range of 2.

    Args:
        network: the weights.
        name: of the model, for the id; None names it by its configuration and weights.
        options: how it is used; None for all defaults.

    Raises:
        UsageError: mixed precision without a GPU, or bf16 on one.
        ConfigError: the assembly is unknown or its margin does not fit.
    """

    canvases: Literal["any"] = "any"

    def __init__(
        self,
        network: GeneratorNetwork,
        name: str | None = None,
        options: RenderOptions | None = None,
    ) -> None:
        self.network = network
        self.options = options = options or RenderOptions()
        self.device = network.mapping.w_avg.device
        if options.precision == "mixed" and self.device.type != "cuda":
            raise UsageError(
                f"precision 'mixed' on {self.device.type}: half precision needs a GPU; "
                "use 'float32', or 'bf16' on a processor that multiplies it"
            )
        if options.precision == "bf16" and self.device.type != "cpu":
            raise UsageError(f"precision 'bf16' on {self.device.type} is of CPUs; use 'mixed'")
        config = network.config
        self._assembly = chosen_assembly(options, config)
        margin = default_margin(config) if options.margin is None else options.margin
        margin = 0 if self._assembly == "official" else margin
        first = network.synthesis.input
        self._frames_a_turn = first.frames_a_turn if isinstance(first, PanoramaInput) else None
        turn = self._frames_a_turn is not None
        self.tiling: Tiling | CanvasPlane
        if self._assembly == "whole":
            self.tiling = CanvasPlane(layers(config), options.memory, self.device)
        else:
            self.tiling = Tiling(config.resolution, self._assembly, margin, turn)
        self._labels = options.labels or read_labels(None, None, config.c_dim, None)
        self._name = name or f"anyres@{network_digest(network)[:12]}"

    @property
    def id(self) -> str:
        """Weights, labels, truncation, precision and assembly."""
        options, name = self.options, self._name
        name = f"{name}+{self._labels.name}" if self._labels else name
        cutoff = "" if options.psi == 1 or options.cutoff is None else f"cut{options.cutoff}"
        tiling, overlap = self.tiling, self._assembly == "overlap"
        margin = tiling.margin if overlap and isinstance(tiling, Tiling) else ""
        psi = str(float(options.psi)).removesuffix(".0")
        return f"{name}+psi{psi}{cutoff}+{options.precision}+{self._assembly}{margin}"

    @property
    def native(self) -> Size:
        """The size that one window has; a panorama's is as wide as a full turn."""
        side = self.network.config.resolution
        return Size(side, round(side * (self._frames_a_turn or 1)))

    @single_precision()
    @torch.no_grad()
    def latents(self, seeds: Sequence[int], labels: Sequence[int] | None = None) -> Latents:
        """Styles for seeds, and for labels if the network knows any.

        Args:
            seeds: one an image.
            labels: one an image; None draws them as the options say.

        Raises:
            UsageError: labels are not wanted, too many or unknown.
        """
        config = self.network.config
        if labels is None and self._labels is not None:
            labels = self._labels.of(seeds)
        rows = [stream(seed, "z").normal(config.z_dim) for seed in seeds]
        z = torch.tensor(np.array(rows), dtype=torch.float32, device=self.device)
        z = z.view(-1, config.z_dim)
        c = None if labels is None else self._one_hot(labels, len(seeds))
        ws = self.network.mapping(z, c)[:, None].expand(-1, config.n_ws, -1)
        return Latents(self.network.mapping.truncate(ws, self.options.psi, self.options.cutoff), c)

    @single_precision()
    @torch.no_grad()
    def sample(self, z: Latents | Tensor, regions: Sequence[Region]) -> Tensor:
        """Render one region a latent.

        Args:
            z: what `latents` gave, or W (n, w_dim), or W+ (n, n_ws, w_dim), taken as they are.
            regions: n regions of one size, on any canvases.

        Returns:
            (n, 3, h, w) float32, nominally in [-1, 1], not clamped.

        Raises:
            UsageError: not one region a latent, or regions of different sizes.
        """
        z = z if isinstance(z, Latents) else Latents(z)
        self._check(z, regions)
        size = regions[0].size if regions else self.native
        n_channels = self.network.config.image_channels
        out = torch.empty(len(regions), n_channels, *size, device=self.device)
        render = functools.partial(self._render, z, out)
        for batches, two_at_a_time in self._batches(regions):
            if two_at_a_time:
                side_by_side(render, batches)
            else:
                for batch in batches:
                    render(batch)
        return out

    def _render(self, z: Latents, out: Tensor, batch: _Batch) -> None:
        """Put windows where they belong in `out`."""
        windows = self._windows(z[[i for i, _ in batch]], [piece for _, piece in batch])
        for (i, piece), window in zip(batch, windows, strict=True):
            source, target = piece.source, piece.target
            out[i, :, target.top : target.bottom, target.left : target.right] = window[
                :, source.top : source.bottom, source.left : source.right
            ]

    @single_precision()
    @torch.no_grad()
    def sample_moved(self, z: Latents | Tensor, transforms: Tensor) -> Tensor:
        """Whole pictures of the native size under transforms of the input's Fourier features.

        Args:
            z: n latents.
            transforms: (n, 3, 3), see `MovableGenerator`; the scale branch sees scale 1.

        Raises:
            UsageError: the network is of panoramas, whose picture has no middle to turn about.
        """
        if self._frames_a_turn is not None:
            raise UsageError(f"{self.id} is of panoramas, whose input cannot be moved freely")
        z = z if isinstance(z, Latents) else Latents(z)
        return self._synthesised(z, transforms, self.network.embed_scale(None, z.labels, len(z)))

    def bands(self, z: Latents | Tensor, canvas: Size) -> Iterator[Tensor]:
        """One whole canvas from top to bottom, one row of windows at a time.

        Args:
            z: one latent.
            canvas: of any size; memory is needed for a row of windows.

        Yields:
            (3, h_i, width); the heights add up to the canvas'.
        """
        for region in self.tiling.bands(canvas):
            yield self.sample(z, [region])[0]

    def interpolate(self, a: Latents, b: Latents, t: float) -> Latents:
        """Latents on the straight line in W from `a` (t = 0) to `b` (t = 1)."""
        labels = None
        if a.labels is not None and b.labels is not None:
            labels = a.labels.lerp(b.labels, t)
        return Latents(a.ws.lerp(b.ws, t), labels)

    def _batches(self, regions: Sequence[Region]) -> Iterator[tuple[list[_Batch], bool]]:
        """What makes up the regions, pieces alike together; and whether two batches fit at once."""
        alike: dict[Hashable, _Batch] = {}
        for i, region in enumerate(regions):
            for piece in self.tiling.pieces(region):
                alike.setdefault(piece.flow and piece.flow.shape, []).append((i, piece))
        for jobs in alike.values():
            n, flow = self.options.window_batch, jobs[0][1].flow
            fit = 2 * n
            if flow is not None and isinstance(self.tiling, CanvasPlane):
                fit = self.tiling.n_at_once(flow)
            two = self.device.type == "cpu" and fit > 1 and len(jobs) > 1
            n = min(n, fit // 2, -(-len(jobs) // 2)) if two else min(n, fit)
            yield [jobs[start : start + n] for start in range(0, len(jobs), n)], two

    def _windows(self, z: Latents, pieces: Sequence[Piece]) -> Tensor:
        """The windows of pieces alike."""
        frames, windows = self._frames_a_turn, [piece.window for piece in pieces]
        matrices = [panorama_affine(w, frames) if frames else w.affine() for w in windows]
        moved = zip(matrices, pieces, strict=True)
        matrices = [m if p.flow is None else m @ p.flow.shift() for m, p in moved]
        transform = torch.stack(matrices).to(self.device, torch.float32)
        scale_w = self.network.embed_scale(transform, z.labels, len(windows))
        return self._synthesised(z, transform, scale_w, pieces[0].flow)

    def _synthesised(
        self,
        z: Latents,
        transform: Tensor,
        scale_w: Tensor | None,
        flow: Dataflow | None = None,
    ) -> Tensor:
        transform = transform.to(self.device, torch.float32)
        if self.options.precision == "bf16":
            return synthesize(self.network.synthesis, z.ws, transform, scale_w, flow)
        is_mixed = self.options.precision == "mixed"  # TF32 has as many bits as half precision
        with tf32(is_mixed):
            images: Tensor = self.network.synthesis(
                z.ws.to(self.device), transform, scale_w, force_fp32=not is_mixed, flow=flow
            )
        return images

    def _check(self, z: Latents, regions: Sequence[Region]) -> None:
        if len(z) != len(regions):
            raise UsageError(f"{len(z)} latents for {len(regions)} regions; expected one each")
        sizes = {region.size for region in regions}
        if len(sizes) > 1:
            names = ", ".join(sorted(map(str, sizes)))
            raise UsageError(f"regions of different sizes ({names}); render each size on its own")

    def _one_hot(self, labels: Sequence[int], n: int) -> Tensor:
        n_labels = self.network.config.c_dim
        if n_labels == 0:
            raise UsageError("this network knows no labels; leave them away")
        if len(labels) != n or not all(0 <= label < n_labels for label in labels):
            raise UsageError(
                f"labels {list(labels)[:8]} for {n} seeds; expected {n} from 0 to {n_labels - 1}"
            )
        index = torch.tensor(list(labels), device=self.device)
        return torch.nn.functional.one_hot(index, n_labels).float()


def from_checkpoint(
    checkpoint: Checkpoint,
    psi: str = "1",
    cutoff: str | None = None,
    precision: str = "float32",
    assembly: str | None = None,
    margin: str | None = None,
    memory: str | None = None,
    label: str | None = None,
    labels: str | None = None,
    device: str = "cpu",
) -> AnyResGenerator:
    """The generator of a checkpoint on a device; options as text.

    They are those of `RenderOptions`, memory in GiB, and `label` and `labels` as `read_labels` has
    them.

    Raises:
        CheckpointError: the weights do not fit.
        UsageError: an option cannot be read, or is not possible here.
    """
    network = load_network(checkpoint)
    assert isinstance(network, GeneratorNetwork)
    counts = (checkpoint.training or {}).get("labels")
    options = RenderOptions(
        psi=read_number("psi", psi, float),
        cutoff=None if cutoff is None else read_number("cutoff", cutoff, int),
        precision=read_choice("precision", precision, _PRECISIONS),
        assembly=None
        if assembly is None
        else read_choice("assembly", assembly, get_args(Assembly)),
        margin=None if margin is None else read_number("margin", margin, int),
        memory=None if memory is None else int(read_number("memory", memory, _gib)),
        labels=read_labels(label, labels, network.config.c_dim, counts),
    )
    return AnyResGenerator(network.to(device), checkpoint.title("anyres"), options)


def _gib(text: str) -> float:
    """Bytes of a number of GiB."""
    return float(text) * 2**30

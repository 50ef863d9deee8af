"""The generator network of AnyRes-GAN: StyleGAN3, which renders any window of a canvas.

Module names, and so the names and shapes in a state dict, are the official ones.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from anyres_bench.models.resample import Padding
from anyres_bench.reference.activation import FilteredLRelu, filtered_lrelu
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.dataflow import Dataflow, Part, largest_map
from anyres_bench.reference.inputs import PanoramaInput, SynthesisInput
from anyres_bench.reference.layers import (
    FullyConnected,
    Modulation,
    Workspace,
    is_large,
    modulated_conv2d,
    normal,
)
from anyres_bench.reference.mapping import (
    FourierScaleMapping,
    MappingNetwork,
    OfficialScaleMapping,
)
from anyres_bench.reference.schedule import LayerSpec, layers


class SynthesisLayer(nn.Module):
    """Modulated convolution and filtered leaky ReLU.

    Args:
        config: of the network.
        layer: where in the schedule.
        rng: draws the initial weights.
    """

    magnitude_ema: Tensor
    up_filter: Tensor | None
    down_filter: Tensor | None

    def __init__(self, config: GeneratorConfig, layer: LayerSpec, rng: torch.Generator) -> None:
        super().__init__()
        self.layer = layer
        self.ema_beta = config.magnitude_ema_beta
        self.in_half = layer.target.rate * 2**config.n_fp16_octaves > config.resolution
        n_in, n_out, k = layer.source.channels, layer.target.channels, layer.kernel
        self.affine = FullyConnected(config.w_dim, n_in, rng, bias_init=1)
        self.weight = nn.Parameter(normal(rng, n_out, n_in, k, k))
        self.bias = nn.Parameter(torch.zeros(n_out))
        if config.scale_embedding != "none":
            # The official branch starts at random, which upsets a generator that was trained
            # without it; from zero it starts as that generator.
            init = 1.0 if config.scale_embedding == "official" else 0.0
            self.scale_affine = FullyConnected(config.w_dim, n_in, rng, weight_init=init)
        self.register_buffer("magnitude_ema", torch.ones([]))
        self.register_buffer("up_filter", layer.up_filter().design())
        self.register_buffer("down_filter", layer.down_filter(config.radial_filters).design())
        # Where nothing is filtered, what would be cut off at once is not computed.
        spare = min(k - 1, -layer.padding.left) if layer.rate == layer.source.rate else 0
        self.padding = k - 1 - spare
        self.op = FilteredLRelu(
            up=layer.up,
            down=layer.down,
            padding=Padding(*(side + spare for side in layer.padding)),
            gain=1 if layer.is_torgb else math.sqrt(2),
            slope=1 if layer.is_torgb else 0.2,
            clamp=config.conv_clamp,
        )

    def forward(
        self,
        x: Tensor,
        w: Tensor,
        scale_w: Tensor | None = None,
        update_emas: bool = False,
        force_fp32: bool = False,
        part: Part | None = None,
        workspace: Workspace | None = None,
    ) -> Tensor:
        """Next feature maps.

        Args:
            x: (n, c, h, w).
            w: (n, w_dim) this layer's style.
            scale_w: (n, w_dim) of the scale; None for no contribution.
            update_emas: follow the power of `x`.
            force_fp32: no half precision on GPUs.
            part: that `x` is a window of the source, and what becomes of it; None for all of it.
            workspace: for large planes.
        """
        if update_emas:
            self._follow(x)
        use_half = self.in_half and x.is_cuda and not force_fp32
        x = x.to(torch.float16 if use_half else self.weight.dtype)
        modulation = self.modulation(w, scale_w, x.dtype)
        workspace = workspace if is_large(x) else None
        if part is None:
            x, scale = modulated_conv2d(x, modulation, self.padding, workspace=workspace)
            return self.activate(x, scale, workspace=workspace)
        x, scale = modulated_conv2d(x, modulation, 0, part.zeros, workspace)
        return self.activate(x, scale, part.padding, workspace)

    def modulation(
        self, w: Tensor, scale_w: Tensor | None, dtype: torch.dtype = torch.float32
    ) -> Modulation:
        """A convolution's weights, in `dtype`, for styles (n, w_dim) and those of the scale."""
        style = self.affine(w)
        if scale_w is not None:
            style = style + self.scale_affine(scale_w)
        if self.layer.is_torgb:
            style = style / math.sqrt(self.layer.source.channels)
        gain = self.magnitude_ema.rsqrt()
        return Modulation.of(self.weight, style, gain, not self.layer.is_torgb, dtype)

    def activate(
        self,
        x: Tensor,
        scale: Tensor,
        padding: Padding | None = None,
        workspace: Workspace | None = None,
    ) -> Tensor:
        """The filtered leaky ReLU of `x` (n, c, h, w) times `scale` (n, c)."""
        op = self.op if padding is None else replace(self.op, padding=padding)
        kernels = self.up_filter, self.down_filter
        return filtered_lrelu(x, scale, self.bias, kernels, op, workspace)

    @torch.no_grad()
    def _follow(self, x: Tensor) -> None:
        power = x.detach().to(self.magnitude_ema.dtype).norm().square() / x.numel()
        self.magnitude_ema.copy_(power.lerp(self.magnitude_ema, self.ema_beta))


class SynthesisNetwork(nn.Module):
    """Styles to images: a Fourier-feature input and a stack of layers."""

    def __init__(self, config: GeneratorConfig, rng: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.schedule = layers(config)
        make_input = SynthesisInput if config.panorama_fov is None else PanoramaInput
        self.input = make_input(config, self.schedule[0].source, rng)
        self.layer_names = [layer.name for layer in self.schedule]
        for layer in self.schedule:
            self.add_module(layer.name, SynthesisLayer(config, layer, rng))

    def forward(
        self,
        ws: Tensor,
        transform: Tensor | None = None,
        scale_w: Tensor | None = None,
        *,
        update_emas: bool = False,
        force_fp32: bool = False,
        flow: Dataflow | None = None,
    ) -> Tensor:
        """Render one window a sample.

        Args:
            ws: (n, n_ws, w_dim), or (n, w_dim) for the same style everywhere.
            transform: (n, 3, 3) from the window's picture to the canvas' picture, both spanning
                [-1/2, 1/2], in (x, y, 1) columns; None for the whole image.
            scale_w: (n, w_dim) styles of the scale; None switches the branch off.
            update_emas: follow the power of the feature maps.
            force_fp32: no half precision on GPUs.
            flow: to another window of the plane, whose input `transform` is centred on.

        Returns:
            (n, channels, resolution, resolution) float32, nominally in [-1, 1]; of the size of the
            window that `flow` is of.
        """
        if ws.ndim == 2:
            ws = ws[:, None].expand(-1, self.config.n_ws, -1)
        first, *others = ws.unbind(dim=1)
        x = self.input(first, transform, None if flow is None else flow.source.size)
        parts = [None] * len(others) if flow is None else flow.parts
        options: dict[str, Any] = {"update_emas": update_emas, "force_fp32": force_fp32}
        if flow is not None:
            options["workspace"] = Workspace(x, len(x) * largest_map(self.schedule, flow))
        for name, w, part in zip(self.layer_names, others, parts, strict=True):
            x = self.get_submodule(name)(x, w, scale_w, part=part, **options)
        image: Tensor = x.to(first.dtype) * self.config.output_scale
        return image


class GeneratorNetwork(nn.Module):
    """Latents to images: mapping, scale branch and synthesis, each to be used on its own too.

    Args:
        config: what to build.
        seed: of the initial weights.
    """

    def __init__(self, config: GeneratorConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        rng = torch.Generator().manual_seed(seed)
        self.synthesis = SynthesisNetwork(config, rng)
        self.mapping = MappingNetwork(
            config.z_dim, config.c_dim, config.w_dim, config.n_mapping_layers, rng
        )
        self.scale_mapping: OfficialScaleMapping | FourierScaleMapping | None = None
        if config.scale_embedding == "official":
            self.scale_mapping = OfficialScaleMapping(config, rng)
        elif config.scale_embedding == "fourier":
            self.scale_mapping = FourierScaleMapping(config, rng)

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        transform: Tensor | None = None,
        *,
        psi: float = 1.0,
        cutoff: int | None = None,
        update_emas: bool = False,
        force_fp32: bool = False,
    ) -> Tensor:
        """Render one window a latent.

        Args:
            z: (n, z_dim).
            c: (n, c_dim) labels; None for an unconditional network.
            transform: as for `SynthesisNetwork`.
            psi: truncation; 1 is none.
            cutoff: rows of w that are truncated; None for all.
            update_emas: follow the mean of w and the power of the feature maps.
            force_fp32: no half precision on GPUs.

        Returns:
            (n, channels, resolution, resolution) float32, nominally in [-1, 1].
        """
        w = self.mapping(z, c)
        if update_emas:
            self.mapping.update_average(w)
        ws = w[:, None].expand(-1, self.config.n_ws, -1)
        ws = self.mapping.truncate(ws, psi, cutoff)
        scale_w = self.embed_scale(transform, c, len(z))
        image: Tensor = self.synthesis(
            ws, transform, scale_w, update_emas=update_emas, force_fp32=force_fp32
        )
        return image

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """`nn.Module.compile` of all but the filters, whose windows overrun their buffers.

        The compiler lays buffers out anew, without the room behind them.
        """
        for layer in self.synthesis.children():
            if isinstance(layer, SynthesisLayer):
                opaque = torch.compiler.disable(layer.activate)  # type: ignore[no-untyped-call]
                layer.activate = opaque  # type: ignore[method-assign]
        super().compile(*args, **kwargs)

    def filter_names(self) -> set[str]:
        """Names in the state of what no training changes: the filters that the rates ask for."""
        layers = (name for name, layer in self.named_modules() if isinstance(layer, SynthesisLayer))
        return {f"{name}.{side}_filter" for name in layers for side in ("up", "down")}

    def embed_scale(self, transform: Tensor | None, c: Tensor | None, n: int) -> Tensor | None:
        """Styles (n, w_dim) of the scales that `transform` zooms to; None without a scale branch.

        A window that covers the share a of the canvas is at scale 1 / a; None is scale 1.
        """
        if self.scale_mapping is None:
            return None
        like = self.mapping.w_avg
        scale = like.new_ones(n) if transform is None else transform[:, 0, 0].to(like).reciprocal()
        return self.scale_mapping.styles(scale, c)


def from_config(config: Mapping[str, Any]) -> GeneratorNetwork:
    """An untrained network from the fields of `GeneratorConfig`."""
    return GeneratorNetwork(GeneratorConfig(**config))


def from_official(config: Mapping[str, Any]) -> GeneratorNetwork:
    """An untrained network from the official code's arguments.

    A converted snapshot keeps them, so that its digest never depends on our fields.
    """
    return GeneratorNetwork(GeneratorConfig.from_official(config))


def network_digest(network: GeneratorNetwork) -> str:
    """SHA-256 over the configuration and the names, shapes and values of all tensors."""
    digest = hashlib.sha256(repr(network.config).encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()

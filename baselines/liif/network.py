"""LIIF: an image as a function of continuous coordinates, read off a grid of features.

A decoder maps the feature nearest to a query, the query's offset from it and the pixel size to a
colour; four neighbouring features vote by area. The decoder's first layer is linear in the
features, so its share of them is computed once per feature, not once per query.

Source: Chen et al., "Learning Continuous Image Representation with Local Implicit Image Function",
CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from anyres_bench.baselines.liif.decoder import MLP, Features, decode, nearest_feature
from anyres_bench.core.errors import CheckpointError
from anyres_bench.core.geometry import Box, Region, Size
from anyres_bench.core.registry import nearest

RGB_MEAN = (0.4488, 0.4371, 0.4040)


def _conv(n_in: int, n_out: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2)


class _MeanShift(nn.Conv2d):
    """State of the official encoder that no result depends on."""

    def __init__(self, sign: int) -> None:
        super().__init__(3, 3, 1)
        self.weight.data = torch.eye(3).reshape(3, 3, 1, 1)
        self.bias = nn.Parameter(sign * torch.tensor(RGB_MEAN))
        self.requires_grad_(False)


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels), nn.ReLU(), _conv(channels, channels))
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + self.scale * self.body(x)
        return y


class EDSR(nn.Module):
    """The EDSR encoder without its upsampler: (n, 3, h, w) in [-1, 1] -> (n, channels, h, w)."""

    def __init__(self, n_resblocks: int = 16, n_feats: int = 64, res_scale: float = 1.0) -> None:
        super().__init__()
        self.channels, self.radius = n_feats, 2 + 2 * n_resblocks
        self.sub_mean, self.add_mean = _MeanShift(-1), _MeanShift(1)
        self.head = nn.Sequential(_conv(3, n_feats))
        blocks = [_ResidualBlock(n_feats, res_scale) for _ in range(n_resblocks)]
        self.body = nn.Sequential(*blocks, _conv(n_feats, n_feats))

    def forward(self, image: Tensor) -> Tensor:
        x = self.head(image)
        features: Tensor = self.body(x) + x
        return features


class _GrowingConv(nn.Module):
    def __init__(self, n_in: int, growth: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(_conv(n_in, growth), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(x)], 1)


class _DenseBlock(nn.Module):
    def __init__(self, channels: int, n_convs: int, growth: int) -> None:
        super().__init__()
        growing = [_GrowingConv(channels + c * growth, growth) for c in range(n_convs)]
        self.convs = nn.Sequential(*growing)
        self.LFF = _conv(channels + n_convs * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.LFF(self.convs(x)) + x
        return y


class RDN(nn.Module):
    """The RDN encoder without its upsampler: (n, 3, h, w) in [-1, 1] -> (n, channels, h, w)."""

    CONFIGS = {"A": (20, 6, 32), "B": (16, 8, 64)}  # blocks, convolutions in each, growth

    def __init__(self, G0: int = 64, RDNconfig: str = "B") -> None:
        super().__init__()
        if RDNconfig not in self.CONFIGS:
            raise CheckpointError(f"RDN config {RDNconfig!r}; {nearest(RDNconfig, self.CONFIGS)}")
        n_blocks, n_convs, growth = self.CONFIGS[RDNconfig]
        self.channels, self.radius = G0, 3 + n_blocks * n_convs
        self.SFENet1, self.SFENet2 = _conv(3, G0), _conv(G0, G0)
        self.RDBs = nn.ModuleList(_DenseBlock(G0, n_convs, growth) for _ in range(n_blocks))
        self.GFF = nn.Sequential(_conv(n_blocks * G0, G0, 1), _conv(G0, G0))

    def forward(self, image: Tensor) -> Tensor:
        first = self.SFENet1(image)
        x, outputs = self.SFENet2(first), []
        for block in self.RDBs:
            x = block(x)
            outputs.append(x)
        features: Tensor = self.GFF(torch.cat(outputs, 1)) + first
        return features


ENCODERS: dict[str, Callable[..., EDSR | RDN]] = {"edsr-baseline": EDSR, "rdn": RDN}


class LIIF(nn.Module):
    """The model, with the official names of its state.

    Args:
        encoder: image to features of the same size.
        hidden: widths of the decoder's hidden layers.
        local_ensemble: mix the four nearest features instead of taking the nearest.
        feat_unfold: a feature brings its 3x3 neighbourhood.
        cell_decode: the decoder is told the size of a pixel.
    """

    def __init__(
        self,
        encoder: EDSR | RDN,
        hidden: Sequence[int] = (256, 256, 256, 256),
        local_ensemble: bool = True,
        feat_unfold: bool = True,
        cell_decode: bool = True,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.local_ensemble, self.cell_decode = local_ensemble, cell_decode
        self.kernel = 3 if feat_unfold else 1
        self.n_features = encoder.channels * self.kernel**2
        self.imnet = MLP(self.n_features + 2 + 2 * cell_decode, 3, hidden)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> LIIF:
        """The model that a checkpoint's `model.args` describes.

        Raises:
            CheckpointError: an encoder or decoder that is not built here.
        """
        encoder, decoder = spec["encoder_spec"], spec["imnet_spec"]
        options = dict(encoder.get("args", {}))
        if encoder["name"] not in ENCODERS:
            name = encoder["name"]
            raise CheckpointError(f"no LIIF encoder {name!r}; {nearest(name, ENCODERS)}")
        if not options.pop("no_upsampling", False) or decoder is None or decoder["name"] != "mlp":
            raise CheckpointError(
                "this LIIF has an upsampling encoder or another decoder than `mlp`; "
                "only models that decode encoder features with an MLP are built"
            )
        flags = ("local_ensemble", "feat_unfold", "cell_decode")
        return cls(
            ENCODERS[encoder["name"]](**options),
            decoder["args"]["hidden_list"],
            **{name: bool(spec.get(name, True)) for name in flags},
        )

    def encode(self, pixels: Tensor, image: Size, window: Box) -> Features:
        """Features of a window of an image, cut so that each is as of the whole image.

        Args:
            pixels: (n, 3, h, w) in [-1, 1], the window.
            image: size of the whole image.
            window: where the pixels lie in it.
        """
        return Features(self.project(self.encoder(pixels)), image, window)

    def project(self, features: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, h, w, hidden): what the first layer makes of the features alone."""
        first = self.imnet.layers[0]
        assert isinstance(first, nn.Linear)
        weight = first.weight[:, : self.n_features]
        weight = weight.reshape(-1, self.encoder.channels, self.kernel, self.kernel)
        projected = F.conv2d(features, weight, first.bias, padding=self.kernel // 2)
        return projected.permute(0, 2, 3, 1).contiguous()

    def query(self, features: Features, coord: Tensor, cell: Tensor) -> Tensor:
        """Colours at continuous coordinates.

        Args:
            features: of n images.
            coord: (n, q, 2) as (y, x), the image spans [-1, 1]; beyond it colours extrapolate.
            cell: (n, q, 2) or broadcastable: extent of the pixel that a query stands for.

        Returns:
            (n, q, 3), nominally in [-1, 1].
        """
        size = coord.new_tensor(features.image)
        shifts = [(y, x) for y in (-1, 1) for x in (-1, 1)] if self.local_ensemble else [(0, 0)]
        shares, offsets = [], []
        for shift in shifts:
            index, offset = nearest_feature(coord, coord.new_tensor(shift), size)
            offsets.append(offset)
            shares.append(self._decode(_gather(features, index.long()), offsets[-1], cell * size))
        areas = torch.stack([offset.prod(-1).abs() + 1e-9 for offset in offsets])
        weights = areas.flip(0) / areas.sum(0)  # each takes the area of the diagonally opposite one
        return (torch.stack(shares) * weights[..., None]).sum(0)

    def _decode(self, x: Tensor, offset: Tensor, cell: Tensor) -> Tensor:
        first, *rest = self.imnet.layers
        assert isinstance(first, nn.Linear)
        weight = first.weight[:, self.n_features :]
        known = torch.cat([offset, cell.expand_as(offset)], -1) if self.cell_decode else offset
        x = torch.addmm(x.flatten(0, 1), known.flatten(0, 1), weight.T).reshape(x.shape)
        for layer in rest:
            x = layer(x)
        return x

    def window(self, image: Size, region: Region) -> Box:
        """The part of an image of this size that a region of the enlarged canvas depends on."""
        reach = 1 + self.kernel // 2 + self.encoder.radius  # ensemble, unfolding, encoder
        box, canvas = region.box, region.canvas
        top = max(0, box.top * image.height // canvas.height - reach)
        left = max(0, box.left * image.width // canvas.width - reach)
        bottom = min(image.height, -(-box.bottom * image.height // canvas.height) + reach)
        right = min(image.width, -(-box.right * image.width // canvas.width) + reach)
        return Box(top, left, bottom - top, right - left)

    def render(self, features: Features, region: Region) -> Tensor:
        """A region of the enlarged canvas, (n, 3, h, w), nominally in [-1, 1]."""
        return decode(self.imnet, features, region, self.local_ensemble, self.cell_decode)


def _gather(features: Features, index: Tensor) -> Tensor:
    """Features at rows and columns of the whole image: (n, q, 2) -> (n, q, c)."""
    n, h, w, _ = features.values.shape
    rows, columns = index[..., 0] - features.window.top, index[..., 1] - features.window.left
    flat = (torch.arange(n, device=index.device)[:, None] * h + rows) * w + columns
    return features.values.reshape(n * h * w, -1)[flat]

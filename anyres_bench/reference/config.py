"""What makes up a network, as frozen dataclasses; the official keyword arguments map onto them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from anyres_bench.core.errors import ConfigError
from anyres_bench.core.registry import nearest

ScaleEmbedding = Literal["none", "official", "fourier"]
ScaleNorm = Literal["positive", "zerocentered"]
_MOST_OCTAVES = 8


@dataclass(frozen=True)
class GeneratorConfig:
    """A StyleGAN3 generator, with what AnyRes-GAN adds. The defaults are config T.

    Attributes:
        resolution: side of the window that it renders, in pixels; a power of two.
        z_dim, c_dim, w_dim: width of latents, of labels (0: unconditional) and of styles.
        image_channels: channels of the image.
        n_mapping_layers: fully connected layers from z to w.
        scale_embedding: how layers learn the scale sigma = canvas / resolution. "fourier" embeds
            its logarithm and starts from a zero contribution; "official" is the published branch,
            bit for bit, which normalises a vector of one number and so carries next to nothing;
            "none" is plain StyleGAN3.
        scale_min, scale_max: scales that the embedding is normalised by; not clamped.
        scale_norm: normalisation of the official branch.
        panorama_fov: field of view of one image in degrees, for a generator of 360 degree
            panoramas; None for ordinary images.
        n_layers: layers but ToRGB.
        n_critical: layers at the end that are critically sampled.
        first_cutoff, first_stopband: of the input, in cycles per image side.
        input_octaves: octaves above the first cutoff in which the input has sinusoids too, as many
            in each as below it. A window shows those that its pixels can carry, so a large
            canvas, whose windows are narrow, is told places as finely as a small one; 0 for none,
            as published. They start without a contribution.
        last_stopband_rel: stopband of the last layer over its cutoff.
        margin: pixels around the picture, at each layer's own resolution.
        output_scale: factor on the image.
        conv_kernel: side of the convolutions, in pixels.
        filter_size: taps of the resampling filters, over the factor.
        lrelu_upsampling: sampling rate of the activation over the higher of its layer's; 1 leaves
            the aliases that it makes, and takes a fraction of the time.
        radial_filters: rotationally symmetric downsampling, as in config R.
        channel_base, channel_max: layers have channel_base / 2 / cutoff channels, or channel_max.
        conv_clamp: bound on activations; None for none.
        magnitude_ema_beta: decay of the running input power of each layer.
        n_fp16_octaves: on a GPU, layers at more than resolution / 2**n_fp16_octaves compute in half
            precision.
    """

    resolution: int
    z_dim: int = 512
    c_dim: int = 0
    w_dim: int = 512
    image_channels: int = 3
    n_mapping_layers: int = 2
    scale_embedding: ScaleEmbedding = "fourier"
    scale_min: float = 1
    scale_max: float = 8
    scale_norm: ScaleNorm = "positive"
    panorama_fov: int | None = None
    n_layers: int = 14
    n_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2.0**2.1
    input_octaves: int = 0
    last_stopband_rel: float = 2.0**0.3
    margin: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    filter_size: int = 6
    lrelu_upsampling: int = 2
    radial_filters: bool = False
    channel_base: int = 32768
    channel_max: int = 512
    conv_clamp: float | None = 256
    magnitude_ema_beta: float = 0.999
    n_fp16_octaves: int = 4

    def __post_init__(self) -> None:
        _check_power_of_two(self.resolution, 8)
        _check_whole(self, 0, "c_dim", "n_mapping_layers")
        _check_whole(self, 1, "z_dim", "w_dim", "image_channels", "conv_kernel", "channel_max")
        self._check_scales()
        self._check_layers()

    def _check_scales(self) -> None:
        if self.scale_embedding not in ("none", "official", "fourier"):
            raise ConfigError(
                f"scale_embedding {self.scale_embedding!r} is not none, official or fourier"
            )
        if self.scale_norm not in ("positive", "zerocentered"):
            raise ConfigError(
                f"scale_norm is {self.scale_norm!r}; expected positive or zerocentered"
            )
        if not 0 < self.scale_min < self.scale_max:
            raise ConfigError(
                f"scales from {self.scale_min} to {self.scale_max}; expected 0 < min < max"
            )
        if self.panorama_fov is not None and not 0 < self.panorama_fov <= 360:
            raise ConfigError(f"panorama_fov is {self.panorama_fov}; expected degrees in (0, 360]")

    def _check_layers(self) -> None:
        if not 0 < self.first_cutoff <= min(self.first_stopband, self.resolution / 2):
            raise ConfigError(
                f"first_cutoff is {self.first_cutoff}; expected a positive number up to the first "
                f"stopband {self.first_stopband} and half of the resolution {self.resolution}"
            )
        if self.margin < 0 or self.last_stopband_rel < 1:
            raise ConfigError(
                f"margin is {self.margin} and last_stopband_rel {self.last_stopband_rel}; expected "
                "0 or more, and 1 or more"
            )
        if not 0 <= self.input_octaves <= _MOST_OCTAVES or (
            self.panorama_fov and self.input_octaves
        ):
            raise ConfigError(
                f"input_octaves is {self.input_octaves}; expected 0 to {_MOST_OCTAVES}, and 0 for "
                "a panorama"
            )
        if self.filter_size < 1 or self.lrelu_upsampling < 1:
            raise ConfigError(
                f"filter_size is {self.filter_size} and lrelu_upsampling {self.lrelu_upsampling}; "
                "expected 1 or more"
            )
        if self.n_layers <= self.n_critical:
            raise ConfigError(
                f"{self.n_layers} layers and {self.n_critical} critical ones; expected more layers"
            )

    @property
    def n_ws(self) -> int:
        """Rows of w: one for the input, one a layer, one for ToRGB."""
        return self.n_layers + 2

    def radial(self) -> GeneratorConfig:
        """The same with the layers of config R: 1x1 convolutions, radial filters, twice as wide."""
        return replace(
            self,
            conv_kernel=1,
            radial_filters=True,
            channel_base=2 * self.channel_base,
            channel_max=2 * self.channel_max,
        )

    @classmethod
    def from_official(cls, kwargs: Mapping[str, Any]) -> GeneratorConfig:
        """From the `_init_kwargs` of an official AnyRes-GAN or StyleGAN3 checkpoint.

        Raises:
            ConfigError: a key that is not known, or a value that cannot be.
        """
        mode = str(kwargs.get("training_mode", "global"))
        fields = _renamed(kwargs, _GENERATOR_KEYS, "generator")
        fields |= _nested(kwargs, "mapping_kwargs", {"num_layers": "n_mapping_layers"})
        fields |= _nested(kwargs, "scale_mapping_kwargs", _SCALE_KEYS)
        fields["scale_embedding"] = "official" if "patch" in mode else "none"
        fov = fields.pop("panorama_fov", 60)
        if "360" in mode:
            fields["panorama_fov"] = fov
        return cls(**fields)


@dataclass(frozen=True)
class DiscriminatorConfig:
    """A StyleGAN2 residual discriminator.

    Attributes:
        resolution: side of the images, in pixels; a power of two.
        c_dim: width of labels; 0 for an unconditional one.
        image_channels: channels of the image.
        channel_base, channel_max: blocks have channel_base / resolution channels, or channel_max.
        n_mapping_layers: fully connected layers from label to projection.
        mbstd_group_size: images that share one minibatch statistic.
        conv_clamp: bound on activations; None for none.
        n_fp16_octaves: on a GPU, this many blocks of highest resolution compute in half precision.
    """

    resolution: int
    c_dim: int = 0
    image_channels: int = 3
    channel_base: int = 32768
    channel_max: int = 512
    n_mapping_layers: int = 8
    mbstd_group_size: int = 4
    conv_clamp: float | None = 256
    n_fp16_octaves: int = 4

    def __post_init__(self) -> None:
        _check_power_of_two(self.resolution, 8)
        _check_whole(self, 0, "c_dim", "n_mapping_layers")
        _check_whole(self, 1, "image_channels", "channel_max", "mbstd_group_size")
        _check_whole(self, self.resolution, "channel_base")

    def channels(self, resolution: int) -> int:
        """Channels of the block that sees this resolution."""
        return min(self.channel_base // resolution, self.channel_max)

    @classmethod
    def from_official(cls, kwargs: Mapping[str, Any]) -> DiscriminatorConfig:
        """From the `_init_kwargs` of an official checkpoint.

        Raises:
            ConfigError: a key that is not known, or a value that cannot be.
        """
        fields = _renamed(kwargs, _DISCRIMINATOR_KEYS, "discriminator")
        fields |= _nested(kwargs, "mapping_kwargs", {"num_layers": "n_mapping_layers"})
        fields |= _nested(kwargs, "epilogue_kwargs", {"mbstd_group_size": "mbstd_group_size"})
        _nested(kwargs, "block_kwargs", {"freeze_layers": None})  # a matter of training alone
        return cls(**fields)


_SHARED_KEYS = {
    "c_dim": "c_dim",
    "img_resolution": "resolution",
    "img_channels": "image_channels",
    "channel_base": "channel_base",
    "channel_max": "channel_max",
    "conv_clamp": "conv_clamp",
    "num_fp16_res": "n_fp16_octaves",
    "mapping_kwargs": None,
    "class_name": None,
}
_GENERATOR_KEYS = _SHARED_KEYS | {
    "z_dim": "z_dim",
    "w_dim": "w_dim",
    "training_mode": None,
    "scale_mapping_kwargs": None,
    "fov": "panorama_fov",
    "num_layers": "n_layers",
    "num_critical": "n_critical",
    "first_cutoff": "first_cutoff",
    "first_stopband": "first_stopband",
    "last_stopband_rel": "last_stopband_rel",
    "margin_size": "margin",
    "output_scale": "output_scale",
    "conv_kernel": "conv_kernel",
    "filter_size": "filter_size",
    "lrelu_upsampling": "lrelu_upsampling",
    "use_radial_filters": "radial_filters",
    "magnitude_ema_beta": "magnitude_ema_beta",
}
_DISCRIMINATOR_KEYS = _SHARED_KEYS | {"block_kwargs": None, "epilogue_kwargs": None}
_SCALE_KEYS = {
    "scale_mapping_min": "scale_min",
    "scale_mapping_max": "scale_max",
    "scale_mapping_norm": "scale_norm",
}


def _renamed(
    kwargs: Mapping[str, Any], names: Mapping[str, str | None], owner: str
) -> dict[str, Any]:
    """Values under our names; a key whose name is None is known and left out."""
    for key in kwargs:
        if key not in names:
            raise ConfigError(f"unknown {owner} argument {key!r}; {nearest(key, names)}")
    return {name: kwargs[key] for key, name in names.items() if name and key in kwargs}


def _nested(kwargs: Mapping[str, Any], key: str, names: Mapping[str, str | None]) -> dict[str, Any]:
    inner = kwargs.get(key) or {}
    if not isinstance(inner, Mapping):
        raise ConfigError(f"{key} is {type(inner).__name__}; expected a mapping")
    return _renamed(inner, names, key)


def _check_whole(config: Any, least: int, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        if type(value) is not int or value < least:
            raise ConfigError(f"{name} is {value!r:.60}; expected a whole number from {least} up")


def _check_power_of_two(resolution: int, least: int) -> None:
    whole = isinstance(resolution, int) and not isinstance(resolution, bool)
    if not whole or resolution < least or resolution & (resolution - 1):
        raise ConfigError(f"resolution is {resolution!r}; expected a power of two from {least} on")

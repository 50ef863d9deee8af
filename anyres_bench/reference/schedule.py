"""How StyleGAN3 lays out its layers: sampling rates, cutoffs, sizes and channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from anyres_bench.models.resample import Padding
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.filters import Lowpass


@dataclass(frozen=True)
class Signal:
    """What a layer hands on.

    Attributes:
        rate: samples per image side.
        cutoff: cycles per image side.
        half_width: half the transition band, same unit.
        size: side in samples, margins included.
        channels: number of channels.
    """

    rate: int
    cutoff: float
    half_width: float
    size: int
    channels: int


@dataclass(frozen=True)
class LayerSpec:
    """One synthesis layer, from one signal to the next.

    Attributes:
        index: position in the network, from 0.
        source, target: signals before and after.
        kernel: side of the convolution.
        filter_size: taps of the filters, over the factor.
        lrelu_upsampling: rate of the activation over the higher of the two signals'.
        is_torgb: the last layer: no filters, no demodulation.
        is_critical: critically sampled; its downsampling is never radial.
    """

    index: int
    source: Signal
    target: Signal
    kernel: int
    filter_size: int
    lrelu_upsampling: int
    is_torgb: bool
    is_critical: bool

    @property
    def name(self) -> str:
        """As in official state dicts."""
        return f"L{self.index}_{self.target.size}_{self.target.channels}"

    @property
    def rate(self) -> int:
        """Sampling rate that the activation runs at."""
        return max(self.source.rate, self.target.rate) * (
            1 if self.is_torgb else self.lrelu_upsampling
        )

    @property
    def up(self) -> int:
        """Upsampling factor in front of the activation."""
        return self.rate // self.source.rate

    @property
    def down(self) -> int:
        """Downsampling factor behind it."""
        return self.rate // self.target.rate

    def up_filter(self) -> Lowpass:
        """The filter of the upsampling."""
        return Lowpass(self.up_taps, self.source.cutoff, self.source.half_width * 2, self.rate)

    def down_filter(self, radial: bool) -> Lowpass:
        """The filter of the downsampling."""
        cutoff, width = self.target.cutoff, self.target.half_width * 2
        return Lowpass(self.down_taps, cutoff, width, self.rate, radial and not self.is_critical)

    @property
    def up_taps(self) -> int:
        """Taps of the upsampling's filter along an axis; 1 is none."""
        return self._n_taps(self.up)

    @property
    def down_taps(self) -> int:
        """Taps of the downsampling's filter along an axis; 1 is none."""
        return self._n_taps(self.down)

    @property
    def padding(self) -> Padding:
        """Around the upsampled image, so that the target size comes out, centred."""
        total = (self.target.size - 1) * self.down + 1
        total -= (self.source.size + self.kernel - 1) * self.up
        total += self.up_taps + self.down_taps - 2
        low = (total + self.up) // 2
        return Padding(low, total - low, low, total - low)

    def _n_taps(self, factor: int) -> int:
        return 1 if self.is_torgb or factor == 1 else self.filter_size * factor


def signals(config: GeneratorConfig) -> list[Signal]:
    """What each layer hands on, from first to last; the input hands on the first as well.

    Source: Alias-Free Generative Adversarial Networks (Karras et al., 2021), section 3.2.
    """
    return [_signal(config, i) for i in range(config.n_layers + 1)]


def _signal(config: GeneratorConfig, i: int) -> Signal:
    share = min(i / (config.n_layers - config.n_critical), 1)
    last_cutoff = config.resolution / 2
    last_stopband = last_cutoff * config.last_stopband_rel
    cutoff = config.first_cutoff * (last_cutoff / config.first_cutoff) ** share
    stopband = config.first_stopband * (last_stopband / config.first_stopband) ** share
    rate = 2 ** math.ceil(math.log2(min(stopband * 2, config.resolution)))
    is_last = i >= config.n_layers - 1
    return Signal(
        rate=rate,
        cutoff=cutoff,
        half_width=max(stopband, rate / 2) - cutoff,
        size=config.resolution if is_last else rate + 2 * config.margin,
        channels=(
            config.image_channels
            if i == config.n_layers
            else round(min(config.channel_base / 2 / cutoff, config.channel_max))
        ),
    )


def layers(config: GeneratorConfig) -> list[LayerSpec]:
    """The layers, ToRGB the last."""
    made = signals(config)
    return [
        LayerSpec(
            index=i,
            source=made[max(i - 1, 0)],
            target=made[i],
            kernel=1 if i == config.n_layers else config.conv_kernel,
            filter_size=config.filter_size,
            lrelu_upsampling=config.lrelu_upsampling,
            is_torgb=i == config.n_layers,
            is_critical=i >= config.n_layers - config.n_critical,
        )
        for i in range(config.n_layers + 1)
    ]

"""Configurations and the official arguments that map onto them."""

from __future__ import annotations

from typing import Any

import pytest

from anyres_bench.core.errors import ConfigError
from anyres_bench.reference.config import DiscriminatorConfig, GeneratorConfig

PATCH = {
    "z_dim": 512,
    "w_dim": 512,
    "c_dim": 0,
    "mapping_kwargs": {"num_layers": 2},
    "training_mode": "patch",
    "scale_mapping_kwargs": {
        "scale_mapping_min": 1,
        "scale_mapping_max": 8,
        "scale_mapping_norm": "zerocentered",
    },
    "channel_base": 65536,
    "channel_max": 1024,
    "magnitude_ema_beta": 0.9988915792636801,
    "img_resolution": 256,
    "img_channels": 3,
    "conv_kernel": 1,
    "use_radial_filters": True,
    "num_fp16_res": 0,
    "conv_clamp": None,
}


def test_official_patch_arguments() -> None:
    config = GeneratorConfig.from_official(PATCH)
    assert config == GeneratorConfig(
        256,
        scale_embedding="official",
        scale_norm="zerocentered",
        conv_kernel=1,
        radial_filters=True,
        channel_base=65536,
        channel_max=1024,
        magnitude_ema_beta=0.9988915792636801,
        n_fp16_octaves=0,
        conv_clamp=None,
    )


def test_stylegan3_arguments_have_no_scale_branch() -> None:
    config = GeneratorConfig.from_official({"img_resolution": 1024, "class_name": "ignored"})
    assert (config.scale_embedding, config.panorama_fov) == ("none", None)
    assert config == GeneratorConfig(1024, scale_embedding="none")


def test_panorama_arguments() -> None:
    config = GeneratorConfig.from_official(
        {"img_resolution": 256, "training_mode": "global-360", "fov": 90}
    )
    assert (config.scale_embedding, config.panorama_fov) == ("none", 90)


def test_official_discriminator_arguments() -> None:
    kwargs = {
        "c_dim": 0,
        "img_resolution": 256,
        "img_channels": 3,
        "channel_base": 32768,
        "channel_max": 512,
        "block_kwargs": {"freeze_layers": 10},
        "mapping_kwargs": {},
        "epilogue_kwargs": {"mbstd_group_size": 8},
    }
    assert DiscriminatorConfig.from_official(kwargs) == DiscriminatorConfig(256, mbstd_group_size=8)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"img_resolutoin": 256}, "'img_resolutoin'; did you mean img_resolution"),
        ({"mapping_kwargs": {"n_layers": 2}}, "mapping_kwargs argument 'n_layers'"),
        ({"scale_mapping_kwargs": [1, 8]}, "scale_mapping_kwargs is list"),
        ({"img_resolution": 300}, "resolution is 300; expected a power of two"),
        ({"img_resolution": True}, "resolution is True"),
    ],
)
def test_what_is_not_known_is_refused(extra: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        GeneratorConfig.from_official({**PATCH, **extra})


@pytest.mark.parametrize(
    "bad",
    [
        {"scale_embedding": "learned"},
        {"scale_norm": "negative"},
        {"scale_min": 0},
        {"scale_min": 8, "scale_max": 8},
        {"panorama_fov": 0},
        {"n_layers": 2},
        {"filter_size": 0},
        {"lrelu_upsampling": 0},
        {"input_octaves": -1},
        {"z_dim": 0},
        {"w_dim": -1},
        {"c_dim": -1},
        {"image_channels": True},
        {"channel_max": "64"},
        {"conv_kernel": 0},
        {"input_octaves": 2, "panorama_fov": 60},
    ],
)
def test_values_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"expected|is not"):
        GeneratorConfig(64, **bad)


@pytest.mark.parametrize(
    "bad", [{"channel_base": 63}, {"channel_max": 0}, {"image_channels": 0}, {"c_dim": -1}]
)
def test_a_discriminator_has_channels_at_every_size(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected a whole number from"):
        DiscriminatorConfig(64, **bad)


def test_config_r_is_wider_with_small_kernels() -> None:
    config = GeneratorConfig(256).radial()
    assert (config.conv_kernel, config.radial_filters) == (1, True)
    assert (config.channel_base, config.channel_max) == (65536, 1024)

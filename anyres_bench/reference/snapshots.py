"""Which networks stand in official snapshots of AnyRes-GAN, StyleGAN3 and StyleGAN2-ADA."""

from __future__ import annotations

from anyres_bench.models.official import OfficialNetwork

ANYRES_LICENCE = (
    "made with the AnyRes-GAN code: Adobe Research License and NVIDIA Source Code License, "
    "non-commercial research only"
)
NVIDIA_LICENCE = (
    "made with NVIDIA's StyleGAN code: NVIDIA Source Code License, non-commercial use only"
)
# class and a tensor that only this architecture has -> its name
_ARCHITECTURES = {
    ("Generator", "synthesis.input.freqs"): "anyres-generator-official",
    ("Generator", "synthesis.b4.const"): "stylegan2-generator",
    ("Discriminator", "b4.out.weight"): "stylegan2-discriminator",
}


def recognise(network: OfficialNetwork) -> tuple[str, str] | None:
    """Architecture of a network and the licence of its code; None if it is none of these."""
    licence = ANYRES_LICENCE if "training_mode" in network.init_kwargs else NVIDIA_LICENCE
    for (class_name, tensor), architecture in _ARCHITECTURES.items():
        if network.class_name == class_name and tensor in network.state:
            return architecture, licence
    return None

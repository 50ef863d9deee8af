"""Official snapshots of AnyRes-GAN, and of StyleGAN3, which its first stage is."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _anyres(name: str, filename: str, options: str | None = None) -> WeightFile:
    extra = f"; its training options are {options}" if options else ""
    return WeightFile(
        name=f"anyres-{name}",
        filename=filename,
        url=None,
        sha256=None,
        n_bytes=None,
        licence="Adobe Research License and NVIDIA Source Code License",
        non_commercial=True,
        note="see the README of github.com/chail/anyres-gan, which calls the released weights "
        "re-trainings whose numbers differ slightly from the paper's; neither a direct address nor "
        f"a digest is known, and the file was not seen here{extra}",
    )


def _stylegan3(name: str) -> WeightFile:
    return WeightFile(
        name=f"stylegan3-{name}",
        filename=f"stylegan3-{name}.pkl",
        url="https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan3/versions/1/files/"
        f"stylegan3-{name}.pkl",
        sha256=None,
        n_bytes=None,
        licence="NVIDIA Source Code License",
        non_commercial=True,
        note="no digest is published, so a download cannot be told from another file",
    )


WEIGHTS = (
    _anyres("ffhq6k", "ffhq6k_pretrained_final.pkl", "patch-ffhq6k-final-options.json"),
    _anyres("birds", "bird_pretrained_final.pkl", "patch-bird-final-options.json"),
    _anyres("church", "church_pretrained_final.pkl", "patch-church-final-options.json"),
    _anyres("mountains", "mountain_pretrained_final.pkl", "patch-mountain-final-options.json"),
    _anyres("mountain-pano", "mountain_pano_pretrained_final.pkl"),
    *(
        _stylegan3(f"{config}-{data}")
        for config in "tr"
        for data in (
            "ffhq-1024x1024",
            "ffhqu-1024x1024",
            "ffhqu-256x256",
            "metfaces-1024x1024",
            "metfacesu-1024x1024",
            "afhqv2-512x512",
        )
    ),
)

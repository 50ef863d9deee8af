"""Published weights of Real-ESRGAN and ESRGAN."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile


def _realesrgan(name: str, tag: str, filename: str) -> WeightFile:
    return WeightFile(
        name=name,
        filename=filename,
        url=f"https://github.com/xinntao/Real-ESRGAN/releases/download/{tag}/{filename}",
        sha256=None,
        n_bytes=None,
        licence="BSD-3-Clause",
        note="no digest is published",
    )


WEIGHTS = (
    _realesrgan("realesrgan-x4plus", "v0.1.0", "RealESRGAN_x4plus.pth"),
    _realesrgan("realesrnet-x4plus", "v0.1.1", "RealESRNet_x4plus.pth"),
    _realesrgan("esrgan-x4", "v0.1.1", "ESRGAN_SRx4_DF2KOST_official-ff704c30.pth"),
    _realesrgan("realesrgan-x2plus", "v0.2.1", "RealESRGAN_x2plus.pth"),
    _realesrgan("realesrgan-x4plus-anime-6b", "v0.2.2.4", "RealESRGAN_x4plus_anime_6B.pth"),
    _realesrgan("realesr-animevideov3", "v0.2.5.0", "realesr-animevideov3.pth"),
    _realesrgan("realesr-general-x4v3", "v0.2.5.0", "realesr-general-x4v3.pth"),
    _realesrgan("realesr-general-wdn-x4v3", "v0.2.5.0", "realesr-general-wdn-x4v3.pth"),
    _realesrgan("realesrgan-x4plus-netd", "v0.2.2.3", "RealESRGAN_x4plus_netD.pth"),
    _realesrgan("realesrgan-x2plus-netd", "v0.2.2.3", "RealESRGAN_x2plus_netD.pth"),
    _realesrgan(
        "realesrgan-x4plus-anime-6b-netd", "v0.2.2.4", "RealESRGAN_x4plus_anime_6B_netD.pth"
    ),
)

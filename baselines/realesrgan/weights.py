"""Published weights of Real-ESRGAN and ESRGAN."""

from __future__ import annotations

from typing import Literal

from anyres_bench.fetching.weights import WeightFile


def _realesrgan(
    name: str,
    tag: str,
    filename: str,
    sha256: str | None = None,
    n_bytes: int | None = None,
    known_from: Literal["third parties", "one third party"] = "third parties",
) -> WeightFile:
    return WeightFile(
        name=name,
        filename=filename,
        url=f"https://github.com/xinntao/Real-ESRGAN/releases/download/{tag}/{filename}",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="BSD-3-Clause",
        known_from=known_from,
        note="" if sha256 else "nobody says a digest",
    )


WEIGHTS = (
    _realesrgan(
        "realesrgan-x4plus",
        "v0.1.0",
        "RealESRGAN_x4plus.pth",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        67_040_989,
    ),
    _realesrgan(
        "realesrnet-x4plus",
        "v0.1.1",
        "RealESRNet_x4plus.pth",
        "a820b9bde89a874d7599d545567308ce6c128fc8754a53208eda016d40aa81df",
        67_040_989,
    ),
    _realesrgan(
        "esrgan-x4",
        "v0.1.1",
        "ESRGAN_SRx4_DF2KOST_official-ff704c30.pth",
        "ff704c30ff560305e48ed1f4db895e525ab6bc81a46fafe80c0094a271c806d9",
    ),
    _realesrgan(
        "realesrgan-x2plus",
        "v0.2.1",
        "RealESRGAN_x2plus.pth",
        "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        67_061_725,
    ),
    _realesrgan(
        "realesrgan-x4plus-anime-6b",
        "v0.2.2.4",
        "RealESRGAN_x4plus_anime_6B.pth",
        "f872d837d3c90ed2e05227bed711af5671a6fd1c9f7d7e91c911a61f155e99da",
        17_938_799,
    ),
    _realesrgan(
        "realesr-animevideov3",
        "v0.2.5.0",
        "realesr-animevideov3.pth",
        "b8a8376811077954d82ca3fcf476f1ac3da3e8a68a4f4d71363008000a18b75d",
        2_504_012,
    ),
    _realesrgan(
        "realesr-general-x4v3",
        "v0.2.5.0",
        "realesr-general-x4v3.pth",
        "8dc7edb9ac80ccdc30c3a5dca6616509367f05fbc184ad95b731f05bece96292",
        4_885_111,
    ),
    _realesrgan(
        "realesr-general-wdn-x4v3",
        "v0.2.5.0",
        "realesr-general-wdn-x4v3.pth",
        "1641f8c4464b9f097c9fdda5589273713f67cf59f3d909e0bd688f0cee269dca",
        4_885_111,
    ),
    _realesrgan(
        "realesrgan-x4plus-netd",
        "v0.2.2.3",
        "RealESRGAN_x4plus_netD.pth",
        "afc291719bf0a8bd25ba2b4afbbc5fc0634382dac111d3e1d3a7240d32dfd33a",
        17_587_089,
        known_from="one third party",
    ),
    _realesrgan("realesrgan-x2plus-netd", "v0.2.2.3", "RealESRGAN_x2plus_netD.pth"),
    _realesrgan(
        "realesrgan-x4plus-anime-6b-netd", "v0.2.2.4", "RealESRGAN_x4plus_anime_6B_netD.pth"
    ),
)

"""Published weights of the extractors and of the perceptual distances."""

from __future__ import annotations

from typing import Literal

from anyres_bench.fetching.weights import WeightFile

_NVIDIA_METRICS = "https://nvlabs-fi-cdn.nvidia.com/stylegan2-ada-pytorch/pretrained/metrics"
_TORCHVISION = "https://download.pytorch.org/models"
_LPIPS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/"
    "082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1"
)

_ROWS = (
    WeightFile(
        name="inception-v3",
        filename="pt_inception-2015-12-05-6726825d.pth",
        url="https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
        "pt_inception-2015-12-05-6726825d.pth",
        sha256="6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        n_bytes=95_628_359,
        licence="Apache-2.0",
        note="torch-fidelity's weights-inception-2015-12-05-6726825d.pth is the same file",
    ),
    WeightFile(
        name="inception-v3-torchscript",
        filename="inception-2015-12-05.pt",
        url=f"{_NVIDIA_METRICS}/inception-2015-12-05.pt",
        sha256="f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4",
        n_bytes=95_607_719,
        licence="NVIDIA Source Code License",
        non_commercial=True,
        note="the file that clean-fid downloads; the network itself is Google's, Apache-2.0",
    ),
    WeightFile(
        name="vgg16",
        filename="vgg16-397923af.pth",
        url=f"{_TORCHVISION}/vgg16-397923af.pth",
        sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
        n_bytes=553_433_881,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        name="vgg16-torchscript",
        filename="vgg16.pt",
        url=f"{_NVIDIA_METRICS}/vgg16.pt",
        sha256="b437eb095feaeb0b83eb3fa11200ebca4548ee39a07fb944a417ddc516cc07c3",
        n_bytes=553_469_545,
        licence="NVIDIA Source Code License",
        non_commercial=True,
    ),
    WeightFile(
        name="vgg19",
        filename="vgg19-dcbb9e9d.pth",
        url=f"{_TORCHVISION}/vgg19-dcbb9e9d.pth",
        sha256="dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        n_bytes=574_673_361,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        name="alexnet",
        filename="alexnet-owt-7be5be79.pth",
        url=f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
        sha256="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        n_bytes=244_408_911,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        name="squeezenet1_1",
        filename="squeezenet1_1-b8a52dc0.pth",
        url=f"{_TORCHVISION}/squeezenet1_1-b8a52dc0.pth",
        sha256="b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        n_bytes=4_958_839,
        licence="BSD-3-Clause",
    ),
    WeightFile(
        name="lpips-alex",
        filename="lpips-v0.1-alex.pth",
        url=f"{_LPIPS}/alex.pth",
        sha256="df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        n_bytes=6_009,
        licence="BSD-2-Clause",
        known_from="publisher",
        note="the heads alone; the backbone is `alexnet`",
    ),
    WeightFile(
        name="lpips-vgg",
        filename="lpips-v0.1-vgg.pth",
        url=f"{_LPIPS}/vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        n_bytes=7_289,
        licence="BSD-2-Clause",
        known_from="publisher",
        note="the heads alone; the backbone is `vgg16`",
    ),
    WeightFile(
        name="lpips-squeeze",
        filename="lpips-v0.1-squeeze.pth",
        url=f"{_LPIPS}/squeeze.pth",
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        n_bytes=10_811,
        licence="BSD-2-Clause",
        known_from="publisher",
        note="the heads alone; the backbone is `squeezenet1_1`",
    ),
)


def _cnndetection(
    share: str, place: str, sha256: str, known_from: Literal["third parties", "one third party"]
) -> WeightFile:
    filename = f"blur_jpg_prob{share}.pth"
    return WeightFile(
        name=f"cnndetection-prob{share}",
        filename=filename,
        url=f"https://www.dropbox.com/s/{place}/{filename}?dl=1",
        sha256=sha256,
        n_bytes=282_442_597,
        licence="CC BY-NC-SA 4.0",
        non_commercial=True,
        known_from=known_from,
        pages=("https://github.com/PeterWang512/CNNDetection",),
    )


_CNNDETECTION = (
    _cnndetection(
        "0.5",
        "2g2jagq2jn1fd0i",
        "3533f3e58a3b82215f21197f2faf4e99b911ec42a4a6e2d7823e04d5f3fd245a",
        "one third party",
    ),
    _cnndetection(
        "0.1",
        "h7tkpcgiwuftb6g",
        "a73295ac66f9cb74d558ce3ade46f75e2f2997ed05eeed0f4b774623372058ea",
        "third parties",
    ),
)

WEIGHTS = {row.name: row for row in (*_ROWS, *_CNNDETECTION)}
"""Name -> file."""

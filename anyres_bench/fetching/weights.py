"""Published weight files: where each comes from, what it must be, and under which licence.

Models and extractors ask for a file by its name. It is taken from the cache if it is there, else
downloaded, and its digest is checked every time. Digests are those under which several public
projects pin the same files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from anyres_bench.core.errors import FetchError, UnknownNameError, WeightsError
from anyres_bench.core.files import cache_dir, sha256_file
from anyres_bench.core.registry import nearest
from anyres_bench.core.reporting import detail, say


@dataclass(frozen=True, kw_only=True)
class WeightFile:
    """One published file.

    Attributes:
        name: what it is asked for by.
        filename: its name in `cache_dir()/weights`.
        url: where it is published; None where it can only be got by hand.
        sha256: 64 hex digits; None where nobody has published them.
        n_bytes: its length, where known.
        licence: under which it is published.
        non_commercial: whether that licence must be accepted before a download.
        note: what else to know, such as how to get it by hand.
    """

    name: str
    filename: str
    url: str | None
    sha256: str | None
    n_bytes: int | None
    licence: str
    non_commercial: bool = False
    note: str = ""

    @property
    def path(self) -> Path:
        """Its place in the cache."""
        return cache_dir() / "weights" / self.filename


def locate(name: str, *, accept_licence: bool = False, offline: bool | None = None) -> Path:
    """The file registered as `name`, verified; downloaded if it is not in the cache.

    Args:
        name: a key of `WEIGHTS`.
        accept_licence: whether the user has accepted a non-commercial licence.
        offline: never download; by default where `ANYRES_BENCH_OFFLINE` is set.

    Raises:
        UnknownNameError: no such name.
        WeightsError: see `obtain`.
    """
    if name not in WEIGHTS:
        raise UnknownNameError(f"unknown weights {name!r}; {nearest(name, WEIGHTS)}")
    return obtain(WEIGHTS[name], accept_licence=accept_licence, offline=offline)


def obtain(
    weights: WeightFile,
    *,
    accept_licence: bool = False,
    offline: bool | None = None,
    allow_private: bool = False,
) -> Path:
    """A weight file, verified; downloaded if it is not in the cache, and what happens is told.

    An interrupted download goes on where it was. `allow_private` lets it come from a private
    address, for mirrors and tests.

    Raises:
        WeightsError: it is not there and cannot be had, its licence was not accepted, or it is
            another file than the registered one; the message says what to do by hand.
    """
    if weights.path.is_file():
        return _verified(weights)
    if offline or (offline is None and os.environ.get("ANYRES_BENCH_OFFLINE", "") not in ("", "0")):
        raise WeightsError(
            f"{weights.name} weights are not here and we are offline.{_help(weights)}"
        )
    if weights.url is None:
        raise WeightsError(f"{weights.name} weights cannot be downloaded.{_help(weights)}")
    if weights.non_commercial and not accept_licence:
        raise WeightsError(
            f"{weights.name} weights are under the {weights.licence}, which allows non-commercial "
            f"use only; to accept it, say --accept-licence.{_help(weights)}"
        )
    _download(weights, allow_private)
    return weights.path


def _verified(weights: WeightFile) -> Path:
    if weights.sha256 and (got := sha256_file(weights.path)) != weights.sha256:
        raise WeightsError(
            f"{weights.path} is not the registered {weights.name} file: its sha256 is {got}; "
            f"delete it.{_help(weights)}"
        )
    detail(f"{weights.name}: {weights.path}, its digest is right")
    return weights.path


def _download(weights: WeightFile, allow_private: bool) -> None:
    from anyres_bench.fetching.http import download

    assert weights.url is not None
    say(f"{weights.name}: {weights.filename}, licence: {weights.licence}")
    try:
        download(
            weights.url,
            weights.path,
            sha256=weights.sha256,
            n_bytes=weights.n_bytes,
            allow_private=allow_private,
        )
    except FetchError as error:
        raise WeightsError(
            f"{weights.name} weights could not be downloaded: {error}.{_help(weights)}"
        ) from error


def _help(weights: WeightFile) -> str:
    """How to place the file by hand."""
    size = f", {weights.n_bytes:,} bytes" if weights.n_bytes else ""
    lines = [
        f"\n  get      {weights.url or weights.note}",
        f"\n  put it   {weights.path}",
        f"\n  sha256   {weights.sha256 or 'not published'}{size}",
        f"\n  licence  {weights.licence}",
        f"\n  note     {weights.note}" if weights.note and weights.url else "",
    ]
    return "".join(lines)


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
        n_bytes=None,
        licence="NVIDIA Source Code License",
        non_commercial=True,
    ),
    WeightFile(
        name="vgg19",
        filename="vgg19-dcbb9e9d.pth",
        url=f"{_TORCHVISION}/vgg19-dcbb9e9d.pth",
        sha256=None,
        n_bytes=None,
        licence="BSD-3-Clause",
        note="its name holds the first 8 digits of its sha256; the rest is not published",
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
        note="the heads alone; the backbone is `alexnet`",
    ),
    WeightFile(
        name="lpips-vgg",
        filename="lpips-v0.1-vgg.pth",
        url=f"{_LPIPS}/vgg.pth",
        sha256="a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        n_bytes=None,
        licence="BSD-2-Clause",
        note="the heads alone; the backbone is `vgg16`",
    ),
    WeightFile(
        name="lpips-squeeze",
        filename="lpips-v0.1-squeeze.pth",
        url=f"{_LPIPS}/squeeze.pth",
        sha256="4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        n_bytes=10_811,
        licence="BSD-2-Clause",
        note="the heads alone; the backbone is `squeezenet1_1`",
    ),
)


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


# Official snapshots: `convert` and `load` read them, by our own reader that runs nothing in them.
_SNAPSHOTS = (
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


def _anycost(config: str) -> WeightFile:
    return WeightFile(
        name=config,
        filename=f"generator_{config}.pt",
        url=f"https://hanlab18.mit.edu/projects/anycost-gan/files/generator_{config}.pt",
        sha256=None,
        n_bytes=None,
        licence="MIT",
        note="users report that the hosted weights have vanished; no digest is published",
    )


def _mspe(config: str, digits: str, filename: str = "") -> WeightFile:
    folder = "https://download.openmmlab.com/mmgen/pe_in_gans"
    return WeightFile(
        name=f"mspe-{config}",
        filename=filename or f"mspie-stylegan2_config-{config}-{digits}.pth",
        url=f"{folder}/{filename}" if filename else None,
        sha256=None,
        n_bytes=None,
        licence="Apache-2.0",
        note=f"linked from mmgeneration's configs/positional_encoding_in_gans; the official name "
        f"ends in {digits}, by its habit the first digits of the sha256",
    )


def _liif(encoder: str) -> WeightFile:
    return WeightFile(
        name=f"liif-{encoder}",
        filename=f"{encoder}-liif.pth",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="BSD-3-Clause",
        note="linked from the README of github.com/yinboc/liif (Dropbox and Google Drive)",
    )


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


def _infinitygan(name: str, folder: str) -> WeightFile:
    return WeightFile(
        name=name,
        filename=f"{name}-best_fid.pth.tar",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="CC BY-NC-SA 4.0 and NVIDIA Source Code License",
        non_commercial=True,
        note=f"best_fid.pth.tar of the folder {folder}, linked from the README of "
        "github.com/hubert0527/infinityGAN (Google Drive)",
    )


def _cnndetection(share: str) -> WeightFile:
    return WeightFile(
        name=f"cnndetection-prob{share}",
        filename=f"blur_jpg_prob{share}.pth",
        url=None,
        sha256=None,
        n_bytes=None,
        licence="CC BY-NC-SA 4.0",
        non_commercial=True,
        note="weights/download_weights.sh of github.com/PeterWang512/CNNDetection has the address "
        "(Dropbox)",
    )


# Official checkpoints of the baselines and of the detector.
_BASELINES = (
    _anycost("anycost-ffhq-config-f"),
    _anycost("anycost-ffhq-config-f-flexible"),
    _anycost("anycost-car-config-f"),
    _anycost("stylegan2-ffhq-config-f"),
    _mspe("a", "71d9634b"),
    _mspe("b", "e85e5cf4"),
    _mspe("c", "9f43b07d"),
    _mspe("d", "dbefacf6"),
    _mspe("e", "98d5a42a"),
    _mspe(
        "f",
        "4f4d5391",
        "mspie-stylegan2_c2_config-f_ffhq_256-512_b3x8_1100k_20210406_144927-4f4d5391.pth",
    ),
    _mspe("f-896", "6c18ad5d"),
    _mspe("f-1024", "81cbdc96"),
    _mspe("g", "2df61752"),
    _mspe("h", "84cf3f48"),
    _mspe("i", "c2b0accf"),
    _mspe("j", "c407481b"),
    _mspe("k", "6d8cc39f"),
    _liif("edsr-baseline"),
    _liif("rdn"),
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
    _infinitygan("infinitygan", "InfinityGAN"),
    _infinitygan("infinitygan-hr", "InfinityGAN-HR"),
    _infinitygan("infinitygan-ur", "InfinityGAN-UR"),
    _infinitygan("infinitygan-iof", "InfinityGAN-IOF"),
    _infinitygan("infinitygan-iop", "InfinityGAN-IOP"),
    _cnndetection("0.5"),
    _cnndetection("0.1"),
)
WEIGHTS = {row.name: row for row in (*_ROWS, *_SNAPSHOTS, *_BASELINES)}

"""Official snapshots of AnyRes-GAN, and of StyleGAN3, which its first stage is."""

from __future__ import annotations

from anyres_bench.fetching.weights import WeightFile

_ANYRES = "http://latent-composition.csail.mit.edu/other_projects/anyres_gan/pretrained"
_NGC = "https://api.ngc.nvidia.com/v2/models/nvidia/research/stylegan3/versions/1/files"
_NGC_NOW = "https://api.ngc.nvidia.com/v2/models/org/nvidia/team/research/stylegan3/1/files"
_NOT_KNOWN = f"no digest is published; {_NGC} lists the sizes"


def _anyres(name: str, filename: str, options: str | None = None) -> WeightFile:
    extra = f"; its training options are {_ANYRES}/{options}" if options else ""
    return WeightFile(
        name=f"anyres-{name}",
        filename=filename,
        url=None,  # plain http and no digest: what comes could be anybody's
        sha256=None,
        n_bytes=None,
        licence="Adobe Research License and NVIDIA Source Code License",
        non_commercial=True,
        pages=(f"{_ANYRES}/{filename}",),
        note="the address of the publisher's download_resources.sh, without https; no digest is "
        "published, and the file was not seen here; its README calls the released weights "
        f"re-trainings whose numbers differ slightly from the paper's{extra}",
    )


def _stylegan3(
    name: str, sha256: str | None = None, n_bytes: int | None = None, note: str = _NOT_KNOWN
) -> WeightFile:
    filename = f"stylegan3-{name}.pkl"
    return WeightFile(
        name=f"stylegan3-{name}",
        filename=filename,
        url=f"{_NGC}/{filename}",
        sha256=sha256,
        n_bytes=n_bytes,
        licence="NVIDIA Source Code License",
        non_commercial=True,
        known_from="one third party",
        pages=(f"{_NGC_NOW}?redirect=true&path={filename}",),
        note=note,
    )


WEIGHTS = (
    _anyres("ffhq6k", "ffhq6k_pretrained_final.pkl", "patch-ffhq6k-final-options.json"),
    _anyres("birds", "bird_pretrained_final.pkl", "patch-bird-final-options.json"),
    _anyres("church", "church_pretrained_final.pkl", "patch-church-final-options.json"),
    _anyres("mountains", "mountain_pretrained_final.pkl", "patch-mountain-final-options.json"),
    _anyres("mountain-pano", "mountain_pano_pretrained_final.pkl"),
    _stylegan3(
        "t-ffhq-1024x1024",
        "efd9fa1f967a11b5390399a8ed512dc32e341c245fa2d4dafa6d94e96222085b",
        294_775_112,
        "the size fits the number of its parameters",
    ),
    *(
        _stylegan3(f"t-{data}")
        for data in (
            "ffhqu-1024x1024",
            "ffhqu-256x256",
            "metfaces-1024x1024",
            "metfacesu-1024x1024",
            "afhqv2-512x512",
        )
    ),
    _stylegan3(
        "r-ffhq-1024x1024",
        note="no digest to trust: documents of one third party say two, ffe2233fa0d0... with "
        "237,040,112 bytes, which fits the number of its parameters, and a5879a7384ff... with "
        "364 MB",
    ),
    *(
        _stylegan3(f"r-{data}")
        for data in (
            "ffhqu-1024x1024",
            "ffhqu-256x256",
            "metfaces-1024x1024",
            "metfacesu-1024x1024",
            "afhqv2-512x512",
        )
    ),
)

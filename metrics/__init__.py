"""Metrics: pure functions of features and pixels; no device, file, rank or clock.

This folder is the subpackage `anyres_bench.metrics`.
"""

if __name__ != "anyres_bench.metrics":
    raise ImportError(
        "import anyres_bench.metrics, not metrics: "
        "under a second name every module would be loaded twice"
    )

from anyres_bench.core.registry import Registry

_FID = (
    "FID is frechet on features of Inception: write a paper's name, such as {}, or "
    "PROTOCOL/frechet with an Inception --extractor (`anyres-bench tasks` lists them)"
)
_PRECISION = "write precision-recall, or prdc for density and coverage too"
_HINTS = {
    **{name: _FID.format("fid-full256") for name in ("fid", "fid50k", "fid-50k", "clean-fid")},
    **{
        name: _FID.format("fid-patch256-min256max0")
        for name in ("pfid", "patch-fid", "patchfid", "p-fid")
    },
    **dict.fromkeys(("p", "p/r", "pr", "precision", "recall", "p&r"), _PRECISION),
    **dict.fromkeys(("density", "coverage", "d/c"), "write density-coverage"),
    **dict.fromkeys(("is", "inception", "inceptionscore"), "write inception-score"),
    **dict.fromkeys(("fid-infinity", "fid-inf", "fidinf"), "write fd-infinity"),
    **dict.fromkeys(("fd", "fréchet", "wasserstein"), "write frechet"),
    **dict.fromkeys(("mmd", "kernel-distance"), "write kid"),
}

METRICS = Registry(
    "metric",
    {
        "ap": "anyres_bench.metrics.detection:AveragePrecision",
        "authpct": "anyres_bench.metrics.authenticity:AuthPct",
        "cmmd": "anyres_bench.metrics.cmmd:Cmmd",
        "compression-ratio": "anyres_bench.metrics.texture:CompressionRatio",
        "consistency": "anyres_bench.metrics.pairs:Consistency",
        "copy-rate": "anyres_bench.metrics.copying:CopyRate",
        "copying": "anyres_bench.metrics.copying:Copying",
        "density-coverage": "anyres_bench.metrics.prdc:DensityCoverage",
        "detectability": "anyres_bench.metrics.detectability:Detectability",
        "detector-accuracy": "anyres_bench.metrics.detection:DetectorAccuracy",
        "detector-transfer": "anyres_bench.metrics.transfer:DetectorTransfer",
        "effective-resolution": "anyres_bench.metrics.spectrum:EffectiveResolution",
        "equivariance": "anyres_bench.metrics.equivariance:Equivariance",
        "fd-infinity": "anyres_bench.metrics.fd_infinity:FdInfinity",
        "fd-infinity-groups": "anyres_bench.metrics.fd_infinity:FdInfinityOfGroups",
        "frechet": "anyres_bench.metrics.frechet:Frechet",
        "glcm": "anyres_bench.metrics.texture:Glcm",
        "inception-score": "anyres_bench.metrics.inception_score:InceptionScore",
        "kid": "anyres_bench.metrics.kid:Kid",
        "kid-subsets": "anyres_bench.metrics.kid:KidSubsets",
        "layout": "anyres_bench.metrics.tiling:Layout",
        "lpips": "anyres_bench.metrics.pairs:PairLPIPS",
        "mind": "anyres_bench.metrics.mind:Mind",
        "octave-distance": "anyres_bench.metrics.spectrum:OctaveDistance",
        "overlap": "anyres_bench.metrics.pairs:Overlap",
        "prdc": "anyres_bench.metrics.prdc:Prdc",
        "precision-recall": "anyres_bench.metrics.prdc:PrecisionRecall",
        "psnr": "anyres_bench.metrics.fidelity:Psnr",
        "repetition": "anyres_bench.metrics.tiling:Repetition",
        "seams": "anyres_bench.metrics.seams:Seams",
        "self-similarity": "anyres_bench.metrics.tiling:SelfSimilarity",
        "self-ssim": "anyres_bench.metrics.pairs:SelfSSIM",
        "ssim": "anyres_bench.metrics.fidelity:Ssim",
        "vendi": "anyres_bench.metrics.vendi:Vendi",
    },
    entry_points="anyres_bench.metrics",
    hints=_HINTS,
)

SUMMARIES = Registry(
    "summary",
    {
        "aspect": "anyres_bench.metrics.strata:Aspect",
        "scale": "anyres_bench.metrics.strata:Scale",
    },
)
"""What is made of a metric's values at several canvases: `scale-frechet`, `aspect-frechet`."""


def is_known(text: str) -> bool:
    """Whether an id begins with a metric's name, or with what is made of one at several canvases.

    >>> is_known("kid-deg3"), is_known("scale-frechet-ddof1"), is_known("scale-mine")
    (True, True, False)
    """
    words = text.split("-")
    if len(words) > 1 and words[0] in SUMMARIES:
        words = words[1:]
    return any("-".join(words[:end]) in METRICS for end in range(1, len(words) + 1))

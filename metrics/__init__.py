"""Metrics: pure functions of features and pixels; no device, file, rank or clock.

This folder is the subpackage `anyres_bench.metrics`.
"""

if __name__ != "anyres_bench.metrics":
    raise ImportError(
        "import anyres_bench.metrics, not metrics: "
        "under a second name every module would be loaded twice"
    )

from anyres_bench.core.registry import Registry

METRICS = Registry(
    "metric",
    {
        "ap": "anyres_bench.metrics.detection:AveragePrecision",
        "authpct": "anyres_bench.metrics.authenticity:AuthPct",
        "density-coverage": "anyres_bench.metrics.prdc:DensityCoverage",
        "detectability": "anyres_bench.metrics.detectability:Detectability",
        "detector-accuracy": "anyres_bench.metrics.detection:DetectorAccuracy",
        "fd-infinity": "anyres_bench.metrics.fd_infinity:FdInfinity",
        "frechet": "anyres_bench.metrics.frechet:Frechet",
        "inception-score": "anyres_bench.metrics.inception_score:InceptionScore",
        "kid": "anyres_bench.metrics.kid:Kid",
        "kid-subsets": "anyres_bench.metrics.kid:KidSubsets",
        "prdc": "anyres_bench.metrics.prdc:Prdc",
        "precision-recall": "anyres_bench.metrics.prdc:PrecisionRecall",
        "vendi": "anyres_bench.metrics.vendi:Vendi",
    },
    entry_points="anyres_bench.metrics",
)

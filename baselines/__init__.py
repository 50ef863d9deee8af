"""Baselines: other people's generators, read from their official checkpoints.

This folder is the subpackage `anyres_bench.baselines`.
"""

if __name__ != "anyres_bench.baselines":
    raise ImportError(
        "import anyres_bench.baselines, not baselines: "
        "under a second name every module would be loaded twice"
    )

from anyres_bench.core.registry import Registry

BASELINES = Registry(
    "baseline",
    {
        "anycost": "anyres_bench.baselines.anycost.generator:build",
        "bicubic": "anyres_bench.models.upscaling:bicubic",
        "bilinear": "anyres_bench.models.upscaling:bilinear",
        "infinitygan": "anyres_bench.baselines.infinitygan.generator:build",
        "lanczos": "anyres_bench.models.upscaling:lanczos",
        "liif": "anyres_bench.baselines.liif.upscaler:build",
        "mspe": "anyres_bench.baselines.mspe.generator:build",
        "nearest": "anyres_bench.models.upscaling:nearest",
        "realesrgan": "anyres_bench.baselines.realesrgan.upscaler:build",
    },
    entry_points="anyres_bench.baselines",
)
"""Spec head -> factory(what follows the colon, option=text, ...) that makes a Generator."""
UPSCALERS = Registry(
    "upscaler",
    {
        "bicubic": "anyres_bench.models.upscaling:load_bicubic",
        "bilinear": "anyres_bench.models.upscaling:load_bilinear",
        "lanczos": "anyres_bench.models.upscaling:load_lanczos",
        "liif": "anyres_bench.baselines.liif.upscaler:load_upscaler",
        "nearest": "anyres_bench.models.upscaling:load_nearest",
        "realesrgan": "anyres_bench.baselines.realesrgan.upscaler:load_upscaler",
    },
    entry_points="anyres_bench.upscalers",
)
"""Name -> factory(option=text, ...) that makes an Upscaler."""

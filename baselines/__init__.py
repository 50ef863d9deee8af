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
        "anycost": "anyres_bench.baselines.anycost_generator:build",
        "bicubic": "anyres_bench.baselines.upscaling:bicubic",
        "bilinear": "anyres_bench.baselines.upscaling:bilinear",
        "infinitygan": "anyres_bench.baselines.infinitygan_generator:build",
        "lanczos": "anyres_bench.baselines.upscaling:lanczos",
        "liif": "anyres_bench.baselines.liif_upscaler:build",
        "mspe": "anyres_bench.baselines.mspe_generator:build",
        "nearest": "anyres_bench.baselines.upscaling:nearest",
        "realesrgan": "anyres_bench.baselines.realesrgan_upscaler:build",
    },
    entry_points="anyres_bench.baselines",
)
"""Spec head -> factory(what follows the colon, option=text, ...) that makes a Generator."""
UPSCALERS = Registry(
    "upscaler",
    {
        "bicubic": "anyres_bench.baselines.upscaling:load_bicubic",
        "bilinear": "anyres_bench.baselines.upscaling:load_bilinear",
        "lanczos": "anyres_bench.baselines.upscaling:load_lanczos",
        "liif": "anyres_bench.baselines.liif_upscaler:load_upscaler",
        "nearest": "anyres_bench.baselines.upscaling:load_nearest",
        "realesrgan": "anyres_bench.baselines.realesrgan_upscaler:load_upscaler",
    },
    entry_points="anyres_bench.upscalers",
)
"""Name -> factory(option=text, ...) that makes an Upscaler."""

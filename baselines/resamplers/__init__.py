"""Plain resampling filters: what a network has to beat."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.resamplers",
    specs={
        "nearest": "anyres_bench.baselines.resamplers.upscaler:nearest",
        "bilinear": "anyres_bench.baselines.resamplers.upscaler:bilinear",
        "bicubic": "anyres_bench.baselines.resamplers.upscaler:bicubic",
        "lanczos": "anyres_bench.baselines.resamplers.upscaler:lanczos",
    },
    upscalers={
        "nearest": "anyres_bench.baselines.resamplers.upscaler:load_nearest",
        "bilinear": "anyres_bench.baselines.resamplers.upscaler:load_bilinear",
        "bicubic": "anyres_bench.baselines.resamplers.upscaler:load_bicubic",
        "lanczos": "anyres_bench.baselines.resamplers.upscaler:load_lanczos",
    },
)

"""Real-ESRGAN: super-resolution of degraded images (Wang et al., ICCVW 2021)."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.realesrgan",
    specs={"realesrgan": "anyres_bench.baselines.realesrgan.upscaler:build"},
    upscalers={"realesrgan": "anyres_bench.baselines.realesrgan.upscaler:load_upscaler"},
    recipes={"realesrgan": "anyres_bench.baselines.realesrgan.recipe:RealESRGANConfig"},
    ncnn="anyres_bench.baselines.realesrgan.layout:read_layout",
    weights="anyres_bench.baselines.realesrgan.weights:WEIGHTS",
)

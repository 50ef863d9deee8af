"""LIIF: local implicit image functions, enlargement by any factor (Chen et al., CVPR 2021)."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.liif",
    specs={"liif": "anyres_bench.baselines.liif.upscaler:build"},
    upscalers={"liif": "anyres_bench.baselines.liif.upscaler:load_upscaler"},
    recipes={"liif": "anyres_bench.baselines.liif.recipe:LIIFConfig"},
    weights="anyres_bench.baselines.liif.weights:WEIGHTS",
)

"""Anycost-GAN: one generator of several widths and resolutions (Lin et al., CVPR 2021)."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.anycost",
    specs={"anycost": "anyres_bench.baselines.anycost.generator:build"},
    checkpoints={"anycost": "anyres_bench.baselines.anycost.generator:from_checkpoint"},
    recipes={"anycost": "anyres_bench.baselines.anycost.recipe:AnycostConfig"},
    weights="anyres_bench.baselines.anycost.weights:WEIGHTS",
)

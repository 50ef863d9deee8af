"""InfinityGAN: images without a border (Lin et al., ICLR 2022)."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.infinitygan",
    specs={"infinitygan": "anyres_bench.baselines.infinitygan.generator:build"},
    checkpoints={"infinitygan": "anyres_bench.baselines.infinitygan.generator:from_checkpoint"},
    recipes={"infinitygan": "anyres_bench.baselines.infinitygan.recipe:InfinityGANConfig"},
    weights="anyres_bench.baselines.infinitygan.weights:WEIGHTS",
)

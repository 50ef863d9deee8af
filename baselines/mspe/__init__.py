"""MS-PE: StyleGAN2 with positional encodings, trained at several sizes (Xu et al., CVPR 2021)."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.mspe",
    specs={"mspe": "anyres_bench.baselines.mspe.generator:build"},
    checkpoints={"mspe": "anyres_bench.baselines.mspe.generator:from_checkpoint"},
    recipes={"mspe": "anyres_bench.baselines.mspe.recipe:MSPEConfig"},
    weights="anyres_bench.baselines.mspe.weights:WEIGHTS",
)

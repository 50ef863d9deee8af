"""AnyRes-GAN, the reference: generator, discriminator, teacher, panoramas, recipe.

Source: Chai et al., "Any-resolution Training for High-resolution Image Synthesis", ECCV 2022.
"""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.reference",
    checkpoints={
        "anyres-generator": "anyres_bench.reference.generator:from_checkpoint",
        "anyres-generator-official": "anyres_bench.reference.generator:from_checkpoint",
    },
    networks={
        "anyres-generator": "anyres_bench.reference.network:from_config",
        "anyres-generator-official": "anyres_bench.reference.network:from_official",
        "stylegan2-discriminator": "anyres_bench.reference.discriminator:from_official",
    },
    recipes={"anyres": "anyres_bench.reference.recipe:AnyResConfig"},
    weights="anyres_bench.reference.weights:WEIGHTS",
    snapshots="anyres_bench.reference.snapshots:recognise",
)

"""StyleGAN2, the generator of one size that others grew from (Karras et al., CVPR 2020).

It renders the snapshots that StyleGAN2-ADA's PyTorch code has written.
"""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.baselines.stylegan2",
    checkpoints={
        "stylegan2-generator": "anyres_bench.baselines.stylegan2.generator:from_checkpoint"
    },
    networks={"stylegan2-generator": "anyres_bench.baselines.stylegan2.network:from_config"},
    weights="anyres_bench.baselines.stylegan2.weights:WEIGHTS",
)

"""A masked autoencoder on packed images of any sizes: it puts schedules and packing to work."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="anyres_bench.tilers.navit_mae",
    networks={"navit-mae": "anyres_bench.tilers.navit_mae.network:from_config"},
    recipes={"navit-mae": "anyres_bench.tilers.navit_mae.recipe:MaskedConfig"},
)

"""A whole model family in one folder: a picture is three plane waves whose phases are learnt."""

from anyres_bench.models.families import Family

FAMILY = Family(
    package="tests.models.toy_family",
    specs={"toy": "tests.models.toy_family.generator:build"},
    checkpoints={"toy-waves": "tests.models.toy_family.generator:from_checkpoint"},
    networks={"toy-waves": "tests.models.toy_family.network:from_config"},
    recipes={"toy": "tests.models.toy_family.recipe:ToyConfig"},
    weights="tests.models.toy_family.weights:WEIGHTS",
)

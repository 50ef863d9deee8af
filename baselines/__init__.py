"""Baselines: other people's generators, read from their official checkpoints.

This folder is the subpackage `anyres_bench.baselines`; each folder in it is a model family.
"""

if __name__ != "anyres_bench.baselines":
    raise ImportError(
        "import anyres_bench.baselines, not baselines: "
        "under a second name every module would be loaded twice"
    )

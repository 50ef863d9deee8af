"""What tells two models of one name apart: their weights, or what they draw.

A model that only code knows may be trained again behind the same name. The digest of all weights
that it holds joins its id; where it holds none that can be found, that of a few pictures does,
rounded to 8 bits. Pictures may differ between kinds of machines, weights do not: they go first.
"""

from __future__ import annotations

import hashlib

from anyres_bench.core.geometry import Region, Size
from anyres_bench.core.networks import DIGITS, networks, state_digest
from anyres_bench.models.generator import Generator

_SEEDS = (0, 2**31 + 1)


def fingerprint(generator: Generator) -> str:
    """`weights@` and a digest of the networks that a generator holds, or `canary@` and one of two
    of its pictures at its native size, unknown where it cannot draw them."""
    found = list(networks(generator))
    if found:
        return f"weights@{state_digest(found)}"
    try:
        return f"canary@{canary_digest(generator)}"
    except Exception:  # noqa: BLE001 - a model that cannot draw says so when it is asked to
        return "canary@unknown"


def has_fingerprint(generator_id: str) -> bool:
    """Whether an id holds a fingerprint."""
    return any(f"{kind}@" in generator_id for kind in ("weights", "canary"))


def canary_digest(generator: Generator) -> str:
    """Digest of two pictures at the generator's native size, rounded to 8 bits."""
    from anyres_bench.data.pixels import to_uint8

    size = Size(*generator.native)
    images = [generator.sample(generator.latents([s]), [Region.whole(size)]) for s in _SEEDS]
    sha = hashlib.sha256()
    for image in images:
        sha.update(to_uint8(image.detach().cpu()).numpy().tobytes())
    return sha.hexdigest()[:DIGITS]

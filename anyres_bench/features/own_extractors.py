"""Extractors of the user's own: `package.module:factory`, `file.py:factory`.

The factory takes nothing, or `device`, and makes a `FeatureExtractor`. Digests of its code and of
its weights join its id, so that another code or another training is another extractor.
"""

from __future__ import annotations

import hashlib
import inspect
from dataclasses import dataclass

from torch import Tensor

from anyres_bench.core.errors import ModelError, UsageError
from anyres_bench.core.factories import imported_factory, same_folder
from anyres_bench.core.geometry import Size
from anyres_bench.core.networks import DIGITS, arrays, networks, state_digest
from anyres_bench.core.sources import source_digest
from anyres_bench.features.extractor import FeatureExtractor

_MEMBERS = ("id", "dim", "n_views", "is_fid", "__call__")
_SHOWN = Size(96, 96)  # of the pictures that stand for weights which nobody can find


@dataclass(frozen=True)
class OwnExtractor:
    """An extractor of the user's under an id that says which code and weights it has.

    Attributes:
        extractor: whose vectors these are.
        mark: digests of its code and of its weights.
    """

    extractor: FeatureExtractor
    mark: str

    is_fid = False  # only the published Inception weights are FID's

    @property
    def id(self) -> str:
        """Its own, and the digests."""
        return f"{self.extractor.id}+{self.mark}"

    @property
    def dim(self) -> int:
        return self.extractor.dim

    @property
    def n_views(self) -> int:
        return self.extractor.n_views

    def __call__(self, *views: Tensor) -> Tensor:
        """Its own vectors, held to be as many and as long as it says.

        Raises:
            ModelError: it returns something else.
        """
        features = self.extractor(*views)
        expected = (len(views[0]), self.dim)
        if not isinstance(features, Tensor) or tuple(features.shape) != expected:
            got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise ModelError(f"extractor {self.id} returned {got}; expected {expected}")
        return features.detach().float().cpu()


def build(spec: str, device: str) -> OwnExtractor:
    """The extractor that a factory makes.

    Args:
        spec: `package.module:factory` or `file.py:factory`.
        device: given to a factory that takes it.

    Raises:
        UsageError: it cannot be imported or called.
        ModelError: what it makes is no extractor.
    """
    module, factory = imported_factory(spec)
    known = inspect.signature(factory).parameters
    arguments = {"device": device} if "device" in known else {}
    try:
        inspect.signature(factory).bind(**arguments)
    except TypeError as error:
        raise UsageError(f"extractor {spec} cannot be made without arguments: {error}") from error
    with same_folder():
        made = factory(**arguments)
    if missing := [name for name in _MEMBERS if not hasattr(made, name)]:
        raise ModelError(
            f"{spec} gives a {type(made).__name__} without {', '.join(missing)}; see "
            "anyres_bench.features.extractor.FeatureExtractor"
        )
    if not isinstance(made.id, str) or any(c in "/@" or c.isspace() for c in made.id):
        raise ModelError(f"{spec} has the id {made.id!r}; expected a word without / and @")
    code = (source_digest(module) or "unknown")[:DIGITS]
    return OwnExtractor(made, f"code@{code}+{_fingerprint(made)}")


def _fingerprint(extractor: FeatureExtractor) -> str:
    """Digest of the weights that it holds, else of its vectors of two pictures, rounded."""
    if found := list(networks(extractor)):
        return f"weights@{state_digest(found, list(arrays(extractor)))}"
    from anyres_bench.features.contract import pictures

    views = [pictures(2, _SHOWN)] * extractor.n_views
    rounded = [f"{value:.3e}" for value in extractor(*views).flatten().tolist()]
    return f"canary@{hashlib.sha256(' '.join(rounded).encode()).hexdigest()[:DIGITS]}"

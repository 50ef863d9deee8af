"""anyres-bench: collect, measure and compare image generators of any resolution.

    import anyres_bench as ab

    results = ab.evaluate("models/mine", "data/photos", suite="quick")
    results.to_frame()
    ab.compare("folder_a", "folder_b")
    model = ab.FixedSize(module, 256, z_dim=512)     # or Coordinates, Pipeline, TorchScript
    distance = ab.PatchFrechet("data/photos", window=64, at=256)     # in a training loop

Nothing is imported before it is used.
"""

from __future__ import annotations

import importlib
import os.path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anyres_bench.core.geometry import Region, Size
    from anyres_bench.evaluation.api import Results, compare, evaluate
    from anyres_bench.evaluation.task_metric import PatchFrechet, PatchKID, TaskMetric
    from anyres_bench.models.adapters import Coordinates, FixedSize, Pipeline, TorchScript
    from anyres_bench.models.contract import check_contract
    from anyres_bench.models.loading import load

# A checkout whose links were lost, such as a zip on Windows, has these folders beside this one.
if not os.path.isdir(os.path.join(__path__[0], "metrics")):
    __path__.append(os.path.dirname(__path__[0]))

__version__ = "0.1.0"

__all__ = [
    "Coordinates",
    "FixedSize",
    "PatchFrechet",
    "PatchKID",
    "Pipeline",
    "Region",
    "Results",
    "Size",
    "TaskMetric",
    "TorchScript",
    "__version__",
    "check_contract",
    "compare",
    "evaluate",
    "load",
    "open_dataset",
    "read_results",
]

_PLACES = {
    "Coordinates": "anyres_bench.models.adapters:Coordinates",
    "FixedSize": "anyres_bench.models.adapters:FixedSize",
    "PatchFrechet": "anyres_bench.evaluation.task_metric:PatchFrechet",
    "PatchKID": "anyres_bench.evaluation.task_metric:PatchKID",
    "Pipeline": "anyres_bench.models.adapters:Pipeline",
    "Region": "anyres_bench.core.geometry:Region",
    "Results": "anyres_bench.evaluation.api:Results",
    "Size": "anyres_bench.core.geometry:Size",
    "TaskMetric": "anyres_bench.evaluation.task_metric:TaskMetric",
    "TorchScript": "anyres_bench.models.adapters:TorchScript",
    "check_contract": "anyres_bench.models.contract:check_contract",
    "compare": "anyres_bench.evaluation.api:compare",
    "evaluate": "anyres_bench.evaluation.api:evaluate",
    "load": "anyres_bench.models.loading:load",
    "open_dataset": "anyres_bench.data.dataset:open_dataset",
    "read_results": "anyres_bench.results:read_results",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'anyres_bench' has no attribute {name!r}")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PLACES])

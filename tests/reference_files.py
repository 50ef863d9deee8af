"""Files of reference statistics in the layouts of other projects, written as these write them."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np

DIM = 6


def rows(n: int = 40, seed: int = 0, dim: int = DIM) -> np.ndarray:
    """(n, dim) float64 features."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, dim)) @ rng.normal(size=(dim, dim)) + 3


def mu_sigma(path: Path, features: np.ndarray, **more: np.ndarray) -> Path:
    """As pytorch-fid and clean-fid."""
    np.savez(path, mu=features.mean(0), sigma=np.cov(features, rowvar=False), **more)
    return path


def stylegan(path: Path, features: np.ndarray, protocol: int = 4) -> Path:
    """As StyleGAN's metrics: sums in a pickled dict."""
    content = {
        "capture_all": False,
        "capture_mean_cov": True,
        "max_items": len(features),
        "num_items": len(features),
        "num_features": features.shape[1],
        "all_features": None,
        "raw_mean": features.sum(0),
        "raw_cov": features.T @ features,
    }
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def batch(n: int = 24, side: int = 40, seed: int = 0) -> np.ndarray:
    """(n, side, side, 3) uint8 images."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 255, (n, 5, 5, 3))
    wide = coarse.repeat(side // 5, axis=1).repeat(side // 5, axis=2)
    return np.clip(wide + rng.normal(0, 8, wide.shape), 0, 255).astype(np.uint8)


def as_floats_of_8_bits(data: bytes, name: str) -> bytes:
    """A safetensors file whose tensor `name` says that its bytes are floats, one a byte."""
    n = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n])
    begin, end = header[name]["data_offsets"]
    header[name].update(dtype="F8_E5M2", shape=[end - begin])
    table = json.dumps(header).encode()
    return len(table).to_bytes(8, "little") + table + data[8 + n :]

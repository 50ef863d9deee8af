"""Registered weight files of models; extractors need them too, so they live in `core.weights`."""

from anyres_bench.core.weights import WEIGHTS, WeightFile, locate, obtain

__all__ = ["WEIGHTS", "WeightFile", "locate", "obtain"]

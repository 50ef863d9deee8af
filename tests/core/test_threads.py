"""BLAS on one thread within the block, and as before after it."""

from __future__ import annotations

import numpy as np  # noqa: F401 - brings a BLAS
import pytest
from threadpoolctl import threadpool_info

from anyres_bench.core.threads import one_blas_thread


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_one_thread_within_and_as_before_after() -> None:
    before = threads()
    with pytest.raises(ValueError, match="x"), one_blas_thread():
        assert set(threads()) == {1}
        raise ValueError("x")
    assert threads() == before

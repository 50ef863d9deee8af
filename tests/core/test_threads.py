"""BLAS on one thread within the block; networks side by side; threads as before after both."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np  # noqa: F401 - brings a BLAS
import pytest
import torch
from threadpoolctl import threadpool_info

from anyres_bench.core.errors import ModelError
from anyres_bench.core.threads import in_halves, one_blas_thread, side_by_side


def threads() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


def test_one_thread_within_and_as_before_after() -> None:
    before = threads()
    with pytest.raises(ValueError, match="x"), one_blas_thread():
        assert set(threads()) == {1}
        raise ValueError("x")
    assert threads() == before


@pytest.fixture(params=[1, 2, 5])
def n_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def of_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("n", [0, 1, 11])
def test_jobs_come_in_order_and_have_one_number_of_threads(n_threads: int, n: int) -> None:
    made = side_by_side(lambda job: (job, torch.get_num_threads()), range(n))
    assert made == [(job, -(-n_threads // 2)) for job in range(n)]
    assert torch.get_num_threads() == n_threads
    assert of_new_thread() == n_threads


@pytest.mark.parametrize("error", [ModelError, KeyboardInterrupt])
def test_an_error_ends_it_and_leaves_the_threads(
    n_threads: int, error: type[BaseException]
) -> None:
    def run(job: int) -> None:
        raise error("stop")

    with pytest.raises(error, match="stop"):
        side_by_side(run, range(9))
    assert torch.get_num_threads() == n_threads
    assert of_new_thread() == n_threads


def test_after_an_error_nobody_takes_another_job(n_threads: int) -> None:
    started: list[int] = []

    def run(job: int) -> None:
        started.append(job)
        if job == 0:
            raise ModelError("stop")
        time.sleep(0.01)

    with pytest.raises(ModelError, match="stop"):
        side_by_side(run, range(1000))
    assert len(started) < 100


def test_jobs_are_in_the_mode_of_the_caller(n_threads: int) -> None:
    def modes(job: int) -> tuple[bool, bool]:
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    assert side_by_side(modes, range(3)) == [(False, True)] * 3
    with torch.no_grad():
        assert side_by_side(modes, range(3)) == [(False, False)] * 3
    with torch.inference_mode():
        assert side_by_side(modes, range(3)) == [(True, False)] * 3


@pytest.mark.parametrize("n_jobs", [0, 1, 5])
def test_halves_are_all_jobs_once(n_jobs: int) -> None:
    done: list[int] = []
    in_halves(done.extend, range(n_jobs))
    assert sorted(done) == list(range(n_jobs))

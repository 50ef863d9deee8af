"""When float32 is TF32: where it is said, and nowhere after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from anyres_bench.core.precision import each_in_single_precision, single_precision, tf32


def allowed() -> tuple[bool, bool]:
    return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32


@pytest.fixture(autouse=True)
def at_first() -> Iterator[None]:
    """A process that allows TF32 everywhere."""
    with tf32(True):
        yield


def test_a_block_and_what_is_within_it() -> None:
    with single_precision():
        assert allowed() == (False, False)
        with tf32(True):
            assert allowed() == (True, True)
        assert allowed() == (False, False)
    assert allowed() == (True, True)


def test_an_error_leaves_nothing_behind() -> None:
    with pytest.raises(ValueError, match="here"), single_precision():
        raise ValueError("here")
    assert allowed() == (True, True)


def test_a_function_every_time_that_it_is_called() -> None:
    inside = single_precision()(allowed)
    assert [inside(), allowed(), inside()] == [(False, False), (True, True), (False, False)]


def test_an_iterator_while_it_makes_and_not_while_it_waits() -> None:
    def made() -> Iterator[tuple[bool, bool]]:
        for _ in range(2):
            yield allowed()

    found = [(one, allowed()) for one in each_in_single_precision(made())]
    assert found == [((False, False), (True, True))] * 2

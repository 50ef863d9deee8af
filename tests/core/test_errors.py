"""The tree of errors: one root, two exit codes, one line of description each."""

from __future__ import annotations

import inspect
import pickle

import pytest

from anyres_bench.core import errors
from anyres_bench.core.errors import AnyresBenchError, FetchError, ImageError, UsageError

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_ours_described_and_drawn_where_it_stands(
    kind: type[AnyresBenchError],
) -> None:
    assert issubclass(kind, AnyresBenchError)
    assert kind.exit_code == (2 if issubclass(kind, UsageError) else 1)
    assert kind.__doc__
    drawn = [line for line in (errors.__doc__ or "").splitlines() if kind.__name__ in line.split()]
    assert len(drawn) == 1
    # Each level of the tree is drawn four columns to the right of its parent.
    depth = len(kind.__mro__) - len(AnyresBenchError.__mro__)
    assert drawn[0].index(kind.__name__) == 4 * (depth + 1)


@pytest.mark.parametrize("kind", [ImageError, FetchError])
def test_errors_of_one_file_carry_a_reason_beside_the_sentence(
    kind: type[ImageError] | type[FetchError],
) -> None:
    made = kind("truncated", "a.png is truncated; fetch it again")
    for error in (made, pickle.loads(pickle.dumps(made))):
        assert type(error) is kind
        assert error.reason == "truncated"
        assert str(error) == "a.png is truncated; fetch it again"

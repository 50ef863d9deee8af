"""Options that several commands take."""

from __future__ import annotations

import pytest

from anyres_bench.cli.options import read_options
from anyres_bench.core.errors import UsageError


def test_options_of_models_are_named_and_checked() -> None:
    assert read_options(["weights=a=b.pth"], psi=0.7, assembly=None) == {
        "weights": "a=b.pth",
        "psi": "0.7",
    }
    with pytest.raises(UsageError, match="not NAME=VALUE"):
        read_options(["weights"])
    with pytest.raises(UsageError, match="psi is given twice"):
        read_options(["psi=1"], psi=0.5)

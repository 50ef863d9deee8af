"""The command line, in this process."""

from __future__ import annotations

import pytest

from anyres_bench.cli.main import main


def run(*arguments: object) -> None:
    """Run a command that has to end well."""
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, arguments)))
        raise SystemExit(0)
    assert not stop.value.code, f"{arguments[0]} ended with {stop.value.code}"

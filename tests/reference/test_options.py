"""Options of a generator: which assembly is taken, which do not go together, what is read."""

from __future__ import annotations

from typing import Any

import pytest

from anyres_bench.core.errors import ConfigError, UnknownNameError, UsageError
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.reference.options import (
    RenderOptions,
    chosen_assembly,
    default_margin,
    read_choice,
    read_number,
)
from tests.reference.networks import PANORAMA, SMALL


def test_margins_by_configuration() -> None:
    assert default_margin(GeneratorConfig(256)) == 48
    assert default_margin(GeneratorConfig(256).radial()) == 0


@pytest.mark.parametrize(
    ("options", "flat", "turn"),
    [
        (RenderOptions(), "whole", "overlap"),
        (RenderOptions(margin=3), "overlap", "overlap"),
        (RenderOptions(assembly="official"), "official", "official"),
    ],
)
def test_the_usual_assembly(options: RenderOptions, flat: str, turn: str) -> None:
    assert chosen_assembly(options, SMALL) == flat
    assert chosen_assembly(options, PANORAMA) == turn


def test_a_panorama_is_no_plane() -> None:
    with pytest.raises(ConfigError, match="would not meet; use overlap"):
        chosen_assembly(RenderOptions(assembly="whole"), PANORAMA)


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(ConfigError, match="a canvas rendered as a whole needs none"):
        RenderOptions(assembly="whole", margin=3)
    wrong: list[dict[str, Any]] = [{"psi": float("inf")}, {"cutoff": -1}, {"window_batch": 0}]
    for options in wrong:
        with pytest.raises(ConfigError, match="expected a finite number"):
            RenderOptions(**options)


def test_numbers_and_choices_are_read() -> None:
    assert read_number("psi", "0.5", float) == 0.5
    assert read_choice("assembly", "whole", ("whole", "overlap")) == "whole"
    with pytest.raises(UsageError, match=r"cutoff is '8.5'; expected a number"):
        read_number("cutoff", "8.5", int)
    with pytest.raises(UnknownNameError, match="did you mean overlap"):
        read_choice("assembly", "overlp", ("whole", "overlap"))

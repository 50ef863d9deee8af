"""The sides of a comparison, and the strata that they are made of.

A stratum, such as canvases of one size, is a protocol of its own, so its features are computed and
kept once, whoever asks for them. Its label stands behind an "@" in names: `real@128`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from anyres_bench.data.protocols import EvalProtocol
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.metric import Metric, needs_held_out
from anyres_bench.results import FeaturesRecord, Result

HELD_OUT = "held-out"  # the images of the dataset that are no reference
SIDES = ("real", HELD_OUT, "fake")


def sides_of(metric: Metric) -> tuple[str, ...]:
    """The sets of images that a metric looks at."""
    if not metric.needs_real:
        return ("fake",)
    return SIDES if needs_held_out(metric) else ("real", "fake")


def real_side(banks: Mapping[str, FeatureBank]) -> FeatureBank | None:
    """What a metric is given as its real side, by what there is of each side.

    Where there are held-out images, these and the reference are two strata, and no group is in
    both.
    """
    reference, held_out = banks.get("real"), banks.get(HELD_OUT)
    if reference is None or held_out is None:
        return reference
    apart = held_out.group + int(reference.group.max(initial=0)) + 1
    others = FeatureBank(held_out.index, apart, held_out.features())
    return FeatureBank.of_strata({"real": reference, HELD_OUT: others})


def strata_of(protocol: EvalProtocol) -> Mapping[str, EvalProtocol]:
    """The protocols that a protocol is made of, by label; itself without one where it is plain."""
    return protocol.strata or {"": protocol}


def state_name(side: str, label: str) -> str:
    """Name of the features of a side and stratum."""
    return f"{side}@{label}" if label else side


def side_of(name: str) -> str:
    """The side of a name that `state_name` has made."""
    return name.partition("@")[0]


def states_of(result: Result, side: str) -> list[FeaturesRecord]:
    """Where a record has the features of one side, a stratum after another."""
    return [state for name, state in result.states.items() if side_of(name) == side]


def joined(banks: Mapping[str, FeatureBank]) -> dict[str, FeatureBank]:
    """One bank a side, of those of its strata, which are named by `state_name`."""
    sides: dict[str, dict[str, FeatureBank]] = defaultdict(dict)
    for name, bank in banks.items():
        side, _, label = name.partition("@")
        sides[side][label] = bank
    return {
        side: strata[""] if list(strata) == [""] else FeatureBank.of_strata(strata)
        for side, strata in sides.items()
    }

"""Explanations of a plan, and traps by name."""

from __future__ import annotations

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.explain import explain, traps


def test_explanations_name_branch_rounding_and_thread() -> None:
    text = explain(load("llava-next").plan(Size(336, 336)))
    assert "tie" in text
    assert "#31327" in text
    assert "rounded up" in text
    text = explain(load("qwen2-vl").plan(Size(42, 70)))
    assert "halves to the even neighbour" in text


def test_traps_by_name() -> None:
    def named(tiler: str, size: Size, context: int = 10**6) -> set[str]:
        return {trap.name for trap in traps(load(tiler).plan(size), context)}

    assert named("internvl", Size(1, 300)) == {"aspect over 200", "enlarged"}
    assert named("qwen2-vl-utils:max_pixels=15680", Size(31, 639)) >= {"side 0"}
    assert named("internvl", Size(1080, 1920), 100) == {"tokens over context"}
    assert named("navit", Size(512, 512)) == set()

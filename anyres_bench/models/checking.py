"""`check-model`: what a generator must do, step by step, with what to do where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from anyres_bench.core.errors import GeneratorError
from anyres_bench.core.geometry import Region, Size
from anyres_bench.models.contract import SEEDS, check_contract, default_canvas, render
from anyres_bench.models.generator import Generator


@dataclass(frozen=True)
class Step:
    """One promise of a generator.

    Attributes:
        name: the promise in a few words.
        fault: how it was broken; empty where it is kept.
        mend: what to do then.
        note: what else was seen.
    """

    name: str
    fault: str = ""
    mend: str = ""
    note: str = ""


def check_model(generator: Generator, canvas: Size | None = None) -> Iterator[Step]:
    """Every promise of the contract in order; after one that is broken no other is tried.

    Args:
        generator: any.
        canvas: what to render; by default twice the native size, or the largest it makes.
    """
    chosen = canvas or default_canvas(generator)
    promises: tuple[tuple[str, str, Callable[[], str]], ...] = (
        (
            "draws pictures",
            "return float32 (n, 3, height, width) in [-1, 1], on the CPU or a device",
            lambda: _drawn(generator, chosen),
        ),
        (
            "draws another picture for another seed",
            "make the picture depend on the seed that `latents` is given",
            lambda: _differ(generator, chosen),
        ),
        (
            "keeps to seeds, batches and windows",
            "draw all noise from the seed alone, evaluate the model (no dropout, no batch norm in "
            "training mode), and make a window the crop of the whole canvas; a model of whole "
            "images is wrapped: FixedSize or Pipeline of anyres_bench",
            lambda: _contract(generator, chosen),
        ),
    )
    for name, mend, promise in promises:
        try:
            note = promise()
        except GeneratorError as error:
            yield Step(name, str(error), mend)
            return
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            yield Step(name, f"{type(error).__name__}: {error}", mend)
            return
        yield Step(name, note=note)
    yield Step("fits protocols", note=_fitting(generator))


def _drawn(generator: Generator, canvas: Size) -> str:
    image = render(generator, SEEDS[:1], Region.whole(canvas))
    low, high = float(image.min()), float(image.max())
    return f"a canvas of {canvas}: values from {low:.2f} to {high:.2f}"


def _differ(generator: Generator, canvas: Size) -> str:
    region = Region.whole(canvas)
    first, second = (render(generator, (seed,), region) for seed in SEEDS[:2])
    rms = float((first - second).square().mean().sqrt())
    if rms == 0:
        raise GeneratorError(f"seeds {SEEDS[0]} and {SEEDS[1]} give one picture")
    return f"two seeds differ by {rms:.2f} (root mean square)"


def _contract(generator: Generator, canvas: Size) -> str:
    report = check_contract(generator, canvas)
    return f"windows off its own grid differ from the whole by {report.off_grid_rms:.2g} (rms)"


def _fitting(generator: Generator) -> str:
    native = generator.native
    if generator.canvases == "any":
        return f"any canvas; its own size is {native}"
    if generator.canvases == "per-image":
        return "whatever its images hold"
    made = ", ".join(str(size) for size in generator.canvases)
    side = generator.canvases[-1].shorter
    return (
        f"canvases of {made} alone: anyres-full{side}, or patch{max(side // 2, 32)}-at{side}; wrap "
        "it in FixedSize to have others by resizing"
    )

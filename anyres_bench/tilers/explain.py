"""Why an image becomes what it becomes: the branch and the rounding in words, and known traps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anyres_bench.core.geometry import Size
from anyres_bench.tilers.plan import Decision, Plan

LARGEST_ASPECT = 200  # beyond it Qwen's preprocessing refuses an image
MUCH = 2.0  # times a side is enlarged

_ROUNDINGS = {
    "half-even": "rounded to the nearest, halves to the even neighbour (42/28 = 1.5 becomes 2, and "
    "70/28 = 2.5 becomes 2 too)",
    "half-up": "rounded to the nearest, halves up",
    "floor": "rounded down",
    "ceil": "rounded up",
    "truncate": "fractions cut off",
    "round7": "rounded to 7 digits, then down",
    "integer": "divided as whole numbers",
    "truncate, then up to even": "fractions cut off, odd sides made even",
}

# (start of the tiler's name, start of the step, start of the branch) -> what to know, and where
# people met it
_THREADS = (
    (
        "llava-next",
        "canvas",
        "tie",
        "upstream reads the list of canvases as (width, height) and "
        "Hugging Face as (height, width): where areas tie, one takes the portrait canvas and the "
        "other the landscape (transformers #31327, LLaVA-NeXT #59)",
    ),
    ("llava-next-hf4.45", "resize", "", "an odd padding lost a column (transformers PR #33501)"),
    (
        "llava",
        "unpad",
        "",
        "processor and model once rounded differently and counted different "
        "tokens (transformers #34779, #35775, #37988)",
    ),
    (
        "llava",
        "pool",
        "kept",
        "nothing is pooled below 1.21 times the limit, so a larger image can "
        "take fewer tokens than a smaller one",
    ),
    (
        "internvl",
        "grid",
        "tie",
        "grids of equal aspect are told apart by the image's pixels, not by "
        "the number of tiles; engines that always took the larger grid made 2,560 tokens of "
        "448 x 448 px instead of 512",
    ),
    ("internvl", "grid", "nearest", "only the aspect counts: 37 x 23 px become seven tiles"),
    (
        "qwen2-vl-utils",
        "budget",
        "shrink",
        "the shrinking branch has no lower bound, a side can become 0 (Qwen3-VL PR #1145, #2121)",
    ),
    (
        "qwen",
        "budget",
        "shrink",
        "preprocessing twice, in the processor and in the utilities, shifts boxes (Qwen3-VL #113)",
    ),
    (
        "qwen",
        "round",
        "",
        "1920 x 1080 becomes 1932 x 1092 where the budget allows it (LlamaFactory #7690)",
    ),
)


@dataclass(frozen=True)
class Trap:
    """Something about a plan that has cost people time.

    Attributes:
        name: in a few words.
        text: what it does here.
    """

    name: str
    text: str


def explain(plan: Plan) -> str:
    """A paragraph a decision: what was chosen, by which numbers, how rounded; then the result."""
    lines = [f"{plan.tiler} on {plan.image} (height x width):"]
    lines += [f"  {_sentence(plan, decision)}" for decision in plan.decisions]
    n = len(plan.regions)
    lines.append(
        f"  so the image is resized to {plan.resized} on a canvas of {plan.canvas}, "
        f"{n} {'picture is' if n == 1 else 'pictures are'} encoded, and the language model reads "
        f"{plan.tokens:,} tokens"
    )
    return "\n".join(lines)


def _sentence(plan: Plan, decision: Decision) -> str:
    numbers = ", ".join(f"{name} {value:.6g}" for name, value in decision.values)
    rounded = _ROUNDINGS.get(decision.rounding, decision.rounding)
    parts = [f"{decision.step}: {decision.branch}", numbers, rounded]
    text = "; ".join(part for part in parts if part)
    return "".join([text, *(f"\n    known: {thread}" for thread in threads(plan.tiler, decision))])


def threads(tiler: str, decision: Decision) -> Iterator[str]:
    """What is publicly known of a decision of a tiler."""
    for name, step, branch, text in _THREADS:
        starts = ((tiler, name), (decision.step, step), (decision.branch, branch))
        if all(whole.startswith(start) for whole, start in starts):
            yield text


def traps(plan: Plan, context: int) -> list[Trap]:
    """The traps that an image falls into.

    Args:
        plan: of the image.
        context: tokens that the language model was made for.
    """
    found = []
    long, short = max(plan.image), min(plan.image)
    if long > LARGEST_ASPECT * short:
        found.append(
            Trap(
                f"aspect over {LARGEST_ASPECT}",
                f"{long / short:.0f} to 1: many processors refuse it, one such image ends a "
                "training (2U1/Qwen-VL-Series-Finetune #133)",
            )
        )
    if plan.tokens == 0 or any(0 in layer.resized for layer in plan.layers):
        found.append(Trap("side 0", f"resized to {plan.resized}: nothing is left to encode"))
    if (factor := enlargement(plan.image, plan.resized)) > MUCH:
        found.append(
            Trap("enlarged", f"a side is enlarged {factor:.3g} times: tokens without information")
        )
    if plan.tokens > context:
        text = f"{plan.tokens:,} tokens, the language model was made for {context:,}"
        found.append(Trap("tokens over context", text))
    return found


def enlargement(image: Size, resized: Size) -> float:
    """The larger of the factors by which both sides grow; below 1 both shrink."""
    return max(resized.height / image.height, resized.width / image.width)

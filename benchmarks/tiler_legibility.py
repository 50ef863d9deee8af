"""What tilers preserve of documents: by page size, and against the budget of tokens.

    python -m benchmarks.tiler_legibility [--pages 3] [--out FILE.json]

Documents of three sizes go through every tiler with its own settings; those of the second size also
with the largest settings within a few budgets. Letters, dots and lines are read by the matched
reader of `anyres_bench.tilers.legibility`. What is in the file already is not measured again. Draws
the curve beside the file, and prints the tables as Markdown.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from anyres_bench.core.errors import ImageError
from anyres_bench.core.files import write_json
from anyres_bench.core.geometry import Size
from anyres_bench.tilers import load
from anyres_bench.tilers.budget import solve
from anyres_bench.tilers.legibility import NOISE, measure
from anyres_bench.tilers.workbench import Row, record

SIZES = (Size(540, 960), Size(1080, 1920), Size(1650, 1275))
BUDGETS = (256, 512, 1024, 2048, 4096)
TILERS = (
    *("fastvlm", "idefics3", "internvl", "llava-next", "llava-onevision", "navit", "pixtral"),
    *(
        "qwen2-vl",
        "qwen2-vl-utils",
        "qwen3-vl",
        "seed",
        "seed-content",
        "siglip2-naflex",
        "smolvlm",
        "vitar",
    ),
)
CURVE = SIZES[1]


def main() -> None:
    """Measure what is missing, write, draw, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=3)
    parser.add_argument(
        "--out", type=Path, default=Path("benchmarks/results/tiler_legibility.json")
    )
    args = parser.parse_args()
    found = json.loads(args.out.read_text())["rows"] if args.out.is_file() else {}
    for key, spec, size in tqdm(list(wanted())):
        if key not in found:
            found[key] = {"size": str(size), **measured(spec, size, args.pages)}
            write_json(args.out, {"noise": NOISE, "pages": args.pages, "rows": found})
    draw(found, args.out.with_suffix(".png"))
    print(tables(found))


def wanted() -> Iterator[tuple[str, str, Size]]:
    """Key, tiler and size of every cell."""
    for size in SIZES:
        for name in TILERS:
            yield f"{name} {size}", name, size
    for budget in BUDGETS:
        for name in TILERS:
            if (solved := solve(load(name), [CURVE], budget).tiler) is not None:
                yield f"{name} {CURVE} {budget}", solved.name, CURVE


def measured(spec: str, size: Size, pages: int) -> dict[str, Any]:
    """The plain values of a cell."""
    tiler = load(spec)
    try:
        detail = measure(tiler, size, range(pages))
    except ImageError as error:
        return {"tiler": spec, "refused": str(error)}
    plain = record(Row(spec, None, None, detail=detail))
    kept = {k: v for k, v in plain.items() if v is not None and v != ""}
    accuracy = {str(height): share for height, share in detail.accuracy.items()}
    return {**kept, "tokens": detail.tokens, "accuracy": accuracy}


def tables(found: dict[str, Any]) -> str:
    """One table a page size."""
    lines = []
    for size in SIZES:
        lines += [
            "",
            f"| {size} px | tokens | smallest capital, px | dots miscounted | lines off, px |",
            "|---|---|---|---|---|",
        ]
        cells = [(name, found[f"{name} {size}"]) for name in TILERS]
        for name, row in sorted(cells, key=lambda cell: cell[1].get("legible_value", math.inf)):
            lines.append(f"| {name} | {_cells(row)} |")
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> str:
    if "refused" in row:
        return "refused | | |"
    counting = (
        f"{row['counting_value']:.0%} [{row['counting_low']:.0%}, {row['counting_high']:.0%}]"
    )
    lines = f"{row['lines_value']:.2f} [{row['lines_low']:.2f}, {row['lines_high']:.2f}]"
    return f"{row['tokens']:,} | {_legible(row)} | {counting} | {lines}"


def _with_interval(row: dict[str, Any], name: str, form: str) -> str:
    value, low, high = (format(row[f"{name}_{end}"], form) for end in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def _legible(row: dict[str, Any]) -> str:
    heights = [int(height) for height in row["accuracy"]]
    if "legible_value" not in row:
        return f"over {max(heights)}"
    high = f"{row['legible_high']:.1f}" if "legible_high" in row else f"over {max(heights)}"
    at_floor = row["legible_value"] <= min(heights)
    value = f"at most {min(heights)}" if at_floor else f"{row['legible_value']:.1f}"
    return f"{value} [{row['legible_low']:.1f}, {high}]"


def draw(found: dict[str, Any], path: Path) -> None:
    """Smallest legible letter and share of letters read against tokens, a line a tiler."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), sharex=True, layout="constrained")
    marks = "os^vDP*Xph<>8dH"
    for name, mark in zip(TILERS, marks, strict=True):
        rows = [found[k] for b in BUDGETS if (k := f"{name} {CURVE} {b}") in found]
        rows = sorted((r for r in rows if "accuracy" in r), key=lambda r: r["tokens"])
        tokens = [r["tokens"] for r in rows]
        share = [sum(r["accuracy"].values()) / len(r["accuracy"]) for r in rows]
        left.plot(tokens, share, marker=mark, ms=5, lw=1, label=name)
        right.plot(
            tokens, [r.get("legible_value", math.nan) for r in rows], marker=mark, ms=5, lw=1
        )
    left.set(xscale="log", xlabel="tokens", ylabel="letters read right, mean over heights")
    right.set(yscale="log", xlabel="tokens", ylabel="smallest legible capital, px of the page")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right center", fontsize=8)
    figure.suptitle(f"Documents of {CURVE} px, noise {NOISE:g} grey levels, matched reader")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()

"""An engine that answers by the functions of an installed `transformers`: `python FILE TILER`."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

Answer = dict[str, Any]


def processing(model: str) -> Any:
    """The module of a model's image processor that needs no torchvision."""
    try:
        return importlib.import_module(f"transformers.models.{model}.image_processing_pil_{model}")
    except ImportError:
        return importlib.import_module(f"transformers.models.{model}.image_processing_{model}")


def qwen(patch: int, least: int, most: int) -> Callable[[int, int], Answer]:
    smart_resize = processing("qwen2_vl").smart_resize

    def answer(h: int, w: int) -> Answer:
        factor = 2 * patch
        try:
            height, width = smart_resize(h, w, factor, least, most)
        except ValueError:
            return {"refused": "ValueError"}
        grid = [height // patch, width // patch]
        tokens = grid[0] * grid[1] // 4
        return {"grid": grid, "resized": [height, width], "tokens": tokens}

    return answer


def internvl(tile: int = 448, most: int = 12) -> Callable[[int, int], Answer]:
    module = processing("got_ocr2")

    def answer(h: int, w: int) -> Answer:
        columns, rows = module.get_optimal_tiled_canvas((h, w), (tile, tile), 1, most)
        tiles = rows * columns + (rows * columns > 1)
        return {
            "grid": [rows, columns],
            "resized": [rows * tile, columns * tile],
            "tokens": tiles * 256,
        }

    return answer


def llava(
    pinpoints: list[list[int]], tile: int, patch: int, onevision: bool = False
) -> Callable[[int, int], Answer]:
    from transformers.image_processing_utils import get_patch_output_size, select_best_resolution

    name = "llava_onevision" if onevision else "llava_next"
    module = importlib.import_module(f"transformers.models.{name}.processing_{name}")
    cls = module.LlavaOnevisionProcessor if onevision else module.LlavaNextProcessor
    processor = cls.__new__(cls)  # without a tokenizer: it takes no part in counting
    processor.image_processor = SimpleNamespace(image_grid_pinpoints=pinpoints)
    processor.patch_size, processor.vision_feature_select_strategy = patch, "full"
    processor.num_additional_image_tokens, processor.num_image_tokens = 0, (tile // patch) ** 2
    processor.vision_aspect_ratio = "anyres_max_9"

    def answer(h: int, w: int) -> Answer:
        best = select_best_resolution([h, w], pinpoints)
        resized = get_patch_output_size(np.zeros((h, w, 1), bool), best, "channels_last")
        tokens = processor._get_number_of_features(h, w, tile, tile)
        return {
            "grid": [int(best[0]) // tile, int(best[1]) // tile],
            "resized": [int(side) for side in resized],
            "tokens": int(tokens),
        }

    return answer


def naflex(h: int, w: int) -> Answer:
    size = processing("siglip2").get_image_size_for_max_num_patches(h, w, 16, 256)
    grid = [side // 16 for side in size]
    return {"grid": grid, "resized": list(size), "tokens": grid[0] * grid[1]}


def pixtral(h: int, w: int) -> Answer:
    picture = np.broadcast_to(np.zeros((), np.uint8), (h, w, 3))
    size = processing("pixtral").get_resize_output_image_size(
        picture, (1024, 1024), (16, 16), "channels_last"
    )
    rows, columns = (int(side) // 16 for side in size)
    tokens = rows * (columns + 1) if rows * columns else 0
    return {"grid": [rows, columns], "resized": [16 * rows, 16 * columns], "tokens": tokens}


def idefics(model: str, tile: int, longest: int, tokens: int) -> Callable[[int, int], Answer]:
    module = processing(model)

    def answer(h: int, w: int) -> Answer:
        picture = np.broadcast_to(np.zeros((), np.uint8), (3, h, w))
        first = module.get_resize_output_image_size(picture, resolution_max_side=longest)
        aspect = first[1] / first[0]
        if first[1] >= first[0]:
            width = math.ceil(first[1] / tile) * tile
            height = math.ceil(int(width / aspect) / tile) * tile
        else:
            height = math.ceil(first[0] / tile) * tile
            width = math.ceil(int(height * aspect) / tile) * tile
        grid = [height // tile, width // tile]
        pictures = grid[0] * grid[1] + 1 if grid[0] * grid[1] > 1 else 1
        return {"grid": grid, "resized": [height, width], "tokens": pictures * tokens}

    return answer


SQUARES = [[i * 384, j * 384] for i in range(1, 7) for j in range(1, 7)]
V16 = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]]
ENGINES: dict[str, Callable[[], Callable[[int, int], Answer]]] = {
    "qwen2-vl": lambda: qwen(14, 56 * 56, 1280 * 28 * 28),
    "qwen2-vl-4.49": lambda: qwen(14, 56 * 56, 1280 * 28 * 28),
    "qwen3-vl": lambda: qwen(16, 4 * 32 * 32, 16384 * 32 * 32),
    "internvl": internvl,
    "llava-next-hf": lambda: llava(V16, 336, 14),
    "llava-onevision-hf": lambda: llava(SQUARES, 384, 14, onevision=True),
    "siglip2-naflex": lambda: naflex,
    "pixtral": lambda: pixtral,
    "pixtral-4.49": lambda: pixtral,
    "idefics3": lambda: idefics("idefics3", 364, 1456, 169),
    "smolvlm": lambda: idefics("smolvlm", 512, 2048, 64),
}


def main() -> None:
    answer = ENGINES[sys.argv[1]]()
    for line in sys.stdin:
        h, w = map(int, line.split())
        print(json.dumps(answer(h, w)), flush=True)


if __name__ == "__main__":
    main()

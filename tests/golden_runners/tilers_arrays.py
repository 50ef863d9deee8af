"""Arrays of the tilers: `tilers_{pixels,unpad,mrope,rope2d,navit}.npz` and `tilers_e2e.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import torch

from anyres_bench.core.geometry import Size
from anyres_bench.tilers import rope
from anyres_bench.tilers.internvl import InternVL
from anyres_bench.tilers.llava import Llava
from anyres_bench.tilers.navit import NaVit, NaVitConfig
from anyres_bench.tilers.packing import Packed, group, packed_length
from anyres_bench.tilers.patches import (
    cumulative,
    patchify,
    pixel_shuffle,
    window_lengths,
    window_order,
)
from anyres_bench.tilers.pixels import cut
from anyres_bench.tilers.stitching import sequence
from tests.golden import Case, Check
from tests.golden_runners import tilers_e2e
from tests.golden_runners.tilers_e2e import image

ANGLE_ATOL = 1e-5  # of cosines, sines, and what they turn: float32
NETWORK_ATOL = 2e-5  # of a float32 network's outputs
Subcases = Iterator[tuple[str, list[Check]]]


def run(case: Case) -> Subcases:
    kind = case.stem.removeprefix("tilers_")
    yield from RUNS[next(k for k in RUNS if kind.startswith(k))](case)


def groups(case: Case, *skip: str) -> dict[str, dict[str, np.ndarray]]:
    """Arrays named `<group>_<name>` by group and name."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for key, value in case.arrays.items():
        match = re.fullmatch(r"([a-z]+\d+)_(\w+)", key)
        if match and key not in skip:
            found.setdefault(match[1], {})[match[2]] = value
    return found


# pixels


def pixels(case: Case) -> Subcases:
    pinpoints = tuple((int(a), int(b)) for a, b in case.arrays.get("lv_pinpoints_wh", []))
    for name, arrays in groups(case).items():
        kind = name.rstrip("0123456789")
        if kind == "lv":
            yield name, list(llava_pixels(arrays, pinpoints))
        else:
            yield name, list(PIXELS[kind](arrays))


def internvl_pixels(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    width, height, seed, least, most, tile = map(int, arrays["args"])
    tiler = InternVL(tile=tile, min_tiles=least, max_tiles=most)
    tiles = cut(tiler.plan(Size(height, width)), image(width, height, seed))
    yield Check("tiles", np.stack(tiles), arrays["tiles"])


def llava_pixels(
    arrays: dict[str, np.ndarray], pinpoints: tuple[tuple[int, int], ...]
) -> Iterator[Check]:
    width, height, seed, canvas_w, canvas_h = map(int, arrays["args"])
    tiler = Llava(tile=arrays["tiles"].shape[1], patch=1, pinpoints=pinpoints)
    plan = tiler.plan(Size(height, width))
    yield Check("canvas", plan.canvas, [canvas_h, canvas_w])
    yield Check("tiles", np.stack(cut(plan, image(width, height, seed))), arrays["tiles"])


def patchified(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    batch, *shape, patch, merge, temporal = map(int, arrays["args_bchw_patch_merge_temporal"])
    numbers = np.arange(batch * int(np.prod(shape))).reshape(batch, *shape)
    done = [patchify(one[None], patch, merge, temporal) for one in numbers]
    yield Check("flat", np.stack([flat for flat, _ in done]), arrays["flat"])
    yield Check("grid", done[0][1][1:], arrays["grid"])


def shuffled(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    features = np.arange(int(np.prod(arrays["shape"]))).reshape(arrays["shape"])
    merge = int(arrays["shape"][1]) // arrays["v2"].shape[1]
    for version in (1, 2):
        yield Check(f"v{version}", pixel_shuffle(features, merge, version), arrays[f"v{version}"])


PIXELS = {"ivl": internvl_pixels, "qp": patchified, "ps": shuffled}

# unpad


def unpad(case: Case) -> Subcases:
    side, tile = int(case.arrays["side"]), int(case.arrays["tile"])
    pooled = re.search(r"\bm: [^;,]*anyres_max_(\d+)", str(case.arrays["legend"]))
    assert pooled, "the legend does not say what m is"
    options: dict[str, dict[str, object]] = {
        "u": {},
        "s": {"merge": "spatial"},
        "f": {"merge": "flat"},
        "n": {"base": False},
        "m": {"anyres_max": int(pooled[1])},
    }
    pinpoints = tuple((int(a), int(b)) for a, b in case.arrays["pinpoints_wh"])
    for name, arrays in groups(case).items():
        width, height = map(int, case.arrays["sizes_wh"][int(name[1:])])
        checks = []
        for key, want in arrays.items():
            tiler = Llava(tile=tile, patch=tile // side, pinpoints=pinpoints, **options[key])  # type: ignore[arg-type]
            plan = tiler.plan(Size(height, width))
            ids = np.arange(len(plan.regions) * side * side, dtype=np.float64)
            features = list(ids.reshape(-1, side, side, 1))
            got = sequence(plan, features, [-1.0])[:, 0]
            pooled_atol = {"atol": ANGLE_ATOL, "rtol": 2e-6} if key == "m" else {}  # float32
            checks.append(Check(key, got, want, **pooled_atol))
        yield name, checks


# positions


def rope2d(case: Case) -> Subcases:
    for name, arrays in groups(case).items():
        yield name, list(ROPE[name.rstrip("0123456789")](arrays))


def grids_of(arrays: dict[str, np.ndarray]) -> list[tuple[int, int, int]]:
    return [(int(t), int(h), int(w)) for t, h, w in arrays["grid_thw"]]


def axial(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    grids, merge = grids_of(arrays), int(arrays["merge"])
    positions = rope.patch_positions(grids, merge)
    turn = rope.axial(positions, int(arrays["head_dim"]), float(arrays["theta"]))
    yield Check("pos_hw", positions, arrays["pos_hw"])
    yield Check("cu_seqlens", cumulative(rope.segment_lengths(grids)), arrays["cu_seqlens"])
    yield from turned(turn, arrays)
    yield Check("q_rot", rope.rotate(arrays["q"], turn), arrays["q_rot"], atol=ANGLE_ATOL)


def turned(turn: rope.Rotation, arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    yield Check("cos", turn.cos, arrays["cos"], atol=ANGLE_ATOL)
    yield Check("sin", turn.sin, arrays["sin"], atol=ANGLE_ATOL)


def pixtral(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    rows, columns = map(int, arrays["hw"])
    turn = rope.pixtral(rows, columns, int(arrays["head_dim"]), float(arrays["theta"]))
    yield from turned(turn, arrays)


def windowed(arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    # merged tokens of Qwen2.5-VL are 2 x 2 patches of 14 px; the file gives the window in px
    side, grids = int(arrays["window_size"]) // 28, grids_of(arrays)
    order, lengths = window_order(grids, side)
    yield Check("index", order, arrays["index"])
    yield Check("cu", cumulative(lengths), arrays["cu"])
    yield Check("lengths", window_lengths(grids, side), lengths)


ROPE = {"v": axial, "px": pixtral, "win": windowed}


def mrope(case: Case) -> Subcases:
    all_segments = json.loads(str(case.arrays["cases_json"]))
    found = groups(case)
    for name, arrays in found.items():
        if re.fullmatch(r"m\d+", name):
            segments = [tuple(segment) for segment in all_segments[int(name[1:])]]
            yield name, list(positions(segments, arrays))
        else:
            # "mr*: sectioned cos/sin for case 0"
            at = found["m0"].get("pos_classic", found["m0"].get("pos_hf5"))
            theta = float(arrays["theta"])
            turn = rope.mrope(at, int(arrays["head_dim"]), arrays["section"].tolist(), theta)
            yield name, list(turned(turn, arrays))


def positions(segments: list[tuple], arrays: dict[str, np.ndarray]) -> Iterator[Check]:
    for rule, key in (("classic", "classic"), ("transformers-5", "hf5")):
        if f"pos_{key}" in arrays:
            got, delta = rope.mrope_positions(segments, rule)  # type: ignore[arg-type]
            yield Check(f"pos_{key}", got, arrays[f"pos_{key}"])
            yield Check(f"delta_{key}", delta, int(arrays[f"delta_{key}"].item()))


# packing


def navit(case: Case) -> Subcases:
    for index, packing in enumerate(json.loads(str(case.arrays["pack_json"]))):
        sizes = [Size(h, w) for h, w in packing["sizes_hw"]]
        drop, patch = packing["token_drop"] or 0.0, packing["patch"]
        lengths = [packed_length(size, patch, drop) for size in sizes]
        got = group(lengths, packing["max_seq_len"])
        yield (
            f"pack{index}",
            [
                Check("sequences", len(got), len(packing["groups"])),
                Check("groups", flat(got), flat(packing["groups"])),
                Check("images", list(map(len, got)), list(map(len, packing["groups"]))),
                Check(
                    "seq_lens",
                    [lengths[i] for one in got for i in one],
                    flat(packing["seq_lens"]),
                ),
            ],
        )
    yield "network", list(network(case))


def flat(lists: list[list[int]]) -> list[int]:
    return [item for one in lists for item in one]


def network(case: Case) -> Iterator[Check]:
    described = json.loads(str(case.arrays["batches_json"]))
    sizes, patch = described["sizes_hw"], described["patch"]
    model = navit_of(case.arrays, patch)
    sequences = [
        [
            torch.from_numpy(image(w, h, 3 * b + i).transpose(2, 0, 1).astype(np.float32) / 255)
            for i, (h, w) in enumerate(images)
        ]
        for b, images in enumerate(sizes)
    ]
    packed = Packed.of([[h // patch * (w // patch) for h, w in images] for images in sizes])
    yield Check("attn_mask", packed.attention_mask(), case.arrays["attn_mask"])
    yield Check("pool_mask", packed.pooling_mask(), case.arrays["pool_mask"])
    with torch.no_grad():
        embedded, packed = model.embed(sequences)
        encoded = model.encode(embedded, packed)
        logits = model.classify(encoded, packed)
    got = {"embedded": embedded, "encoded": encoded, "logits": logits}
    for name, value in got.items():
        yield Check(name, value, case.arrays[name], atol=NETWORK_ATOL, rtol=NETWORK_ATOL)


# vit-pytorch's names of weights -> ours
_RENAME = [
    (r"pos_embed_height", "rows"),
    (r"pos_embed_width", "columns"),
    (r"attn_pool_queries", "query"),
    (r"to_patch_embedding\.", "embedding."),
    (r"transformer\.layers\.(\d+)\.1\.4\.", r"blocks.\1.feed_forward.3."),
    (r"transformer\.layers\.(\d+)\.1\.", r"blocks.\1.feed_forward."),
    (r"transformer\.layers\.(\d+)\.0\.", r"blocks.\1.attention."),
    (r"transformer\.norm\.", "norm."),
    (r"attn_pool\.", "pool."),
    (r"mlp_head\.", "head."),
    (r"to_out\.0\.", "to_out."),
]


def navit_of(arrays: dict[str, np.ndarray], patch: int) -> NaVit:
    weights = {key[3:]: torch.from_numpy(v) for key, v in arrays.items() if key.startswith("w::")}
    state = {}
    for name, value in weights.items():
        for old, new in _RENAME:
            name = re.sub("^" + old if old != r"to_out\.0\." else old, new, name)
        if value.ndim == 1 and name.endswith((".gamma", ".beta")):  # a LayerNorm's
            name = name.replace(".gamma", ".weight").replace(".beta", ".bias")
        state[name] = value
    heads, _, head_dim = state["pool.q_norm.gamma"].shape
    config = NaVitConfig(
        patch=patch,
        dim=len(state["query"]),
        depth=len({name.split(".")[1] for name in state if name.startswith("blocks.")}),
        heads=heads,
        head_dim=head_dim,
        hidden=len(state["blocks.0.feed_forward.1.bias"]),
        classes=len(state["head.1.weight"]),
        max_rows=len(state["rows"]),
        max_columns=len(state["columns"]),
        channels=state["embedding.1.weight"].shape[1] // patch**2,
    )
    model = NaVit(config)
    model.load_state_dict(state, strict=True)
    return model.eval()


RUNS = {
    "pixels": pixels,
    "unpad": unpad,
    "rope2d": rope2d,
    "mrope": mrope,
    "navit": navit,
    "e2e": tilers_e2e.run,
}

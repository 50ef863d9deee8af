"""Engines of other people, right and wrong, as programs: they share no line with the package."""

from __future__ import annotations

HEAD = """
import json, math, sys
def run(answer):
    for line in sys.stdin:
        h, w = map(int, line.split())
        print(json.dumps(answer(h, w)), flush=True)
"""

INTERNVL = (
    HEAD
    + """
grids = sorted({(i, j) for n in range(1, 13) for i in range(1, n + 1) for j in range(1, n + 1)
                if i * j <= 12}, key=lambda g: g[0] * g[1])
def answer(h, w):
    best, least = (1, 1), float("inf")
    for i, j in grids:
        difference = abs(w / h - i / j)
        if difference < least:
            best, least = (i, j), difference
        elif difference == least and (TIE):
            best = (i, j)
    i, j = best
    tiles = i * j + (i * j > 1)
    return {"grid": [j, i], "resized": [j * 448, i * 448], "tokens": 256 * tiles}
run(answer)
"""
)
TIE_BY_AREA = "w * h > 0.5 * 448 * 448 * i * j"
TIE_BY_BLOCKS = "i * j > best[0] * best[1]"

LLAVA_HF = (
    HEAD
    + """
S, n = 336, 24
pinpoints = [(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)]
def answer(h, w):
    best, most, least = None, 0, float("inf")
    for H, W in pinpoints:
        scale = min(W / w, H / h)
        effective = min(int(w * scale) * int(h * scale), w * h)
        wasted = H * W - effective
        if effective > most or (effective == most and wasted < least):
            best, most, least = (H, W), effective, wasted
    H, W = best
    if W / w < H / h:
        resized = [min(math.ceil(h * (W / w)), H), W]
    else:
        resized = [H, min(math.ceil(w * (H / h)), W)]
    rows, columns = H // S * n, W // S * n
    if w / h > columns / rows:
        new = int(UNPAD(h * (columns / w)))
        rows -= (rows - new) // 2 * 2
    else:
        new = int(UNPAD(w * (rows / h)))
        columns -= (columns - new) // 2 * 2
    tokens = n * n + rows * (columns + 1)
    return {"grid": [H // S, W // S], "resized": resized, "tokens": tokens}
run(answer)
"""
)
UNPAD_NOW = "(lambda x: round(x, 7))"
UNPAD_OLD = "(lambda x: x)"

QWEN = (
    HEAD
    + """
least, most, f = 3136, 1003520, 28
def answer(h, w):
    if max(h, w) / min(h, w) > 200:
        return {"refused": "aspect"}
    H, W = ROUND(h / f) * f, ROUND(w / f) * f
    if H * W > most:
        beta = math.sqrt(h * w / most)
        H, W = (max(f, math.floor(s / beta / f) * f) for s in (h, w))
    elif H * W < least:
        beta = math.sqrt(least / (h * w))
        H, W = (math.ceil(s * beta / f) * f for s in (h, w))
    return {"grid": [H // 14, W // 14], "resized": [H, W], "tokens": H // 28 * (W // 28)}
run(answer)
"""
)
ROUND_TO_EVEN = "round"
ROUND_UP = "(lambda x: math.floor(x + 0.5))"

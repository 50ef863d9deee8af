// The plan functions of the tilers, for the page: (options, height, width) to the numbers of a plan.
// A port of the Python modules of the same names, held to them by the conformance kit; numbers are
// doubles on both sides, so the order of operations is the Python code's.
"use strict";

const PLANS = (() => {
  // Python's rounding of positive numbers: halves to the even neighbour.
  const halfEven = (x) => {
    const low = Math.floor(x);
    const rest = x - low;
    if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
    return low % 2 === 0 ? low : low + 1;
  };
  const ROUND = {
    "half-even": halfEven,
    "half-up": (x) => Math.floor(x + 0.5),
    floor: Math.floor,
    ceil: Math.ceil,
  };
  // Python's x // y of doubles, which is not floor(x / y) where the quotient rounds up.
  const floorDiv = (x, y) => {
    const quotient = (x - (x % y)) / y;
    const low = Math.floor(quotient);
    return quotient - low > 0.5 ? low + 1 : low;
  };
  const wholeDiv = (x, y) => (x - (x % y)) / y;
  const upTo = (x, step) => wholeDiv(x + step - 1, step) * step;

  class Refused extends Error {}

  const mosaic = (rows, columns, tile) => {
    const tiles = [];
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) tiles.push([i * tile, j * tile, tile, tile]);
    }
    return tiles;
  };
  const layer = (canvas, resized, offset, tiles, role = "tiles") => ({
    canvas, resized, offset, tiles, role,
  });
  const overview = (tile) =>
    layer([tile, tile], [tile, tile], [0, 0], [[0, 0, tile, tile]], "overview");
  const single = (canvas, resized = canvas, offset = [0, 0]) =>
    layer(canvas, resized, offset, canvas[0] * canvas[1] ? [[0, 0, ...canvas]] : []);
  const plan = (layers, grid, encoder, tokens) => {
    const main = layers.find((x) => x.role === "tiles") || layers[0];
    const regions = layers.reduce((n, x) => n + x.tiles.length, 0);
    return {
      layers, grid, canvas: main.canvas, resized: main.resized, offset: main.offset,
      regions, encoder, tokens,
    };
  };
  // One picture, one token a patch, a separator after each row or none.
  const patches = (resized, patch, separators = 0) => {
    const rows = wholeDiv(resized[0], patch);
    const n = rows * wholeDiv(resized[1], patch);
    const whole = n ? 1 : 0;
    return plan([single(resized)], [whole, whole], n, n ? n + rows * separators : 0);
  };

  function InternVL(o, h, w) {
    const grids = [];
    for (let j = 1; j <= o.max_tiles; j++) {
      for (let i = 1; i <= o.max_tiles; i++) {
        if (o.min_tiles <= i * j && i * j <= o.max_tiles) grids.push([i, j]);
      }
    }
    grids.sort((a, b) => a[0] * a[1] - b[0] * b[1]); // stable
    const aspect = w / h;
    let best = grids[0];
    let least = Infinity;
    for (const grid of grids) {
      const difference = Math.abs(aspect - grid[1] / grid[0]);
      const enough = h * w > 0.5 * o.tile * o.tile * grid[1] * grid[0];
      const wins = o.tie === "area" ? enough : o.tie === "blocks";
      if (difference < least || (difference === least && wins)) best = grid;
      least = Math.min(least, difference);
    }
    const canvas = [best[0] * o.tile, best[1] * o.tile];
    const layers = [layer(canvas, canvas, [0, 0], mosaic(best[0], best[1], o.tile))];
    if (o.thumbnail && best[0] * best[1] > 1) layers.push(overview(o.tile));
    const n = layers.reduce((sum, x) => sum + x.tiles.length, 0);
    const side = wholeDiv(o.tile, o.patch);
    const each = Math.trunc(side ** 2 * (1 / o.merge) ** 2);
    return plan(layers, best, n * side ** 2, n * each);
  }

  const fit = (h, w, canvas) => {
    const byWidth = canvas[1] / w;
    const byHeight = canvas[0] / h;
    if (byWidth < byHeight) return [Math.min(Math.ceil(h * byWidth), canvas[0]), canvas[1]];
    return [canvas[0], Math.min(Math.ceil(w * byHeight), canvas[1])];
  };
  const share = (side, features, other, rule) => {
    if (rule === "integer") return wholeDiv(side * features, other);
    const exact = side * (features / other);
    return Math.trunc(rule === "round7" ? Number(exact.toFixed(7)) : exact);
  };
  const unpad = (h, w, rows, columns, rule) => {
    if (w / h > columns / rows) {
      const top = Math.floor((rows - share(h, columns, w, rule)) / 2);
      return [Math.max(rows - 2 * top, 0), columns];
    }
    const left = Math.floor((columns - share(w, rows, h, rule)) / 2);
    return [rows, Math.max(columns - 2 * left, 0)];
  };
  const pool = (kept, side, most) => {
    if (most === null) return kept;
    const times = Math.sqrt((kept[0] * kept[1]) / (most * side ** 2));
    return times > 1.1 ? [floorDiv(kept[0], times), floorDiv(kept[1], times)] : kept;
  };

  function Llava(o, h, w) {
    const side = wholeDiv(o.tile, o.patch);
    const base = o.base ? side ** 2 : 0;
    if (!o.pinpoints.length) {
      const extra = o.merge === "unpad" && o.base ? 1 : 0;
      return plan([overview(o.tile)], [1, 1], side ** 2, base + extra);
    }
    let best = null;
    let most = 0;
    let least = Infinity;
    for (const [first, second] of o.pinpoints) {
      const canvas = o.order === "width-height" ? [second, first] : [first, second];
      best = best || canvas;
      const scale = Math.min(canvas[1] / w, canvas[0] / h);
      const fitted = Math.trunc(w * scale) * Math.trunc(h * scale);
      const effective = Math.min(fitted, w * h);
      const wasted = canvas[0] * canvas[1] - effective;
      if (effective > most || (effective === most && wasted < least)) {
        [best, most, least] = [canvas, effective, wasted];
      }
    }
    const resized = fit(h, w, best);
    const offset = [0, 1].map((k) => Math.floor((best[k] - resized[k]) / 2));
    const canvas = o.padding === "centre" ? best : resized.map((n, k) => n + 2 * offset[k]);
    const grid = best.map((n) => wholeDiv(n, o.tile));
    const tiles = mosaic(grid[0], grid[1], o.tile);
    const layers = [overview(o.tile), layer(canvas, resized, offset, tiles)];
    const [rows, columns] = grid.map((n) => n * side);
    let tokens = rows * columns;
    if (o.merge === "maxpool2x2") tokens = wholeDiv(rows, 2) * wholeDiv(columns, 2);
    if (o.merge === "unpad") {
      const [kept, across] = pool(unpad(h, w, rows, columns, o.unpad), side, o.anyres_max);
      tokens = kept * (across + 1);
    }
    return plan(layers, grid, (tiles.length + 1) * side ** 2, tokens + base);
  }

  function Qwen(o, h, w) {
    const f = o.patch * o.merge;
    if (o.flavour === "transformers-4.49" && Math.min(h, w) < f) {
      throw new Refused(`no side below ${f} px`);
    }
    if (Math.max(h, w) / Math.min(h, w) > o.max_aspect) {
      throw new Refused(`no aspect over ${o.max_aspect}`);
    }
    const least = o.flavour === "qwen-vl-utils" ? f : 0;
    const sides = [h, w];
    let resized = sides.map((n) => Math.max(least, ROUND[o.rounding](n / f) * f));
    const area = resized[0] * resized[1];
    if (area > o.max_pixels) {
      const beta = Math.sqrt((h * w) / o.max_pixels);
      const clamp = o.flavour === "transformers-5" ? f : 0;
      resized = sides.map((n) => Math.max(clamp, Math.floor(n / beta / f) * f));
    } else if (area < o.min_pixels) {
      const beta = Math.sqrt(o.min_pixels / (h * w));
      resized = sides.map((n) => Math.ceil((n * beta) / f) * f);
    }
    const [rows, columns] = resized.map((n) => wholeDiv(n, o.patch));
    const n = rows * columns;
    const tokens = wholeDiv(rows, o.merge) * wholeDiv(columns, o.merge);
    return plan([single(resized)], n ? [1, 1] : [0, 0], n, tokens);
  }

  function NaFlex(o, h, w) {
    const scaled = (scale) =>
      [h, w].map((n) => Math.max(o.patch, Math.ceil((n * scale) / o.patch) * o.patch));
    let low = o.eps / 10;
    let high = 100;
    while (high - low >= o.eps) {
      const scale = (low + high) / 2;
      const [a, b] = scaled(scale);
      if ((a / o.patch) * (b / o.patch) <= o.max_patches) low = scale;
      else high = scale;
    }
    return patches(scaled(low), o.patch);
  }

  function Pixtral(o, h, w) {
    const ratio = Math.max(h / o.longest_edge, w / o.longest_edge);
    let sides = [h, w];
    if (ratio > 1) sides = sides.map((n) => ROUND[o.rounding](n / ratio));
    const resized = sides.map((n) => (Math.floor((n - 1) / o.patch) + 1) * o.patch);
    return patches(resized, o.patch, 1);
  }

  function NaViT(o, h, w) {
    const p = o.patch;
    const n = wholeDiv(h, p) * wholeDiv(w, p);
    const scale = o.max_tokens && n > o.max_tokens ? Math.sqrt((o.max_tokens * p * p) / (h * w)) : 1;
    const resized = [h, w].map((x) => Math.max(p, wholeDiv(Math.trunc(x * scale), p) * p));
    const whole = patches(resized, p);
    if (!o.drop) return whole;
    const kept = Math.max(1, Math.trunc(whole.tokens * (1 - o.drop)));
    return { ...whole, encoder: kept, tokens: kept };
  }

  function FastVLM(o, h, w) {
    const longer = Math.max(h, w);
    const resized = o.shape === "squash"
      ? [o.side, o.side]
      : [h, w].map((n) => Math.max(1, halfEven((n * o.side) / longer)));
    const offset = resized.map((n) => Math.floor((o.side - n) / 2));
    const n = wholeDiv(o.side, o.stride) ** 2;
    return plan([single([o.side, o.side], resized, offset)], [1, 1], n, n);
  }

  const kernel = (n, target) => {
    let cells = 1;
    for (let rows = n; rows > target; cells *= 2) {
      rows = rows >= 2 * target ? Math.ceil(rows / 2) : target;
    }
    return cells;
  };
  function Vitar(o, h, w) {
    const [p, g] = [o.patch, o.target];
    const cells = [h, w].map((n) => Math.max(1, halfEven(n / p)));
    const canvas = cells.map((n) => g * kernel(n, g) * p);
    return plan([single(canvas, cells.map((n) => n * p))], [1, 1], g * g, g * g);
  }

  const even = (n) => n + (n % 2);
  function Idefics(o, h, w) {
    const MOST = 4096;
    let aspect = w / h;
    const long = o.longest_edge;
    let first = w >= h
      ? [Math.max(even(Math.trunc(long / aspect)), 1), long]
      : [long, Math.max(even(Math.trunc(long * aspect)), 1)];
    if (Math.max(...first) > MOST) {
      aspect = first[1] / first[0];
      first = first[1] >= first[0]
        ? [Math.max(Math.trunc(MOST / aspect), 1), MOST]
        : [MOST, Math.max(Math.trunc(MOST * aspect), 1)];
    }
    aspect = first[1] / first[0];
    const longer = upTo(Math.max(...first), o.tile);
    const canvas = first[1] >= first[0]
      ? [upTo(Math.trunc(longer / aspect), o.tile), longer]
      : [longer, upTo(Math.trunc(longer * aspect), o.tile)];
    const grid = canvas.map((n) => wholeDiv(n, o.tile));
    const split = o.split && grid[0] * grid[1] > 1;
    const whole = overview(o.tile);
    const tiles = layer(canvas, canvas, [0, 0], mosaic(grid[0], grid[1], o.tile));
    const layers = split ? [tiles, whole] : [whole];
    const n = layers.reduce((sum, x) => sum + x.tiles.length, 0);
    const side = wholeDiv(o.tile, o.patch);
    const each = wholeDiv(side, o.merge) ** 2;
    return plan(layers, split ? grid : [1, 1], n * side ** 2, n * each);
  }

  function Seed(o, h, w) {
    const COVERAGE = 0.3;
    const grids = [];
    for (let j = 1; j <= o.max_tiles; j++) {
      for (let i = 1; i * j <= o.max_tiles; i++) grids.push([i, j]);
    }
    grids.sort((a, b) => a[0] * a[1] - b[0] * b[1]); // stable
    const aspect = w / h;
    const fits = grids.map(([i, j]) => Math.min(aspect / (j / i), j / i / aspect));
    const least = Math.min(1 / o.max_stretch, Math.max(...fits));
    let best = grids[0];
    let score = -1;
    grids.forEach((grid, k) => {
      const canvas = grid.map((n) => n * o.tile);
      const scale = Math.min(canvas[1] / w, canvas[0] / h);
      const fitted = Math.trunc(w * scale) * Math.trunc(h * scale);
      const coverage = Math.min(fitted, h * w) / Math.max(canvas[0] * canvas[1], h * w);
      const scored = (1 - COVERAGE) * fits[k] + COVERAGE * coverage;
      if (fits[k] >= least && scored > score) [best, score] = [grid, scored];
    });
    const canvas = best.map((n) => n * o.tile);
    const resized = fit(h, w, canvas);
    const offset = [0, 1].map((k) => Math.floor((canvas[k] - resized[k]) / 2));
    const tiles = mosaic(best[0], best[1], o.tile);
    const layers = [overview(o.tile), layer(canvas, resized, offset, tiles)];
    const side = wholeDiv(o.tile, o.patch);
    const n = tiles.length + 1;
    return plan(layers, best, n * side ** 2, n * wholeDiv(side, o.merge) ** 2);
  }

  const kinds = {
    InternVL, Llava, Qwen, NaFlex, Pixtral, NaViT, FastVLM, Vitar, Idefics, Seed,
  };

  // The plan of a size, or why it is refused: { refused: text }.
  function planOf(kind, options, height, width) {
    try {
      return kinds[kind](options, height, width);
    } catch (error) {
      if (error instanceof Refused) return { refused: error.message };
      throw error;
    }
  }

  // Names of the traps that an image falls into; limits: { aspect, factor, context }.
  function trapsOf(found, height, width, limits) {
    const names = [];
    const long = Math.max(height, width);
    if (long > limits.aspect * Math.min(height, width)) names.push(`aspect over ${limits.aspect}`);
    const gone = found.layers.some((x) => x.resized.includes(0));
    if (found.tokens === 0 || gone) names.push("side 0");
    const factor = Math.max(found.resized[0] / height, found.resized[1] / width);
    if (factor > limits.factor) names.push("enlarged");
    if (found.tokens > limits.context) names.push("tokens over context");
    return names;
  }
  return { planOf, trapsOf, kinds: Object.keys(kinds) };
})();

if (typeof module !== "undefined") module.exports = PLANS;

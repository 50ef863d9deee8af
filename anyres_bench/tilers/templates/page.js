// The page: sliders to plans to drawings. `PLANS` stands before it, `#data` holds what Python knew.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const MOST = 16384; // px of a side on the sliders
  const PROBE = 96; // px of the image that are shown at 1:1
  const SHOWN = 320; // px of the drawing of the largest canvas
  const state = {
    height: data.image.height,
    width: data.image.width,
    context: data.contexts[data.context],
    at: data.image.at,
  };
  const photo = $("photo-source");
  const number = new Intl.NumberFormat("en");
  const percent = (x) => `${(100 * x).toFixed(1)} %`;
  const svg = (name, attributes, parent) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (parent) parent.append(node);
    return node;
  };
  const html = (name, className, text, parent) => {
    const node = document.createElement(name);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };

  const TEXTS = {
    "side 0": () => "a side becomes 0: nothing is left to encode",
    enlarged: (p) => {
      const factor = Math.max(p.resized[0] / state.height, p.resized[1] / state.width);
      return `a side is enlarged ${factor.toPrecision(3)} times: tokens without information`;
    },
    "tokens over context": (p) =>
      `${number.format(p.tokens)} tokens, the context is ${number.format(state.context)}`,
  };
  const trapText = (name, p) => (TEXTS[name] ? TEXTS[name](p) : "many processors refuse it");

  // A layer to scale: padding, the image where it lies, and the windows that are encoded.
  function drawing(found, scale) {
    const [height, width] = found.canvas;
    const size = [height, width].map((n) => Math.max(n * scale, 2));
    const node = svg("svg", {
      width: size[1], height: size[0], viewBox: `0 0 ${Math.max(width, 1)} ${Math.max(height, 1)}`,
      preserveAspectRatio: "none", "aria-hidden": "true",
    });
    const [top, left] = found.offset;
    const [h, w] = found.resized;
    svg("use", { href: "#photo", transform: `translate(${left} ${top}) scale(${w} ${h})` }, node);
    for (const [y, x, rows, columns] of found.tiles) {
      svg("rect", { x, y, width: columns, height: rows }, node);
    }
    return node;
  }

  // The square of the image under the probe, as large as the tiler makes it.
  function probe(p, parent) {
    const figure = html("figure", "probe", undefined, parent);
    const scale = [p.resized[0] / state.height, p.resized[1] / state.width];
    const side = [Math.min(PROBE, state.height), Math.min(PROBE, state.width)];
    const size = scale.map((s, k) => Math.max(Math.round(side[k] * s), 1));
    html("figcaption", "", `${side[0]} × ${side[1]} px of the image, here ${size[0]} × ${size[1]}`, figure);
    const canvas = html("canvas", "", undefined, html("div", "", undefined, figure));
    canvas.height = Math.min(size[0], 2 * SHOWN);
    canvas.width = Math.min(size[1], 2 * SHOWN);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "the square under the probe at the size that is encoded");
    const from = [photo.naturalHeight / state.height, photo.naturalWidth / state.width];
    const corner = corners(side);
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(
      photo, corner[1] * from[1], corner[0] * from[0], side[1] * from[1], side[0] * from[0],
      0, 0, size[1], size[0],
    );
  }
  const corners = (side) =>
    [state.height, state.width].map((n, k) =>
      Math.min(Math.max(Math.round(state.at[k] * n - side[k] / 2), 0), n - side[k]));

  function facts(p, parent) {
    const list = html("dl", "", undefined, parent);
    const fact = (name, value) => {
      html("dt", "", name, list);
      html("dd", "", value, list);
    };
    const pixels = p.resized[0] * p.resized[1];
    const own = state.height * state.width;
    const encoded = p.layers.reduce((n, x) => n + x.tiles.reduce((m, t) => m + t[2] * t[3], 0), 0);
    const kept = Math.min(1, pixels / own);
    const factor = p.resized[1] / state.width / (p.resized[0] / state.height);
    fact("canvas", `${p.canvas[0]} × ${p.canvas[1]}`);
    fact("image on it", `${p.resized[0]} × ${p.resized[1]}`);
    fact("pictures", number.format(p.regions));
    fact("encoder tokens", number.format(p.encoder));
    fact("padding", percent(p.canvas[0] * p.canvas[1] ? 1 - pixels / (p.canvas[0] * p.canvas[1]) : 0));
    fact("waste", percent(encoded ? 1 - (kept * own) / encoded : 0));
    fact("scale", Math.sqrt(pixels / own).toFixed(2));
    fact("distortion", Number.isFinite(factor) && factor > 0 ? Math.abs(Math.log(factor)).toFixed(3) : "∞");
  }

  function card(tiler, p, scale) {
    const item = html("li", "card");
    item.dataset.tiler = tiler.name;
    html("h2", "", tiler.name, item);
    if (p.refused !== undefined) {
      html("ul", "traps", undefined, item).append(html("li", "", `refuses this size: ${p.refused}`));
      return item;
    }
    html("div", "tokens", `${number.format(p.tokens)} tokens`, item);
    const drawings = html("div", "drawings", undefined, item);
    for (const found of p.layers) drawings.append(drawing(found, scale));
    facts(p, item);
    const traps = html("ul", "traps", undefined, item);
    const limits = { ...data.limits, context: state.context };
    for (const name of PLANS.trapsOf(p, state.height, state.width, limits)) {
      html("li", "", `${name}: ${trapText(name, p)}`, traps);
    }
    if (p.resized[0] && p.resized[1]) probe(p, item);
    return item;
  }

  function draw() {
    const plans = data.tilers.map((t) => PLANS.planOf(t.kind, t.options, state.height, state.width));
    const sides = plans.flatMap((p) => (p.layers || []).flatMap((x) => x.canvas));
    const scale = SHOWN / Math.max(...sides, 1);
    $("cards").replaceChildren(...data.tilers.map((t, i) => card(t, plans[i], scale)));
    const own = state.height === data.image.height && state.width === data.image.width;
    $("size").textContent = `${state.height} × ${state.width} px (height × width)`;
    $("stretched").hidden = own;
    for (const side of ["height", "width"]) {
      $(side).value = Math.log2(state[side]);
      $(side).setAttribute("aria-valuetext", `${state[side]} px`);
      const typed = $(`${side}-number`);
      if (document.activeElement !== typed) typed.value = state[side]; // never under one's fingers
    }
    $("aspect").value = Math.log2(state.width / state.height);
    const ratio = state.width / state.height;
    $("aspect-text").textContent = ratio >= 1 ? `${ratio.toPrecision(3)} : 1` : `1 : ${(1 / ratio).toPrecision(3)}`;
    const side = [Math.min(PROBE, state.height), Math.min(PROBE, state.width)];
    const corner = corners(side);
    Object.assign($("square").style, {
      top: `${(100 * corner[0]) / state.height}%`, left: `${(100 * corner[1]) / state.width}%`,
      height: `${(100 * side[0]) / state.height}%`, width: `${(100 * side[1]) / state.width}%`,
    });
  }

  let asked = 0;
  const change = (values) => {
    Object.assign(state, values);
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(draw);
  };
  const bounded = (x) => Math.min(Math.max(Math.round(x) || 1, 1), MOST);

  for (const side of ["height", "width"]) {
    $(side).addEventListener("input", (e) => change({ [side]: bounded(2 ** Number(e.target.value)) }));
    $(`${side}-number`).addEventListener("change", (e) => change({ [side]: bounded(Number(e.target.value)) }));
  }
  $("aspect").addEventListener("input", (e) => {
    const area = Math.sqrt(state.height * state.width);
    const half = 2 ** (Number(e.target.value) / 2);
    change({ height: bounded(area / half), width: bounded(area * half) });
  });
  $("context").addEventListener("change", (e) => change({ context: data.contexts[e.target.value] }));
  $("reset").addEventListener("click", () => change({ height: data.image.height, width: data.image.width }));
  const place = () => change({ at: [Number($("probe-y").value), Number($("probe-x").value)] });
  for (const axis of ["probe-y", "probe-x"]) $(axis).addEventListener("input", place);
  $("photo-box").addEventListener("pointerdown", (e) => {
    const box = $("photo-box").getBoundingClientRect();
    $("probe-y").value = (e.clientY - box.top) / box.height;
    $("probe-x").value = (e.clientX - box.left) / box.width;
    place();
  });
  [$("probe-y").value, $("probe-x").value] = state.at;
  photo.decode().then(draw, draw);
})();

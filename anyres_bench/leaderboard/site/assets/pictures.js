// The viewer: pictures of one number, of real images and of any models, zoomed and moved together.
"use strict";

(() => {
  const { data, $, make, options, state, change, listeners, inRange } = window.Board;
  if (!data.pictures.length) return;
  const REAL = "the reference";
  const named = (row) => (row.m < 0 ? REAL : data.models[row.m].id);
  const scopes = () => {
    const kept = data.pictures.filter((one) => inRange(one.canvas));
    return kept.length ? kept : data.pictures;
  };

  // One picture of a row: the row's file, shifted; how far it is zoomed and where is said once, on the viewer.
  function picture(row, item) {
    const at = row.items.indexOf(item), n = row.items.length;
    const inner = make("i");
    inner.style.backgroundImage = `url("${encodeURI(row.file)}")`;
    inner.style.backgroundSize = `${100 * n}% 100%`;
    inner.style.backgroundPosition = `${n > 1 ? (100 * at) / (n - 1) : 0}% 0`;
    const frame = make("div", { className: "pic" }, inner);
    frame.style.aspectRatio = String(row.aspect);
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", `Picture ${item} of ${named(row)}`);
    return frame;
  }

  function fill(slot, row, item) {
    const frame = picture(row, item);
    frame.append(make("span", { className: "who", textContent: named(row) }));
    slot.replaceChildren(frame);
  }

  function show() {
    const known = scopes();
    const scope = known.find((one) => one.scope === state.scope) ?? known[0];
    options($("scope"), known.map((one) => one.scope), (key) => {
      const one = known.find((each) => each.scope === key);
      return `${one.title} · ${key}`;
    }, scope.scope);
    const items = [...new Set(scope.rows.flatMap((row) => row.items))].sort((a, b) => a - b);
    const item = items.includes(Number(state.item)) && state.item !== "" ? Number(state.item) : items[0];
    options($("item"), items.map(String), (text) => text, String(item));
    const rows = scope.rows.filter((row) => row.items.includes(item)).sort((a, b) => a.m - b.m);
    const names = rows.map(named);
    const left = rows[Math.max(0, names.indexOf(state.left))];
    const model = rows.findIndex((row) => row !== left && row.m >= 0 && !data.models[row.m].role);
    const right = rows[names.includes(state.right) ? names.indexOf(state.right) : model < 0 ? rows.length - 1 : model];
    for (const [id, row] of [["left", left], ["right", right]]) options($(id), names, (name) => name, named(row));
    fill($("pic-left"), left, item);
    fill($("pic-right"), right, item);
    $("viewer-said").textContent = "Pictures of one number are the same window of their canvas; models that render show the same latent there. "
      + "What is missing may not be shown, or was not submitted.";
    $("tiles").replaceChildren(...rows.map((row) => {
      const button = make("button", { type: "button", title: "Show on the right" }, picture(row, item), make("span", { textContent: named(row) }));
      button.setAttribute("aria-pressed", String(row === right));
      button.addEventListener("click", () => change({ right: named(row) }));
      return button;
    }));
    move();
  }

  function move() {
    const viewer = $("viewer");
    for (const [id, name] of [["zoom", "zoom"], ["pan-x", "x"], ["pan-y", "y"]]) {
      $(id).value = state[name];
      viewer.style.setProperty(`--${name}`, state[name]);
    }
  }

  function dragged(event) {
    const frame = event.target.closest(".pic");
    if (!frame || Number(state.zoom) <= 1) return;
    const from = { x: event.clientX, y: event.clientY, px: Number(state.x), py: Number(state.y) };
    const { width, height } = frame.getBoundingClientRect();
    const clamp = (value) => String(Math.round(100 * Math.min(1, Math.max(0, value))) / 100);
    const onMove = (now) => change({
      x: clamp(from.px - (now.clientX - from.x) / (width * (state.zoom - 1))),
      y: clamp(from.py - (now.clientY - from.y) / (height * (state.zoom - 1))),
    });
    const stop = () => {
      document.removeEventListener("pointermove", onMove);
      document.removeEventListener("pointerup", stop);
    };
    document.addEventListener("pointermove", onMove);
    document.addEventListener("pointerup", stop);
  }

  $("viewer").hidden = false;
  for (const id of ["scope", "item", "left", "right"]) $(id).addEventListener("change", () => change({ [id]: $(id).value }));
  for (const [id, name] of [["zoom", "zoom"], ["pan-x", "x"], ["pan-y", "y"]]) {
    $(id).addEventListener("input", () => change({ [name]: $(id).value }));
  }
  $("tiles").addEventListener("pointerdown", dragged);
  $("slider").addEventListener("slide", () => $("slider").setAttribute("aria-valuenow", String(Math.round($("slider").value))));
  listeners.push((names) => {
    if (names.some((name) => ["scope", "item", "left", "right", "smallest", "largest"].includes(name))) show();
    else if (names.some((name) => ["zoom", "x", "y"].includes(name))) move();
  });
  show();
})();

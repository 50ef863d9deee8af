// The board: which task, which models, in which order; all of it in the address, so that a link restores the view.
// Text of others reaches the page as text nodes alone.
"use strict";

window.Board = (() => {
  const data = window.BOARD;
  const $ = (id) => document.getElementById(id);
  const MOST_LINES = 12;
  const ORDER = ["ceiling", "perfect model"];

  function make(tag, properties = {}, ...children) {
    const node = Object.assign(document.createElement(tag), properties);
    node.append(...children);
    return node;
  }

  // Four significant digits, as the tables of the package have them.
  function number(value) {
    const rounded = Number(value.toPrecision(4));
    if (rounded === 0) return "0";
    const [digits, power] = rounded.toExponential().split("e").map(Number);
    if (power >= -4 && power < 4) return String(rounded);
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }

  // A long name that narrow columns break behind its separators, not within its words.
  function breakable(name) {
    return name.split(/(?<=[:@+,;(/-])(?=.)/).flatMap((part, i) => (i ? [make("wbr"), part] : [part]));
  }

  function signed(value) {
    const text = Number(value.toPrecision(3));
    return `${text > 0 ? "+" : ""}${text}`;
  }

  const said = (yes) => (yes === null ? "unknown" : yes ? "yes" : "no");
  const bySlug = new Map(data.tasks.map((task) => [task.slug, task]));

  // The view. Only what differs from the default stands in the address.
  const DEFAULTS = {
    task: data.tasks[0].slug, sort: "", find: "", licence: "", tier: "", reference: "",
    smallest: "", largest: "", shown: "", consistency: "", cost: "",
    scope: "", item: "", left: "", right: "", zoom: "1", x: "0.5", y: "0.5", one: "", other: "",
  };
  const state = { ...DEFAULTS };
  const listeners = [];

  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const name of Object.keys(DEFAULTS)) state[name] = asked.get(name) ?? DEFAULTS[name];
    if (!bySlug.has(state.task)) state.task = DEFAULTS.task;
    for (const [name, least, most] of [["zoom", 1, 12], ["x", 0, 1], ["y", 0, 1]]) {
      const value = Number(state[name]);
      if (!(value >= least && value <= most)) state[name] = DEFAULTS[name];
    }
  }

  // Ids of the models that were ticked, as the address has them; null where it has none.
  function ticked() {
    try {
      const ids = JSON.parse(state.shown);
      return Array.isArray(ids) ? new Set(ids) : null;
    } catch {
      return null;
    }
  }

  function link() {
    const kept = Object.entries(state).filter(([name, value]) => value !== DEFAULTS[name]);
    return `#${new URLSearchParams(kept)}`;
  }

  function change(changes) {
    Object.assign(state, changes);
    history.replaceState(null, "", link());
    for (const listener of listeners) listener(Object.keys(changes));
  }

  const task = () => bySlug.get(state.task);

  // Models of a table, as they are filtered and sorted: ceilings, models, floors, retractions.
  function rows(of = task()) {
    const kept = of.rows.filter((row) => {
      const model = data.models[row.m];
      if (model.role) return true;
      const wanted = state.find.trim().toLowerCase();
      return (!wanted || model.id.toLowerCase().includes(wanted))
        && (!state.licence || model.licence === state.licence)
        && (!state.tier || row.tier === state.tier)
        && (!state.reference || said(model.onReference) === state.reference);
    });
    const place = (row) => (row.gone ? 3 : !data.models[row.m].role ? 1
      : ORDER.includes(data.models[row.m].role) ? 0 : 2);
    const [column, direction] = state.sort.split(":");
    const key = {
      model: (row) => data.models[row.m].id,
      tier: (row) => Object.keys(data.tiers).indexOf(row.tier),
      licence: (row) => data.models[row.m].licence,
      reference: (row) => said(data.models[row.m].onReference),
    }[column] ?? ((row) => row.values[Number(column)]?.[0]);
    const sign = direction === "down" ? -1 : 1;
    const compared = (a, b) => {
      const [x, y] = [key(a), key(b)];
      return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
    };
    return kept
      .map((row, at) => ({ row, at }))
      .sort((a, b) => place(a.row) - place(b.row)
        || (state.sort && place(a.row) === 1 && compared(a.row, b.row)) || a.at - b.at)
      .map(({ row }) => row);
  }

  // A constant picture is so far off that all others would share a line.
  const isConstant = ({ role, id }) => role === "floor" && /^constant(:|$)/.test(id);

  // Which models the charts draw: those that were ticked, else the first of the table.
  function drawn() {
    const ids = ticked();
    if (ids) {
      return data.models.map((model, m) => m).filter((m) => ids.has(data.models[m].id));
    }
    return rows().filter((row) => !row.gone && !isConstant(data.models[row.m])).slice(0, MOST_LINES).map((row) => row.m);
  }

  function inRange(span) {
    const smallest = Number(state.smallest) || 0;
    const largest = Number(state.largest) || Infinity;
    return !span || (span[0] <= largest && (span[1] || Infinity) >= smallest);
  }

  // ---- choices

  function options(select, values, words = (value) => value, chosen = "") {
    select.replaceChildren(...values.map((value) => make("option", { value, textContent: words(value) })));
    select.value = values.includes(chosen) ? chosen : values[0] ?? "";
  }

  function taskOptions() {
    const groups = new Map();
    for (const one of data.tasks) {
      if (one.slug !== state.task && !inRange(one.canvas)) continue;
      if (!groups.has(one.group)) groups.set(one.group, make("optgroup", { label: one.group }));
      const words = `${one.title} · ${one.id}`;
      groups.get(one.group).append(make("option", { value: one.slug, textContent: words }));
    }
    $("task").replaceChildren(...groups.values());
    $("task").value = state.task;
  }

  function chooser() {
    const models = data.models.filter((model) => !model.role);
    const distinct = (values) => [...new Set(values)].sort();
    const any = (value) => value || "any";
    options($("licence"), ["", ...distinct(models.map((model) => model.licence))], any, state.licence);
    const tiers = new Set(data.tasks.flatMap((one) => one.rows.map((row) => row.tier)));
    options($("tier"), ["", ...Object.keys(data.tiers).filter((tier) => tiers.has(tier))], any, state.tier);
    $("reference").value = state.reference;
    $("find").value = state.find;
    const sizes = [...new Set(data.tasks.flatMap((one) => one.canvas ?? []))].filter(Boolean).sort((a, b) => a - b);
    options($("smallest"), ["", ...sizes.map(String)], any, state.smallest);
    options($("largest"), ["", ...sizes.map(String)], any, state.largest);
    taskOptions();
  }

  // ---- the table

  const COLUMNS = [["tier", "tier"], ["licence", "licence"], ["reference", "trained on the reference"]];

  function header() {
    const of = task();
    const [column, direction] = state.sort.split(":");
    const sortable = (key, words, best) => {
      const sorted = state.sort ? column === key : key === "0";
      const down = state.sort ? direction === "down" : of.higher;
      const next = sorted && state.sort && direction === best ? (best === "up" ? "down" : "up") : best;
      const button = make("button", { type: "button", textContent: words });
      button.addEventListener("click", () => change({ sort: `${key}:${next}` }));
      const cell = make("th", { scope: "col" }, button);
      cell.dataset.sort = key;
      if (sorted) cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      return cell;
    };
    return make("tr", {},
      make("th", { scope: "col", textContent: "rank" }), sortable("model", "model", "up"),
      ...of.labels.map((label, i) => sortable(String(i), label, label.endsWith("↑") ? "down" : "up")),
      ...COLUMNS.map(([key, words]) => sortable(key, words, "up")),
      make("th", { scope: "col", textContent: "in charts" }));
  }

  function ends(of) {
    return of.names.map((name, i) => {
      const all = of.rows.flatMap((row) => row.values[i].slice(0, 3)).filter((value) => value !== null);
      const lows = of.rows.flatMap((row) => row.values[i].slice(0, 2)).filter((value) => value !== null);
      const highs = of.rows.map((row) => row.values[i][2] ?? row.values[i][0]);
      const isFar = Math.min(...lows) > 0 && Math.max(...highs) > 10 * Math.min(...highs);
      return [Math.min(...all), Math.max(...all), isFar];
    });
  }

  function valueCell(value, [least, most, isFar], colour, difference, against) {
    const [at, low, high, cautions] = value;
    const text = make("div", { className: "value", textContent: number(at) });
    const cell = make("td", {}, text);
    if (low !== null) {
      const shown = (end) => number(Math.abs(end) > 1e-4 * Math.max(Math.abs(low), Math.abs(high)) ? end : 0);
      text.append(make("small", { textContent: `${shown(low)} to ${shown(high)}` }));
      const on = isFar ? Math.log : (x) => x;
      const share = (x) => (100 * (on(x) - on(least))) / (on(most) - on(least) || 1);
      const band = make("i"), mark = make("b");
      band.style.cssText = `left:${share(low)}%;width:${share(high) - share(low)}%`;
      mark.style.left = `${share(at)}%`;
      band.style.background = mark.style.background = colour;
      cell.append(make("div", { className: "bar" }, band, mark));
    }
    if (cautions) cell.append(make("div", { className: "pair", textContent: cautions }));
    if (difference) {
      const [d, from, to] = difference;
      const apart = !(from <= 0 && 0 <= to);
      const words = `${signed(d)} [${signed(from)}, ${signed(to)}]`;
      cell.append(make("div", {
        className: apart ? "pair apart" : "pair", textContent: words, title: `minus ${against}`,
      }));
    }
    return cell;
  }

  function tableRow(of, row, spans, shown) {
    const model = data.models[row.m];
    const dot = make("span", { className: "dot" });
    dot.style.background = model.colour;
    const name = make("td", { className: "model" }, dot, make("span", {}, ...breakable(model.id)));
    if (model.role) name.append(make("span", { className: "role", textContent: model.role }));
    if (row.gone) name.append(make("div", { className: "tier", textContent: `retracted ${row.gone}` }));
    const box = make("input", { type: "checkbox", checked: shown.has(row.m), disabled: Boolean(row.gone) });
    box.setAttribute("aria-label", `Draw ${model.id} in the charts`);
    box.addEventListener("change", () => {
      const now = new Set(drawn());
      now[box.checked ? "add" : "delete"](row.m);
      change({ shown: JSON.stringify([...now].map((m) => data.models[m].id)) });
    });
    const against = row.against === null ? "" : data.models[row.against].id;
    const rank = make("td", { className: "rank", textContent: row.rank });
    if (row.rank === "?") rank.title = "not known: no features to tell it apart by, and intervals meet";
    return make("tr", { className: row.gone ? "gone" : model.role ? "pinned" : "" }, rank, name,
      ...row.values.map((value, i) => valueCell(value, spans[i], model.colour, i ? null : row.difference, against)),
      make("td", { className: "tiers", textContent: row.gone ? "retracted" : row.tier }),
      make("td", { className: "said", textContent: model.licence }),
      make("td", { textContent: said(model.onReference) }), make("td", {}, box));
  }

  function showTable() {
    const of = task(), kept = rows(), spans = ends(of), shown = new Set(drawn());
    $("live-title").textContent = of.title;
    $("live-id").textContent = of.id;
    $("live-unit").textContent = of.unit;
    $("live-unit").hidden = !of.unit;
    $("live-remarks").replaceChildren(...of.remarks.map((text) => make("p", { textContent: text })));
    $("live-remarks").hidden = !of.remarks.length;
    const focused = document.activeElement?.closest?.("th")?.dataset.sort;
    $("table").replaceChildren(make("thead", {}, header()),
      make("tbody", {}, ...kept.map((row) => tableRow(of, row, spans, shown))));
    if (focused) $("table").querySelector(`th[data-sort="${focused}"] button`)?.focus();
    const models = (list) => list.filter((row) => !data.models[row.m].role && !row.gone).length;
    const unranked = kept.filter((row) => data.models[row.m].role).length;
    $("said").textContent = `${models(kept)} of ${models(of.rows)} models, ${unranked} not ranked`;
    const cautions = new Set(kept.flatMap((row) => row.values.flatMap(([, , , names]) => (names ? names.split(", ") : []))));
    const notes = [...cautions].map((name) => `${name}: ${data.cautions[name] ?? "not known here"}`);
    if (spans.some(([, , isFar]) => isFar)) notes.unshift("The bars are logarithmic.");
    $("live-notes").replaceChildren(...[...notes, `images ${of.images.slice(0, 12)}, seed ${of.seed}`]
      .map((text) => make("p", { textContent: text })));
    $("live-files").replaceChildren(...[".csv", ".md", ".tex", ".json"].flatMap((suffix) => [
      make("a", { href: `tables/${encodeURIComponent(of.slug)}${suffix}`, textContent: suffix.slice(1) }), " "]));
  }

  // ---- copies: what csv and LaTeX files of this table hold, as it is filtered and sorted

  const FORMULA = /(^|[;\t])([\s"']*)(?=[=+\-@＝＋－＠])/g;

  function csv() {
    const of = task();
    const head = ["rank", "model", "role", "tier", "name", "value", "low", "high", "cautions", "licence",
      "training_data", "trained_on_reference", "retracted", "task", "images", "seed"];
    const cell = (value) => {
      if (typeof value === "number") return String(value);
      const text = (value ?? "").replace(FORMULA, "$1$2'");
      return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = rows(of).flatMap((row) => of.names.map((name, i) => {
      const model = data.models[row.m], [value, low, high, cautions] = row.values[i];
      return [row.rank, model.id, model.role, row.tier, name, value, low, high, cautions.replaceAll(", ", " "),
        model.licence, model.training, said(model.onReference), row.gone, of.id, of.images, of.seed];
    }));
    return [head, ...lines].map((line) => line.map(cell).join(",")).join("\n") + "\n";
  }

  const LATEX = { "\\": "\\textbackslash ", "~": "\\textasciitilde ", "^": "\\textasciicircum " };

  function latexCell(text) {
    return text
      .replace(/[\\&%$#_{}~^]/g, (c) => LATEX[c] ?? `\\${c}`)
      .replaceAll("↑", "$\\uparrow$").replaceAll("↓", "$\\downarrow$");
  }

  function latex() {
    const of = task();
    const lines = rows(of).map((row) => {
      const model = data.models[row.m];
      const values = row.values.map(([value, low, high]) => (
        low === null ? number(value) : `${number(value)} [${number(low)}, ${number(high)}]`));
      const name = model.role ? `${model.id} (${model.role})` : model.id;
      return [row.rank, name, row.gone ? "retracted" : row.tier, ...values];
    });
    const line = (cells) => `${cells.map(latexCell).join(" & ")} \\\\`;
    return [`% ${of.id}`, `\\begin{tabular}{${"l".repeat(3 + of.names.length)}}`, "\\toprule",
      line(["rank", "model", "tier", ...of.labels]), "\\midrule", ...lines.map(line),
      "\\bottomrule", "\\end{tabular}", ""].join("\n");
  }

  async function copy(text, what) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    $("said").textContent = `Copied ${what}.`;
  }

  // ---- why two numbers are not comparable

  const PARTS = ["dataset", "protocol", "metric", "extractor", "number of fakes", "version"];

  function parts(one) {
    const [dataset, protocol, metric, extractor, last] = one.id.split("/");
    const [n, version] = last.split("@");
    return [dataset, protocol, metric, extractor, n.slice(1), version];
  }

  function showApart() {
    const slugs = data.tasks.map((one) => one.slug);
    const words = (slug) => bySlug.get(slug).id;
    if (!$("one").options.length) {
      for (const id of ["one", "other"]) options($(id), slugs, words);
    }
    $("one").value = bySlug.has(state.one) ? state.one : state.task;
    $("other").value = bySlug.has(state.other) ? state.other : slugs.find((slug) => slug !== $("one").value) ?? state.task;
    const [one, other] = [bySlug.get($("one").value), bySlug.get($("other").value)];
    const pairs = [...PARTS.map((name, i) => [name, parts(one)[i], parts(other)[i]]),
      ["images", one.images, other.images], ["seed", String(one.seed), String(other.seed)]];
    const differ = pairs.filter(([, a, b]) => a !== b).map(([name]) => name);
    $("verdict").textContent = differ.length
      ? `Not comparable: they differ in ${differ.join(", ")}. Evaluate both models on one task.`
      : "Comparable: one task, one set of images, one seed.";
    $("parts").replaceChildren(
      make("thead", {}, make("tr", {}, ...["part", "one", "other"].map((text) => make("th", { scope: "col", textContent: text })))),
      make("tbody", {}, ...pairs.map(([name, a, b]) => make("tr", { className: a === b ? "" : "differs" },
        make("th", { scope: "row", textContent: name }), ...[a, b].map((text) => make("td", {}, make("code", { textContent: text })))))));
  }

  // ---- the page

  function show() {
    showTable();
    showApart();
  }

  function start() {
    read();
    chooser();
    for (const id of ["choose", "live", "apart"]) $(id).hidden = false;
    $("static").hidden = true;
    for (const one of document.querySelectorAll(".bare")) one.hidden = true;
    listeners.push((names) => {
      if (names.some((name) => ["smallest", "largest", "task"].includes(name))) taskOptions();
      show();
    });
    for (const id of ["task", "licence", "tier", "reference", "smallest", "largest", "one", "other"]) {
      $(id).addEventListener("change", () => change({ [id]: $(id).value, ...(id === "task" ? { sort: "" } : {}) }));
    }
    $("find").addEventListener("input", () => change({ find: $("find").value }));
    $("choose").addEventListener("submit", (event) => event.preventDefault());
    $("choose").addEventListener("reset", (event) => {
      event.preventDefault();
      change({ ...DEFAULTS, task: state.task });
      chooser();
    });
    $("copy-csv").addEventListener("click", () => copy(csv(), "csv"));
    $("copy-latex").addEventListener("click", () => copy(latex(), "LaTeX"));
    $("copy-link").addEventListener("click", () => copy(location.href.split("#")[0] + link(), "the link"));
    window.addEventListener("hashchange", () => {
      read();
      chooser();
      for (const listener of listeners) listener(Object.keys(DEFAULTS));
    });
    show();
  }

  start();
  return { data, $, make, number, options, state, change, listeners, task, rows, drawn, inRange, MOST_LINES, csv, latex };
})();

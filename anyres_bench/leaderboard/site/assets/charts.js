// Charts: quality against size, and planes of two numbers. Intervals are bars through each point.
"use strict";

(() => {
  const { data, $, make, number, options, state, change, listeners, task, rows, drawn, inRange, MOST_LINES } = window.Board;
  const HEIGHT = 280;
  const plots = new Map(); // element -> its chart, which is drawn again where the width or the scheme changes

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // lines: [{name, colour, points: [[x, y, low, high]]}], each by x
  function chart(element, { lines, xLabel, yLabel, xLog, yLog, sizes, steps, joined }) {
    plots.get(element)?.destroy();
    element.replaceChildren();
    const all = lines.flatMap((line) => line.points);
    if (!all.length) return;
    const xs = [...new Set([...all, ...(steps ?? [])].map(([x]) => x))].sort((a, b) => a - b);
    const at = new Map(xs.map((x, i) => [x, i]));
    const column = (points) => {
      const values = new Array(xs.length).fill(null);
      for (const [x, y] of points) values[at.get(x)] = y;
      return values;
    };
    const tip = make("div", { className: "tip", hidden: true });
    const ink = colour("--soft"), grid = colour("--line");
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 }, labelSize: 22, font: "12px system-ui", labelFont: "12px system-ui" };
    const pad = (least, most) => {
      if (xLog) return [least / 1.12, most * 1.12];
      const room = 0.05 * (most - least || Math.abs(most) || 1);
      return [least - room, most + room];
    };
    const lows = all.map(([, y, low]) => low ?? y), highs = all.map(([, y, , high]) => high ?? y);
    const range = [Math.min(...lows), Math.max(...highs)];
    const room = yLog ? [range[0] / 1.1, range[1] * 1.1]
      : [range[0] - 0.06 * (range[1] - range[0] || 1), range[1] + 0.06 * (range[1] - range[0] || 1)];
    const series = lines.map((line) => ({
      label: line.name, stroke: line.colour, width: joined ? 2 : 0, spanGaps: true,
      points: { show: true, size: joined ? 7 : 10, fill: line.colour, stroke: line.colour },
    }));
    const columns = lines.map((line) => column(line.points));
    if (steps?.length > 1) {
      series.push({ label: "front", stroke: ink, width: 1, dash: [5, 4], spanGaps: true, points: { show: false }, paths: window.uPlot.paths.stepped({ align: 1 }) });
      columns.push(column(steps));
    }
    const made = new window.uPlot({
      width: Math.max(element.clientWidth, 260), height: HEIGHT, legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
      scales: { x: { time: false, distr: xLog ? 3 : 1, log: sizes ? 2 : 10, range: (u, least, most) => pad(least, most) },
        y: { distr: yLog ? 3 : 1, range: () => room } },
      axes: [
        { ...axis, label: xLabel, ...(sizes ? { splits: () => thinned(sizes, element.clientWidth), filter: (u, splits) => splits, values: (u, splits) => splits.map(String) }
          : xLog ? { splits: () => apart(decades(pad(xs[0], xs.at(-1))), pad(xs[0], xs.at(-1)), element.clientWidth), filter: (u, splits) => splits, values: (u, splits) => splits.map((value) => value.toLocaleString("en")) } : {}) },
        { ...axis, label: yLabel, size: 62, ...(yLog ? { splits: () => decades(room), filter: (u, splits) => splits } : {}), values: (u, splits) => splits.map((value) => (value === null ? "" : number(value))) },
      ],
      series: [{}, ...series],
      hooks: { draw: [(u) => intervals(u, lines)], setCursor: [(u) => nearest(u, lines, tip)] },
    }, [xs, ...columns], element);
    made.over.append(tip);
    plots.set(element, made);
    element.setAttribute("aria-label", `${yLabel} against ${xLabel} of ${lines.length} models; the table has the numbers`);
  }

  // 1, 2 and 5 of every decade, the decades alone where there are many, all digits where there is not one.
  function decades([least, most]) {
    const [low, high] = [Math.floor(Math.log10(least)), Math.ceil(Math.log10(most))];
    const digits = high - low > 4 ? [1] : high - low > 2 ? [1, 3] : most / least > 10 ? [1, 2, 5] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const all = [];
    for (let power = low; power <= high; power++) all.push(...digits.map((digit) => digit * 10 ** power));
    return all.filter((value) => value >= least && value <= most);
  }

  // Values of a logarithmic axis whose labels have room.
  function apart(values, [least, most], width) {
    const kept = [];
    for (const value of values) {
      const gap = kept.length ? Math.log(value / kept.at(-1)) / Math.log(most / least) : 1;
      if (gap * (width - 80) > 64) kept.push(value);
    }
    return kept;
  }

  // Sizes whose labels have room.
  function thinned(sizes, width) {
    const most = Math.max(2, Math.floor(width / 56));
    const step = Math.ceil(sizes.length / most);
    return sizes.filter((size, i) => (sizes.length - 1 - i) % step === 0);
  }

  function intervals(u, lines) {
    const { ctx } = u;
    ctx.save();
    ctx.globalAlpha = 0.45;
    ctx.lineWidth = 3 * devicePixelRatio;
    for (const line of lines) {
      ctx.strokeStyle = line.colour;
      for (const [x, , low, high] of line.points) {
        if (low === null) continue;
        const left = u.valToPos(x, "x", true);
        ctx.beginPath();
        ctx.moveTo(left, u.valToPos(low, "y", true));
        ctx.lineTo(left, u.valToPos(high, "y", true));
        ctx.stroke();
      }
    }
    ctx.restore();
  }

  function nearest(u, lines, tip) {
    const { left, top } = u.cursor;
    let best = null, far = 40;
    if (left >= 0) {
      for (const line of lines) {
        for (const point of line.points) {
          const away = Math.hypot(u.valToPos(point[0], "x") - left, u.valToPos(point[1], "y") - top);
          if (away < far) [best, far] = [{ line, point }, away];
        }
      }
    }
    tip.hidden = best === null;
    if (best === null) return;
    const [x, y, low, high] = best.point;
    const span = low === null ? "" : ` [${number(low)}, ${number(high)}]`;
    tip.textContent = `${best.line.name}: ${number(y)}${span} at ${number(x)}`;
    const right = left > u.over.clientWidth / 2;
    tip.style.left = right ? "" : `${left + 12}px`;
    tip.style.right = right ? `${u.over.clientWidth - left + 12}px` : "";
    tip.style.top = `${Math.max(0, top - 34)}px`;
  }

  function legend(element, lines) {
    element.replaceChildren(...lines.map((line) => {
      const dot = make("span", { className: "dot" });
      dot.style.background = line.colour;
      return make("span", { className: "key" }, dot, line.name);
    }));
  }

  // ---- quality against size

  function curveTasks() {
    const of = task(), known = data.tasks.filter((one) => one.curve && one.names.length);
    const key = of.curve
      || known.find((one) => one.group === of.group && one.images === of.images)?.curve
      || known[0]?.curve;
    return known.filter((one) => one.curve === key && inRange([one.size, one.size])).sort((a, b) => a.size - b.size);
  }

  function showCurve() {
    const points = curveTasks();
    $("chart").hidden = points.length < 2;
    if (points.length < 2) return;
    const line = (m) => ({
      name: data.models[m].id, colour: data.models[m].colour,
      points: points.flatMap((one) => one.rows.filter((row) => row.m === m && !row.gone)
        .map((row) => [one.size, ...row.values[0].slice(0, 3)])),
    });
    let lines = drawn().map(line).filter((one) => one.points.length);
    if (!lines.length && !state.shown) {  // models of this curve alone
      lines = rows(points.at(-1)).slice(0, MOST_LINES).map((row) => line(row.m)).filter((one) => one.points.length);
    }
    const values = lines.flatMap((line) => line.points);
    const lows = values.map(([, y, low]) => low ?? y), highs = values.map(([, y, , high]) => high ?? y);
    const yLog = Math.min(...lows) > 0 && Math.max(...highs) > 30 * Math.min(...highs);
    const first = points[0];
    $("chart-title").textContent = `${first.labels[0]} against the side of the canvas`
      + (task().curve ? "" : `, of another task: ${first.curve.split(" ")[0]}`);
    chart($("plot"), {
      lines, xLabel: "canvas side, px", yLabel: first.labels[0] + (yLog ? ", logarithmic" : ""),
      xLog: true, yLog, sizes: points.map((one) => one.size), joined: true,
    });
    legend($("legend"), lines);
  }

  // ---- planes

  function showPlane(kind) {
    const box = $(kind), planes = data.planes[kind];
    if (!box || !planes?.length) return;
    if (!box.firstChild) {
      const select = make("select", { id: `${kind}-of` });
      const known = planes.map((plane) => plane.slug);
      options(select, known, (slug) => planes.find((plane) => plane.slug === slug).task);
      select.addEventListener("change", () => change({ [kind]: select.value }));
      const plot = make("div", { className: "plot", id: `${kind}-plot` });
      plot.setAttribute("role", "img");
      box.append(make("div", { className: "controls", hidden: planes.length < 2 }, make("label", { className: "grow" }, "Task ", select)),
        make("div", { className: "card" }, make("h3", { id: `${kind}-title` }), make("span", { className: "id", id: `${kind}-task` }), plot,
          make("div", { className: "legend", id: `${kind}-legend` }), make("p", { className: "soft small", id: `${kind}-unknown` })));
      for (const one of box.parentElement.querySelectorAll(".static-plane")) one.hidden = true;
    }
    const wanted = [state[kind], state.task].find((slug) => planes.some((plane) => plane.slug === slug));
    const plane = planes.find((one) => one.slug === wanted) ?? planes[0];
    $(`${kind}-of`).value = plane.slug;
    $(`${kind}-title`).textContent = plane.title;
    $(`${kind}-task`).textContent = plane.task;
    const lines = plane.points.map(([m, x, y, low, high]) => ({ name: data.models[m].id, colour: data.models[m].colour, points: [[x, y, low, high]] }));
    const steps = kind === "cost" ? plane.points.filter((point) => point[5]).map(([, x, y]) => [x, y]) : null;
    chart($(`${kind}-plot`), { lines, xLabel: plane.x, yLabel: plane.y, xLog: plane.xLog, yLog: false, steps, joined: false });
    legend($(`${kind}-legend`), lines.slice(0, 24));
    const unknown = plane.unknown.map((m) => data.models[m].id);
    $(`${kind}-unknown`).textContent = unknown.length ? `Cost unknown, or no network: ${unknown.join(", ")}.` : "";
  }

  function show() {
    showCurve();
    showPlane("consistency");
    showPlane("cost");
  }

  const CHANGES = ["task", "shown", "smallest", "largest", "find", "licence", "tier", "reference", "sort", "consistency", "cost"];
  listeners.push((names) => { if (names.some((name) => CHANGES.includes(name))) show(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  let width = innerWidth;
  window.addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; show(); } });
  show();
})();

// Reads lines {kind, options, sizes, limits}; answers each with the numbers and traps of its plans.
"use strict";
const path = require("node:path");
const readline = require("node:readline");
const { planOf, trapsOf, kinds } = require(path.resolve(process.argv[2]));

process.stdout.write(`${JSON.stringify(kinds)}\n`);
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { kind, options, sizes, limits } = JSON.parse(line);
  const rows = sizes.map(([height, width]) => {
    const p = planOf(kind, options, height, width);
    if (p.refused !== undefined) return null;
    const numbers = [...p.grid, ...p.canvas, ...p.resized, ...p.offset];
    const traps = trapsOf(p, height, width, limits);
    return [[...numbers, p.regions, p.encoder, p.tokens], traps];
  });
  process.stdout.write(`${JSON.stringify(rows)}\n`);
});

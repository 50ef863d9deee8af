"""Whole commands against what they took at an earlier revision.

    python -m benchmarks.revisions REVISION [CASE...] [--repeats 3] [--out FILE]

The revision is checked out in a folder of its own for the time of the measurement. Both sides run a
command, each in a process of its own, in turns, on one checkpoint: configuration T with random
weights, whose activations have unit power as in training. Seconds are those of the clock and of the
processor, start-up included; ratios are of each round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from anyres_bench.core.files import write_json
from anyres_bench.models.checkpoint import write_checkpoint
from anyres_bench.reference.config import GeneratorConfig
from anyres_bench.training.config import to_plain
from anyres_bench.training.recipe import exported
from benchmarks.anyres_margin import calibrated
from benchmarks.machine import machine
from benchmarks.process_tree import measured_command

# Case -> side of the canvas, and what only the newer side is given.
CASES: dict[str, tuple[int, tuple[str, ...]]] = {
    "T-256, 256 px": (256, ()),
    "T-256, 256 px, bf16": (256, ("--option", "precision=bf16")),
    "T-256, 1024 px": (1024, ()),
    "T-256, 1024 px, bf16": (1024, ("--option", "precision=bf16")),
}


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """A folder with the files of a revision."""
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        subprocess.run(["git", "worktree", "add", "--detach", tree, revision], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)


def render(tree: Path, model: Path, case: str, is_new: bool) -> dict[str, float]:
    """What a case takes with the package of a folder."""
    side, more = CASES[case]
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-P", "-m", "anyres_bench", "generate", str(model)]
        command += ["--size", str(side), "--out", f"{out}/images", "--device", "cpu"]
        command += more if is_new else ()
        return measured_command(command, {"PYTHONPATH": str(tree)})


def measure(case: str, sides: dict[str, Path], model: Path, repeats: int) -> dict[str, Any]:
    """Both sides of a case in turns: medians, and the earlier over the newer of each round."""
    rounds = []
    for _ in range(repeats):
        rounds.append({s: render(tree, model, case, s == "new") for s, tree in sides.items()})
        print(case, rounds[-1], flush=True)
    kinds = rounds[0]["new"]
    return {
        "case": case,
        **{s: {k: statistics.median(r[s][k] for r in rounds) for k in kinds} for s in sides},
        "ratios": {k: [r["earlier"][k] / r["new"][k] for r in rounds] for k in kinds},
    }


def main() -> None:
    """Measure, print and write after every case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("cases", nargs="*", default=[*CASES], metavar="CASE")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/revisions.json"))
    args = parser.parse_args()
    asked = ["git", "rev-parse", "--short", args.revision]
    where, revision = machine(), subprocess.check_output(asked, text=True).strip()
    known = json.loads(args.out.read_text())["rows"] if args.out.exists() else []
    rows = {row["case"]: row for row in known}
    with checked_out(args.revision) as tree, tempfile.TemporaryDirectory() as folder:
        config, model = GeneratorConfig(256), Path(folder) / "T-256"
        network = calibrated(config, 0)[0]
        write_checkpoint(model, exported("anyres-generator", to_plain(config), network, {}))
        for case in args.cases:
            measured = measure(case, {"earlier": tree, "new": Path.cwd()}, model, args.repeats)
            rows[case] = {"machine": where, "revision": revision} | measured
            print(json.dumps(rows[case]["ratios"]))
            write_json(args.out, {"repeats": args.repeats, "rows": list(rows.values())})


if __name__ == "__main__":
    main()

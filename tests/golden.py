"""Run golden cases: `python -m tests.golden DIR [--only PREFIX,...]`.

A case is `<stem>.json`, usually with `<stem>.npz`; what a file means is known by the runner named
in `RUNNERS`, a module of `tests/golden_runners` with one function

    run(case: Case) -> Iterable[tuple[str, Iterable[Check]]]

that yields sub-cases (an empty name for the whole file) and, for each, every binding output as a
`Check`. Everything is read from the files: other seeds, sizes, options and classes must run too.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

# The longest matching prefix wins. A file that matches none is listed as "no runner yet".
RUNNERS = {
    "metrics_frechet": "metrics",
    "metrics_prdc": "metrics",
    "metrics_kid": "metrics",
    "metrics_inception_score": "metrics",
    "metrics_ap": "metrics",
    "metrics_extras": "metrics",
    "metrics_resize": "pixels",
    "metrics_networks": "networks",
    "metrics_glcm": "dialects",
    "metrics_dialect_positions": "dialects",
    "metrics_selfssim": "dialects",
    "metrics_equivariance": "dialects",
    "metrics_vgg16": "dialects",
    "anyres_": "anyres",
    "anyres_loss_": "anyres_training",
    "anyres_dataset": "anyres_training",
    "anyres_masked_losses": "anyres_training",
    "anycost_": "anycost",
    "mspe_": "mspe",
    "liif_": "liif",
    "rrdbnet_": "realesrgan",
    "srvgg": "realesrgan",
    "realesrgan_": "realesrgan",
    "degradation_": "degradation",
    "infinitygan_": "infinitygan",
    "infinitygan_scaleinv": "dialects",
    "cnndetection_": "cnndetection",
    "ffhq_": "ffhq",
    "flickr_": "flickr",
    "tilers_internvl": "tilers",
    "tilers_llava_next": "tilers",
    "tilers_qwen2vl": "tilers",
    "tilers_extra": "tilers",
    "tilers_": "tilers_arrays",
}
COMPANIONS = {"metrics_versions"}  # files that other cases read
ARRAYS_ALONE = "tilers_"  # cases whose npz may stand without a JSON


@dataclass(frozen=True)
class Case:
    """One golden file: `meta` is its JSON, `arrays` its npz (each empty where there is none)."""

    path: Path

    @property
    def stem(self) -> str:
        return self.path.stem

    @functools.cached_property
    def meta(self) -> dict[str, Any]:
        return json.loads(self.path.read_text()) if self.path.suffix == ".json" else {}

    @functools.cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        return self.companion(self.stem + ".npz")

    def companion(self, name: str) -> dict[str, np.ndarray]:
        """Arrays of another npz of the same folder; empty if it is not there."""
        path = self.path.with_name(name)
        if not path.exists():
            return {}
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}


@dataclass(frozen=True)
class Check:
    """One binding output: passes where |got - want| <= atol + rtol * |want| and all is finite.

    Attributes:
        share: largest share of values that may exceed the tolerance.
    """

    name: str
    got: Any
    want: Any
    atol: float = 0.0
    rtol: float = 0.0
    share: float = 0.0

    def failure(self) -> str | None:
        """What differs and by how much; None when all is well."""
        got, want = _array(self.got), _array(self.want)
        if got.shape != want.shape:
            return f"{self.name}: shape {got.shape}, expected {want.shape}"
        if got.dtype.kind not in "biufc" or want.dtype.kind not in "biufc":
            same = bool(np.array_equal(got, want))
            return None if same else f"{self.name}: got {self.got!r}, expected {self.want!r}"
        if not (np.isfinite(got).all() and np.isfinite(want).all()):
            return f"{self.name}: not finite"
        kind = np.complex128 if "c" in got.dtype.kind + want.dtype.kind else np.longdouble
        difference = np.abs(got.astype(kind) - want.astype(kind))
        over = difference > self.atol + self.rtol * np.abs(want.astype(kind))
        if not over.size or over.mean() <= self.share:
            return None
        worst = float(difference.max())
        return (
            f"{self.name}: {over.sum()} of {over.size} values off, worst by {worst:.3e} "
            f"(atol {self.atol:g}, rtol {self.rtol:g})"
        )


def _array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def expect_error(name: str, function: Any, *errors: type[BaseException]) -> Check:
    """A check that passes when `function()` raises one of `errors`."""
    try:
        function()
    except errors:
        return Check(name, "refused", "refused")
    return Check(name, "accepted", "refused")


def run_case(case: Case) -> Iterator[tuple[str, list[str]]]:
    """(sub-case id, failures) for everything in one file; a runner that raises is a failure."""
    matches = [prefix for prefix in RUNNERS if case.stem.startswith(prefix)]
    if not matches:
        yield case.stem, ["no runner yet"]
        return
    try:
        module = importlib.import_module(f"tests.golden_runners.{RUNNERS[max(matches, key=len)]}")
        seen = 0
        for name, checks in module.run(case):
            failures = [failure for check in checks if (failure := check.failure())]
            yield (f"{case.stem}:{name}" if name else case.stem), failures
            seen += 1
        if not seen:
            yield case.stem, ["the runner checked nothing"]
    except Exception as error:  # a crash of one runner must not hide the other cases
        last = traceback.extract_tb(error.__traceback__)[-1]
        yield (
            case.stem,
            [f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"],
        )


def cases(folder: Path) -> list[Case]:
    """Every case of a folder, by name; companions are none."""
    alone = [p for p in folder.glob(f"{ARRAYS_ALONE}*.npz") if not p.with_suffix(".json").exists()]
    paths = [path for path in folder.glob("*.json") if path.stem not in COMPANIONS]
    return [Case(path) for path in sorted(paths + alone)]


def run_folder(folder: Path, only: Iterable[str] = ()) -> int:
    """Run a folder's cases, print what differs, and return the number of failures."""
    prefixes = tuple(only)
    passed, failed, waiting = 0, 0, []
    found = cases(folder)
    for case in found:
        if prefixes and not case.stem.startswith(prefixes):
            continue
        if not prefixes and not case.stem.startswith(tuple(RUNNERS)):
            waiting.append(case.stem)
            continue
        for name, failures in run_case(case):
            passed, failed = passed + (not failures), failed + bool(failures)
            print(f"{'FAIL' if failures else 'ok  '} {name}")
            for failure in failures:
                print(f"       {failure}")
    unknown = [p for p in prefixes if not any(case.stem.startswith(p) for case in found)]
    for prefix in unknown:
        print(f"FAIL {prefix}: no such case in {folder}")
    for stem in waiting:
        print(f"no runner yet: {stem}")
    print(f"{passed} passed, {failed + len(unknown)} failed")
    return failed + len(unknown)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.golden", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with golden cases")
    parser.add_argument(
        "--only", default="", metavar="PREFIX,...", help="run cases whose names start so"
    )
    arguments = parser.parse_args()
    if not arguments.folder.is_dir():
        parser.error(f"{arguments.folder} is not a folder")
    return 1 if run_folder(arguments.folder, [p for p in arguments.only.split(",") if p]) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Golden cases of the metrics: frechet, prdc, kid, inception_score, ap and extras.

Inputs are in the companion `metrics_features.npz`; what packages disagree about, informs only.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from anyres_bench.core.errors import MetricError
from anyres_bench.core.seeds import stream
from anyres_bench.features.stats import FeatureBank
from anyres_bench.metrics.authenticity import authentic_percent
from anyres_bench.metrics.cmmd import gaussian_mmd
from anyres_bench.metrics.detection import accuracy, average_precision, roc_auc
from anyres_bench.metrics.fd_infinity import at_infinity
from anyres_bench.metrics.frechet import frechet_distance, frechet_from_moments, moments_of
from anyres_bench.metrics.inception_score import inception_score
from anyres_bench.metrics.kid import squared_mmd
from anyres_bench.metrics.metric import metric_from
from anyres_bench.metrics.mind import mind
from anyres_bench.metrics.prdc import prdc
from anyres_bench.metrics.vendi import vendi_score
from tests.golden import Case, Check, expect_error

Checks = Iterator[Check]
Results = Iterator[tuple[str, Checks]]
FEATURES = "metrics_features.npz"
KID_FLOAT32 = 2e-6  # kernel values are near 1


def run(case: Case) -> Results:
    """The checks of one file, by the metric in its name."""
    kinds: Mapping[str, Callable[[Case], Results]] = {
        "frechet": frechet,
        "prdc": neighbours,
        "kid": kid,
        "inception_score": scores,
        "ap": detection,
        "extras": extras,
    }
    for kind, runner in kinds.items():
        if case.stem.startswith(f"metrics_{kind}"):
            return runner(case)
    raise ValueError(f"no metric is checked by {case.stem}")


def refused(entry: Mapping[str, Any]) -> bool:
    """Whether a package or the reference failed where ours must refuse."""
    return "error" in entry or entry.get("value") == "nan"


def value_or_refusal(
    name: str, entry: Mapping[str, Any], compute: Callable[[], Any], **tolerance: float
) -> Check:
    """The recorded value within the tolerance, or our own error where a failure is recorded."""
    if refused(entry):
        return expect_error(name, compute, MetricError)
    return Check(name, compute(), entry["value"], **tolerance)


# --- Frechet ---------------------------------------------------------------------------------


def frechet(case: Case) -> Results:
    features = case.companion(FEATURES)
    for name, entry in case.meta["cases"].items():
        if "recipe" in entry and f"{name}/a" not in features:
            real, fake = made_by(entry["recipe"])
        else:
            real, fake = features[f"{name}/a"], features[f"{name}/b"]
        yield name, frechet_checks(entry, real, fake)


def frechet_checks(entry: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Checks:
    for side, rows in (("a", real), ("b", fake)):
        yield Check(
            f"inputs {side}", hashlib.sha256(rows.tobytes()).hexdigest(), entry[f"sha_{side}"]
        )
    for ddof, ending in ((1, ""), (0, "_ddof0")):
        exact, double = (
            f"{key}{ending}" for key in ("ref_mpmath_60digits", "ref_nuclear_norm_f64")
        )
        key = exact if exact in entry["fid"] else double
        want = entry["fid"].get(key)
        if want is None:
            continue
        compute = functools.partial(frechet_distance, real, fake, ddof)
        if refused(want):
            yield expect_error(key, compute, MetricError)
            continue
        trace = sum(float(x.var(axis=0, dtype=np.float64).sum()) for x in (real, fake))
        tolerance = {"atol": 1e-10 * trace, "rtol": 1e-12}
        yield Check(key, compute(), want["value"], **tolerance)
        if real.shape[1] <= 256:  # eigenvectors of larger covariances take seconds
            got = frechet_from_moments(moments_of(real), moments_of(fake), ddof)
            yield Check(f"{key} by moments", got, want["value"], **tolerance)
        if real.dtype == fake.dtype == np.float32:
            values = by_metric(f"frechet-ddof{ddof}", real, fake)
            yield Check(f"{key} by the metric", values["frechet"], want["value"], **tolerance)


def made_by(recipe: str) -> tuple[np.ndarray, np.ndarray]:
    """Features of the recipe `big(i,n,shift,scale)`, whose numbers are read from its text."""
    base = int(found(r"PCG64\((\d+)\+i\)", recipe))
    dim = int(found(r"arange\(1,(\d+)\)", recipe)) - 1
    power = float(found(r"\*\*([\d.]+)", recipe))
    spread = ((1 / np.arange(1, dim + 1)) ** power).astype(np.float32)
    sets = []
    for side in "ab":
        numbers = found(rf"{side}=big\(([^)]*)\)", recipe).split(",")
        i, n, shift, scale = int(numbers[0]), int(numbers[1]), float(numbers[2]), float(numbers[3])
        noise = np.random.Generator(np.random.PCG64(base + i)).standard_normal((n, dim))
        sets.append(np.maximum(noise.astype(np.float32) * spread * scale + shift * spread, 0))
    return sets[0], sets[1]


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"{pattern!r} is not in the recipe {text!r}")
    return match[1]


def by_metric(name: str, real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    """The values of a registered metric on banks that were filled in reverse order."""
    banks = []
    for rows in (real, fake):
        index = np.arange(len(rows))[::-1]
        banks.append(FeatureBank(index, index, rows[::-1]))
    return metric_from(name).finish(banks[0], banks[1], stream(0))


# --- the others ------------------------------------------------------------------------------


def neighbours(case: Case) -> Results:
    features = case.companion(FEATURES)
    rules = {"strict": "ref_float64_direct_strict_lt", "inclusive": "ref_float64_direct_le"}
    for name, entry in case.meta.items():
        real, fake = features[f"pr_{name}/a"], features[f"pr_{name}/b"]
        for text, packages in entry.items():
            k = int(found(r"^k(\d+)$", text))
            yield (
                f"{name}-{text}",
                prdc_checks(real, fake, k, {t: packages[r] for t, r in rules.items()}),
            )


def prdc_checks(
    real: np.ndarray, fake: np.ndarray, k: int, references: Mapping[str, Mapping[str, Any]]
) -> Checks:
    for ties, reference in references.items():
        compute = functools.partial(prdc, real, fake, k, ties)
        if refused(reference):
            yield expect_error(ties, compute, MetricError)
            continue
        values = [compute()]
        if real.dtype == fake.dtype == np.float32:
            pair = [
                by_metric(f"{m}-k{k}-{ties}", real, fake)
                for m in ("precision-recall", "density-coverage")
            ]
            values.append(pair[0] | pair[1])
        for got in values:
            for name, want in reference["value"].items():
                yield Check(f"{ties} {name}", got[name], want, atol=1e-12)


def kid(case: Case) -> Results:
    features = case.companion(FEATURES)
    real, fake = features["kid/a"], features["kid/b"]
    for name, entry in case.meta.items():
        yield name, kid_checks(name, entry, real, fake)


def kid_checks(name: str, entry: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Checks:
    """Float64 columns, and the packages' draws of subsets; they work in float32."""
    if (want := entry.get("iqa_cmmd_rbf_sigma10_scale1000_biased")) is not None:
        for got in (gaussian_mmd(real, fake, 10), by_metric("cmmd", real, fake)["cmmd"]):
            yield Check("cmmd", got, want["value"] if isinstance(want, dict) else want, rtol=1e-4)
    if name.startswith("subsets"):
        yield from subset_checks(entry, real, fake)
    for package, column in entry.items():
        if package.endswith("_f64"):
            want = column["value"]
            mean = want if isinstance(want, float) else want["kernel_inception_distance_mean"]
            for got in (squared_mmd(real, fake), by_metric("kid", real, fake)["kid"]):
                yield Check(package, got, mean, atol=1e-9)
        elif name.startswith("unequal"):
            size, seed = (int(found(rf"{word}(\d+)", package)) for word in ("subset", "seed"))
            got = of_subsets(fake[:70], real, 3, size, seed)
            yield Check(package, np.mean(got), column["value"], atol=KID_FLOAT32)


def subset_checks(entry: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Checks:
    """clean-fid draws from the generated set first, the others from the real one."""
    n, size = entry["num_subsets"], entry["subset_size"]
    clean_fid = of_subsets(fake, real, n, size, entry["seed"])
    yield Check("clean_fid", np.mean(clean_fid), entry["clean_fid"]["value"], atol=KID_FLOAT32)
    dgm_eval = of_subsets(real, fake, n, size, entry["seed"])
    yield Check("dgm_eval", dgm_eval, entry["dgm_eval"]["value"], atol=KID_FLOAT32)
    for package, column in entry.items():
        if package.startswith("torch_fidelity_rng_seed_"):
            values = of_subsets(real, fake, n, size, int(package.rpartition("_")[2]))
            for word, got in (("mean", np.mean(values)), ("std", np.std(values))):
                want = column["value"][f"kernel_inception_distance_{word}"]
                yield Check(f"{package} {word}", got, want, atol=KID_FLOAT32)


def of_subsets(first: np.ndarray, second: np.ndarray, n: int, size: int, seed: int) -> list[float]:
    """KID of n pairs of subsets, drawn in turn from numpy's legacy generator."""
    draws = np.random.RandomState(seed)
    size = min(size, len(first), len(second))
    values = []
    for _ in range(n):
        a, b = (x[draws.choice(len(x), size, replace=False)] for x in (first, second))
        values.append(squared_mmd(a, b))
    return values


def scores(case: Case) -> Results:
    features = case.companion(FEATURES)
    for name, entry in case.meta.items():
        yield name, score_checks(entry, features[f"is_{name}/logits"])


def score_checks(entry: Mapping[str, Any], logits: np.ndarray) -> Checks:
    reference = entry["torch_fidelity_noshuffle"]
    compute = functools.partial(inception_score, logits, entry["splits"])
    if refused(reference):
        yield expect_error("torch_fidelity_noshuffle", compute, MetricError)
        return
    want = [reference["value"][f"inception_score_{x}"] for x in ("mean", "std")]
    by_name = by_metric(f"inception-score-splits{entry['splits']}", logits, logits)
    for got in (compute(), (by_name["inception_score"], by_name["inception_score_std"])):
        yield Check("mean", got[0], want[0], rtol=1e-6)
        yield Check("std", got[1], want[1], rtol=1e-6, atol=1e-12)


def detection(case: Case) -> Results:
    features = case.companion(FEATURES)
    for name, entry in case.meta["cases"].items():
        yield name, detection_checks(entry, features[f"ap_{name}/y"], features[f"ap_{name}/s"])


def detection_checks(entry: Mapping[str, Any], y: np.ndarray, s: np.ndarray) -> Checks:
    compute: Mapping[str, Callable[[], float]] = {
        "average_precision": lambda: average_precision(y, s),
        "roc_auc": lambda: roc_auc(y, s),
        "acc_gt_0.5": lambda: accuracy(y, s),
        "r_acc(y==0)": lambda: accuracy(y[y == 0], s[y == 0]),
        "f_acc(y==1)": lambda: accuracy(y[y == 1], s[y == 1]),
    }
    for name, column in entry.items():
        yield value_or_refusal(name, column, compute[name], atol=1e-12)


def extras(case: Case) -> Results:
    features = case.companion(FEATURES)
    yield "vendi", vendi_checks(case.meta, features["extra/gen"])
    yield "authpct", authenticity_checks(case.meta, features["extra/train"], features["extra/gen"])
    yield (
        "fd_infinity",
        infinity_checks(case.meta["fd_infinity"], features["fdinf/a"], features["fdinf/b"]),
    )
    if (entry := case.meta.get("mind_torch_fidelity_git")) is not None:
        yield "mind", mind_checks(entry, features["fdinf/a"], features["fdinf/b"])


def mind_checks(entry: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Checks:
    """torch-fidelity's, which works in float32; of equal sizes the metric's is the same number."""
    n, seed, equal = entry["num_projections"], entry["rng_seed"], fake[: len(real)]
    wanted = (entry[name]["value"]["monge_inception_distance"] for name in ("equal_n", "unequal_n"))
    for want, other in zip(wanted, (equal, fake), strict=True):
        yield Check(f"of {len(other)}", mind(real, other, n, seed), want, rtol=1e-6)


def vendi_checks(meta: Mapping[str, Any], generated: np.ndarray) -> Checks:
    """All orders whose float32 values are not made of rounding noise.

    The packages keep the eigenvalues that float32 makes of zeros; below order 1, and at order 1
    where they do not sum to 1, these show in the third or fourth digit.
    """
    for name, column in meta["vendi"].items():
        kernel, order, normalised = re.fullmatch(
            r"(\w+)_q([\d.]+|inf)_norm(True|False)", name
        ).groups()
        if float(order) < 1 or (float(order) == 1 and normalised == "False"):
            continue
        got = vendi_score(generated, float(order), normalised == "True", kernel)
        yield Check(name, got, column["value"], rtol=1e-5)
    copies = np.concatenate([generated[:7]] * 5)
    yield Check("duplicates", vendi_score(copies), meta["vendi_duplicates"]["value"], rtol=1e-5)


def authenticity_checks(
    meta: Mapping[str, Any], train: np.ndarray, generated: np.ndarray
) -> Checks:
    """Exact but for the float32 in which the percentages were recorded."""
    with_copies = np.concatenate([train[:20], generated])
    for name, rows in (("authpct", generated), ("authpct_with_copies", with_copies)):
        yield Check(name, authentic_percent(train, rows), meta[name]["value"], rtol=2e-7)


def infinity_checks(entry: Mapping[str, Any], real: np.ndarray, fake: np.ndarray) -> Checks:
    draws = np.random.default_rng(entry["default_rng_seed"])
    subsets = [draws.choice(fake, size, replace=False) for size in entry["sizes"]]
    distances = [frechet_distance(real, subset) for subset in subsets]
    want = entry["value"]["value"]
    yield Check("intercept", at_infinity(entry["sizes"], distances), want, rtol=1e-6)
    yield Check("fd_full", frechet_distance(real, fake), entry["fd_full"]["value"], rtol=1e-6)

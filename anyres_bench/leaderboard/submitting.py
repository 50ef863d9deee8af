"""Results of one model made into a folder that others can check."""

from __future__ import annotations

import datetime
import io
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from anyres_bench import __version__
from anyres_bench.core.errors import DataError, UsageError
from anyres_bench.core.files import atomic_folder, cache_dir, sha256_bytes, write_json
from anyres_bench.core.reporting import progress, say
from anyres_bench.evaluation.banks import kept_bank
from anyres_bench.evaluation.report_samples import samples_path
from anyres_bench.evaluation.strata import states_of
from anyres_bench.features.stats import FeatureBank
from anyres_bench.features.store import FeatureStore
from anyres_bench.leaderboard.checks import VALUES, CheckedSubmission, check
from anyres_bench.leaderboard.enclosed_recipes import recipe_files
from anyres_bench.leaderboard.feature_files import PRECISIONS, feature_files
from anyres_bench.leaderboard.moment_files import follows, moment_files
from anyres_bench.leaderboard.submission import (
    MANIFEST,
    MOST_PATCHES,
    RECORDS,
    SAMPLES,
    Card,
    FileDigest,
    Submission,
)
from anyres_bench.metrics.metric import metric_from
from anyres_bench.results import FeaturesRecord, Result, Task, write_result

_KINDS = ("none", "moments", *PRECISIONS)


@dataclass(frozen=True)
class Enclosed:
    """What goes into a submission besides records.

    Attributes:
        features: "none", "moments", "float16" or "float32".
        samples: whether pictures do.
    """

    features: str = "none"
    samples: bool = True


def submit(
    results: Sequence[Result], out: Path, card: Card, enclosed: Enclosed
) -> CheckedSubmission:
    """Write a submission and check it; nothing is there unless all of it is, and holds.

    Args:
        results: of one model.
        out: a new folder.
        card: what readers have to know of the model.
        enclosed: what goes with the records.

    Returns:
        What `leaderboard check` says of the folder.

    Raises:
        UsageError: results of several models, no licence, a place within another submission, or
            what this machine's cache no longer has.
        DataError: the folder would be refused; the message says by which rules.
        FileExistsError: there is something at `out`.
    """
    _check(results, card, enclosed)
    _check_apart(out)
    with atomic_folder(out) as folder:
        write_submission(folder, results, card, enclosed)
        checked = check(folder)
        if not checked.fits:
            raise DataError(_refusal(checked, enclosed.features))
    return checked


def write_submission(
    folder: Path, results: Sequence[Result], card: Card, enclosed: Enclosed
) -> None:
    """Write the files of a submission into a folder; nothing is checked.

    Raises:
        UsageError: features that this machine's cache no longer has.
    """
    for result in results:
        write_result(folder / RECORDS, result)
    for name, data in _files(results, enclosed):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    made = Submission(
        model=results[0].model.id,
        created=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=__version__,
        card=card,
        files=dict(_digests(folder)),
    )
    write_json(folder / MANIFEST, made.to_json())


def _files(results: Sequence[Result], enclosed: Enclosed) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of what goes with the records."""
    yield from recipe_files(results)
    if enclosed.samples:
        yield from _samples(results)
    if enclosed.features == "moments":
        yield from _moments(results)
    elif enclosed.features != "none":
        yield from _features(results, enclosed.features)


def _refusal(checked: CheckedSubmission, features: str) -> str:
    """Why nothing was written, and what to do."""
    failed = [verdict for verdict in checked.verdicts if verdict.state == "failed"]
    rules = "\n".join(f"  {verdict.rule}: {verdict.said}" for verdict in failed)
    advice = ""
    if features == "float16" and [verdict.rule for verdict in failed] == [VALUES]:
        advice = (
            "\nfloat16 moves a count or a distance further than `check` allows: give "
            "--features float32"
        )
    return f"nothing was written, since `leaderboard check` would refuse it:\n{rules}{advice}"


def _check(results: Sequence[Result], card: Card, enclosed: Enclosed) -> None:
    models = sorted({result.model.id for result in results})
    if len(models) != 1:
        named = ", ".join(models[:5])
        raise UsageError(
            f"a submission is of one model, and these results are of {len(models)}: {named}; name "
            "the files or the folder of one, or choose it with --model"
        )
    if not card.licence.strip() or not card.training_data.strip():
        raise UsageError(
            "a submission says the licence of the model and what it was trained on: give --licence "
            'and --training-data ("unknown" is an answer)'
        )
    if enclosed.features not in _KINDS:
        raise UsageError(f"features {enclosed.features!r}, expected one of {', '.join(_KINDS)}")


def _check_apart(out: Path) -> None:
    """Refuse a place within another submission, which holds nothing that it does not list."""
    for folder in Path(os.path.realpath(out)).parents:
        if (folder / MANIFEST).is_file():
            raise UsageError(
                f"{out} lies within {folder}, which is a submission and would be refused with "
                "another in it; name a place outside of it"
            )


def _digests(folder: Path) -> Iterator[tuple[str, FileDigest]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            name = path.relative_to(folder).as_posix()
            yield name, FileDigest(len(data), sha256_bytes(data))


def _samples(results: Iterable[Result]) -> Iterator[tuple[str, bytes]]:
    """Rows of pictures of the model, a protocol each, at most `MOST_PATCHES` in all.

    They are in the cache only where their licence permits to show them.
    """
    left, seen = MOST_PATCHES, set()
    for protocol, state in _fakes(results):
        if protocol in seen:
            continue
        seen.add(protocol)
        path = samples_path(state.key)
        if not path.is_file():
            continue
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as row:
            n_patches = max(1, round(row.width / row.height))
        if n_patches <= left:
            left -= n_patches
            yield f"{SAMPLES}/{protocol}.png", data


def _fakes(results: Iterable[Result]) -> Iterator[tuple[str, FeaturesRecord]]:
    """Samples of the model, each stratum with the protocol that it is."""
    for result in results:
        for state in states_of(result, "fake"):
            yield str(state.key.get("protocol", Task.parse(result.task).protocol)), state


def _features(results: Sequence[Result], precision: str) -> Iterator[tuple[str, bytes]]:
    """Files of the features of every set of samples, each set once."""
    for bank, state, extractor in _kept(results):
        yield from feature_files(bank, state.key, extractor, precision)


def _moments(results: Sequence[Result]) -> Iterator[tuple[str, bytes]]:
    """Files of the moments of every set of samples from whose moments a value follows."""
    some = [
        result
        for result in results
        if result.reference is None and follows(metric_from(Task.parse(result.task).metric))
    ]
    if not some:
        raise UsageError(
            "no value of these results follows from moments, as Frechet distances do; give "
            "--features float32, float16 or none"
        )
    for bank, state, extractor in _kept(some):
        yield from moment_files(bank, state.key, extractor)


def _kept(results: Iterable[Result]) -> Iterator[tuple[FeatureBank, FeaturesRecord, str]]:
    """Features of every set of samples in this machine's cache, each set once."""
    sets = dict(_sets(results))
    store = FeatureStore(cache_dir() / "features")
    with progress("features", len(sets), unit="set") as bar:
        for state, extractor in sets.values():
            bank = kept_bank(store, state.key, extractor, state.n)
            if bank is None:
                raise UsageError(
                    f"features of {extractor} on {state.key.get('protocol')} are not in this "
                    "machine's cache; submit where the model was evaluated, or --features none"
                )
            yield bank, state, extractor
            bar.update()


def _sets(results: Iterable[Result]) -> Iterator[tuple[str, tuple[FeaturesRecord, str]]]:
    for result in results:
        for state in result.states.values():
            key: Mapping[str, Any] = state.key
            yield f"{sorted(key.items())} {result.extractor.id}", (state, result.extractor.id)


def chosen(results: Iterable[Result], model: str | None) -> list[Result]:
    """The results of a model, where one is named; else all.

    Raises:
        UsageError: there are none of it.
    """
    found = list(results)
    if model is None:
        return found
    some = [result for result in found if model in (result.model.id, result.model.spec)]
    if not some:
        known = ", ".join(sorted({result.model.id for result in found})[:8])
        raise UsageError(f"no results of {model}; there are some of {known}")
    if left := len(found) - len(some):
        say(f"{left} results of other models stay out")
    return some

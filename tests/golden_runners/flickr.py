"""Runner for flickr_size_choice: both policies, row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from anyres_bench.collectors.flickr_sizes import SizeRule, choose_size
from anyres_bench.core.errors import DataError
from tests.golden import Case, Check


def run(case: Case) -> Iterator[tuple[str, Iterable[Check]]]:
    photos = case.meta["photos"]
    for number, row in enumerate(case.meta["rows"]):
        rule = SizeRule(row["mode"], row["minsize"] or 0, row["maxsize"])
        checks = [
            _check(name, photos[row["photo"]], rule, policy, row[name])
            for name, policy in [("official", "anyres"), ("clean", "clean")]
            if name in row
        ]
        yield f"{number}-{row['photo']}-{row['mode']}", checks


def _check(
    name: str, sizes: list[dict[str, Any]], rule: SizeRule, policy: str, want: dict[str, Any]
) -> Check:
    return Check(name, _outcome(sizes, rule, policy), _expected(want))


def _outcome(sizes: list[dict[str, Any]], rule: SizeRule, policy: str) -> list[str]:
    try:
        chosen = choose_size(sizes, rule, policy)
    except DataError:
        return ["refused", "", "", ""]
    if chosen is None:
        return ["no_suitable_size", "", "", ""]
    return ["download", chosen.label, str(chosen.size.width), str(chosen.size.height)]


def _expected(want: dict[str, Any]) -> list[str]:
    outcome = {"script_crash": "refused"}.get(want["outcome"], want["outcome"])
    if outcome != "download":
        return [outcome, "", "", ""]
    return [outcome, want["label"], str(want["width"]), str(want["height"])]

"""The data card: what a dataset holds, what it came from and what it may be used for."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from anyres_bench.building.histograms import histograms, table
from anyres_bench.core.quoting import markdown, markdown_block, terminal, yaml_scalar
from anyres_bench.data.dataset import Dataset

CARD_NAME = "README.md"
_SIZE_CATEGORIES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
# Licences that may be shared at all but forbid changed versions, such as crops and resizes.
_NO_CHANGES = "-ND-"
_HUB_LICENCE = re.compile(r"(?!(?:true|false|yes|no|on|off|null)$)[a-z][a-z0-9.+-]*")
_MOST_NAMED = 20
_NOT_SHAREABLE = ("all-rights-reserved", "unknown")


def card(dataset: Dataset, rejects: Mapping[str, int], notices: Sequence[str]) -> str:
    """The README.md of a dataset; its head is what the Hugging Face hub reads.

    Args:
        dataset: described by its records alone.
        rejects: images that are not in it, by reason.
        notices: what the sources ask to be said.
    """
    licences = _counts(record.licence_id for record in dataset.manifest)
    sources = _counts(record.source for record in dataset.manifest)
    roles = _counts(record.role for record in dataset.manifest)
    left_out = list(rejects.items()) or [("none", 0)]
    parts = [
        _head(dataset, [name for name, _ in licences]),
        f"# {markdown(dataset.id)}",
        f"{len(dataset.manifest)} images at their own sizes, collected with anyres-bench. One row "
        "an image is in `metadata.parquet`, where each came from in `provenance.parquet`, what "
        "was left out and why in `rejects.parquet`, whom to credit in `ATTRIBUTION.csv`.",
        markdown_block(
            f"recipe  {dataset.recipe_id}\ndigest  {dataset.digest}",
        ),
        "The recipe is what was asked for, the digest is what came; two collections are the same "
        "images if and only if their digests are equal.",
        "## What may be done with it",
        *_duties([name for name, _ in licences], notices),
        markdown_block(table("images by licence", licences)),
        "## What it holds",
        markdown_block(table("images by role", roles)),
        markdown_block(table("images by source", sources)),
        *[markdown_block(histogram.text()) for histogram in histograms(dataset.manifest)],
        "## What was left out",
        markdown_block(table("candidates and images by reason", left_out)),
        "Near-duplicates differ in at most "
        f"{dataset.recipe['rules']['distance']} of the 256 bits of a perceptual hash (policy: "
        f"{dataset.recipe['rules']['near_duplicates']}). Images of one photograph share a `group`, "
        "which no split may divide.",
        "## The recipe",
        markdown_block(json.dumps(dict(dataset.recipe), indent=2, sort_keys=True), "json"),
    ]
    return "\n\n".join(parts) + "\n"


def shareable(licence: str) -> bool:
    """Whether pixels under this licence may be passed on at all."""
    return licence not in _NOT_SHAREABLE and not licence.startswith("flickr-")


def _head(dataset: Dataset, licences: Sequence[str]) -> str:
    n = len(dataset.manifest)
    size = next((name for limit, name in _SIZE_CATEGORIES if n < limit), "n>10M")
    one = licences[0].lower() if len(licences) == 1 and shareable(licences[0]) else "other"
    one = one if _HUB_LICENCE.fullmatch(one) else "other"
    lines = [
        f"pretty_name: {yaml_scalar(dataset.id)}",
        f"license: {one}",
        *([] if one != "other" else [f"license_name: {yaml_scalar(_named(licences))}"]),
        "task_categories:\n- unconditional-image-generation",
        f"size_categories:\n- {size}",
        "configs:\n- config_name: default\n  data_files:\n  - images/**\n  - metadata.parquet",
    ]
    return "\n".join(["---", *lines, "---"])


def _duties(licences: Sequence[str], notices: Sequence[str]) -> list[str]:
    said = [terminal(notice).replace("<", "&lt;") for notice in notices]
    if closed := [name for name in licences if not shareable(name)]:
        said.append(
            f"**Not to be passed on.** Some images are under {_told(closed)}: publish the "
            "recipe and the ids, never the pixels."
        )
    if fixed := [name for name in licences if _NO_CHANGES in f"{name}-"]:
        said.append(
            f"**No changed versions.** {_told(fixed)} forbids sharing crops and resized versions."
        )
    said.append(
        "Credit authors as `ATTRIBUTION.csv` lists them. If a picture of yours is in here and you "
        "want it out, tell whoever published this copy; `anyres-bench recheck` removes what has "
        "been withdrawn at its source."
    )
    return said


def _named(licences: Sequence[str]) -> str:
    """Names of licences, most frequent first, as many as one reads."""
    more = f" and {len(licences) - _MOST_NAMED} more" if len(licences) > _MOST_NAMED else ""
    return ", ".join(licences[:_MOST_NAMED]) + more


def _told(licences: Sequence[str]) -> str:
    return markdown(_named(licences))


def _counts(words: Iterable[str]) -> list[tuple[str, int]]:
    return sorted(Counter(words).items(), key=lambda pair: (-pair[1], pair[0]))

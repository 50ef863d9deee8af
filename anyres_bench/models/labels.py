"""Labels of class-conditional models: one for each seed, whoever asks for none by number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeGuard

import numpy as np

from anyres_bench.core.errors import UsageError
from anyres_bench.core.files import sha256_text
from anyres_bench.core.seeds import stream

_MOST = 1 << 40  # images of one label


@dataclass(frozen=True)
class Labels:
    """How labels are drawn.

    Attributes:
        name: for the model's id: all that a label depends on beside its seed.
        counts: how often each label comes, relative to the others.
    """

    name: str
    counts: tuple[int, ...]

    def of(self, seeds: Sequence[int]) -> list[int]:
        """The label of each seed, from the seed's stream "label"."""
        ends = list(accumulate(self.counts))
        places = [stream(seed, "label").integer(0, ends[-1] - 1) for seed in seeds]
        return [int(np.searchsorted(ends, place, side="right")) for place in places]


def read_labels(
    label: str | None, labels: str | None, n_labels: int, counts: Mapping[str, int] | None
) -> Labels | None:
    """The labels that a user asks for; all alike often where nothing is said.

    Args:
        label: option of that name: the number of the only one.
        labels: option of that name: "uniform", or "dataset" for as often as in training.
        n_labels: how many the model knows; 0 for none.
        counts: images of each label that the model was trained on, by name; None if not known.

    Returns:
        None for a model that knows no labels.

    Raises:
        UsageError: there is no such label, both options are given, the model knows no labels, or
            it is not known how often they came.
    """
    if n_labels == 0:
        if label is not None or labels is not None:
            raise UsageError("this model knows no labels; leave the option away")
        return None
    if label is not None and labels is not None:
        raise UsageError(f"label {label!r} and labels {labels!r} exclude each other")
    if label is not None:
        if not label.isdecimal() or int(label) >= n_labels:
            raise UsageError(f"label {label!r} is no number from 0 to {n_labels - 1}")
        chosen = int(label)
        return Labels(f"label{chosen}", tuple(int(i == chosen) for i in range(n_labels)))
    if labels == "dataset":
        if not _are_counts(counts) or len(counts) != n_labels:
            raise UsageError(
                "this checkpoint does not say how often its labels came in training; "
                "use labels=uniform"
            )
        digest = sha256_text(json.dumps(sorted(counts.items())))[:12]
        return Labels(f"labels-dataset@{digest}", tuple(counts[name] for name in sorted(counts)))
    if labels not in (None, "uniform"):
        raise UsageError(f"labels {labels!r}: expected uniform or dataset")
    return Labels("labels-uniform", (1,) * n_labels)


def refuse_labels(name: str, labels: Sequence[int] | None) -> None:
    """Hold that nobody asks a model that knows no labels for one.

    Raises:
        UsageError: somebody does.
    """
    if labels is not None:
        raise UsageError(f"{name} takes no labels by number, got {list(labels)!r:.60}; give none")


def _are_counts(counts: object) -> TypeGuard[Mapping[str, int]]:
    """Whether this is what a trainer counts: a number of each label, and not of none."""
    return (
        isinstance(counts, Mapping)
        and all(type(n) is int and 0 <= n < _MOST for n in counts.values())
        and any(counts.values())
    )

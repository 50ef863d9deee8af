"""Datasets: an id, the images of each role, how they were asked for and what came.

What was asked for (the recipe and its id) and what came (the digest) are two things: a recipe run
again next year may bring other images.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyres_bench.core.enclosure import inner_parts, read_bounded
from anyres_bench.core.errors import DatasetError, UnknownNameError
from anyres_bench.core.files import sha256_text, write_json
from anyres_bench.core.plain import read_json
from anyres_bench.core.registry import nearest
from anyres_bench.data.containers import LARGEST_PIXELS, MAX_PIXELS
from anyres_bench.data.records import ImageRecord, Manifest

DATASET_NAME = "dataset.json"
SCHEMA = 1
_MOST_BYTES = 64 << 20  # of dataset.json
_LONGEST_ID = 120  # bytes
# No separator of task ids and paths, nothing that is not seen, no space or dot at an end.
_ID = re.compile(r"(?![\s.])[^/\\:@\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+(?<![\s.])")


@dataclass(frozen=True)
class Dataset:
    """A folder of images with its manifest.

    Attributes:
        id: short name that stands in task ids ("ffhq6k").
        folder: where the files are; no part of the identity.
        manifest: all images.
        recipe: what was asked for, as plain JSON values without paths outside the folder.
    """

    id: str
    folder: Path
    manifest: Manifest
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> dict[str, Manifest]:
        """Role -> its images."""
        members: dict[str, list[ImageRecord]] = defaultdict(list)
        for record in self.manifest:
            members[record.role].append(record)
        return {role: Manifest(records) for role, records in sorted(members.items())}

    @property
    def recipe_id(self) -> str:
        """SHA-256 of the recipe: what was asked for."""
        return sha256_text(json.dumps(self.recipe, sort_keys=True))

    @property
    def digest(self) -> str:
        """SHA-256 of the records: what came."""
        return self.manifest.digest()

    @property
    def max_pixels(self) -> int:
        """Most pixels of an image: those that its rules accepted, within the bounds for all files.

        At most `containers.LARGEST_PIXELS`, whatever a recipe says.
        """
        rules = self.recipe.get("rules")
        asked = rules.get("max_megapixels") if isinstance(rules, Mapping) else None
        if isinstance(asked, int | float) and asked > MAX_PIXELS / 1e6:
            return int(min(asked * 1e6, LARGEST_PIXELS))
        return MAX_PIXELS

    def role(self, name: str) -> Manifest:
        """The images of one role.

        Raises:
            UnknownNameError: the dataset has no such role.
        """
        roles = self.roles
        if name not in roles:
            hint = nearest(name, roles)
            raise UnknownNameError(f"dataset {self.id} has no role {name!r}; {hint}")
        return roles[name]

    def path(self, record: ImageRecord) -> Path:
        """Where the file of a record is.

        Raises:
            DatasetError: its name leads out of the folder.
        """
        return self.folder.joinpath(*inner_parts(record.file_name))

    def write(self) -> None:
        """Write `metadata.parquet`, then `dataset.json`, which makes the dataset complete."""
        self.manifest.write(self.folder)
        counts = {
            "images": len(self.manifest),
            "roles": {role: len(images) for role, images in self.roles.items()},
            "sources": dict(sorted(Counter(r.source for r in self.manifest).items())),
            "licences": dict(sorted(Counter(r.licence_id for r in self.manifest).items())),
        }
        summary = {
            "schema": SCHEMA,
            "id": self.id,
            "recipe": dict(self.recipe),
            "recipe_id": self.recipe_id,
            "digest": self.digest,
            "counts": counts,
        }
        write_json(self.folder / DATASET_NAME, summary)

    @classmethod
    def read(cls, folder: Path) -> Dataset:
        """Read a dataset folder and check that its manifest is the one it was written with.

        Raises:
            DatasetError: the folder is missing, incomplete, empty, of another schema, or its
                manifest does not have the stated digest.
        """
        folder = Path(folder)
        path = folder / DATASET_NAME
        if not folder.is_dir():
            raise DatasetError(f"no dataset at {folder}: there is no such folder")
        if not path.exists():
            raise DatasetError(
                f"{folder} is not a complete dataset: it has no {DATASET_NAME}; "
                f"make one with `anyres-bench collect folder {shlex.quote(str(folder))} OUT`"
            )
        summary = _read_summary(path)
        schema, name, digest = summary["schema"], summary["id"], summary["digest"]
        if schema != SCHEMA:
            raise DatasetError(f"{path} has schema {schema}, this version reads {SCHEMA}")
        dataset = cls(check_id(name), folder, Manifest.read(folder), summary.get("recipe", {}))
        if not dataset.manifest:
            raise DatasetError(f"{folder} holds no images; see its rejects table for the reasons")
        if dataset.digest != digest:
            raise DatasetError(
                f"{folder}: metadata.parquet has digest {dataset.digest[:12]}, dataset.json says "
                f"{digest[:12]}; one of them was changed by hand: collect the dataset again"
            )
        return dataset


def check_id(name: str) -> str:
    """The id, if it can stand in the id of a task and in the name of a file.

    Raises:
        DatasetError: it is empty, too long, or holds "/", ":", "@", backslashes, control
            characters, or spaces or dots at its ends.

    >>> check_id("birds-2024")
    'birds-2024'
    """
    if not (isinstance(name, str) and _ID.fullmatch(name) and len(name.encode()) <= _LONGEST_ID):
        raise DatasetError(
            f"{name!r:.120} cannot be the id of a dataset: it stands in task ids and file names, "
            'so it has no "/", ":", "@" or control characters and at most '
            f"{_LONGEST_ID} bytes; choose another, such as --id birds-2024"
        )
    return name


def _read_summary(path: Path) -> dict[str, Any]:
    """What `dataset.json` says.

    Raises:
        DatasetError: it is no such file.
    """
    data = read_bounded(path, _MOST_BYTES, "dataset's", DatasetError)
    summary = read_json(data, str(path))
    if not isinstance(summary, dict) or not {"schema", "id", "digest"} <= summary.keys():
        raise DatasetError(f"{path} is damaged: it lacks schema, id or digest; collect it again")
    if not (isinstance(summary["digest"], str) and isinstance(summary.get("recipe", {}), dict)):
        raise DatasetError(f"{path} is damaged: its digest or recipe is none; collect it again")
    return summary


def open_dataset(path: str | Path) -> Dataset:
    """The dataset in a folder; see `Dataset.read`."""
    return Dataset.read(Path(path))

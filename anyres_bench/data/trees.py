"""Folders of image files: what is in them, and what is left out and why, so that it adds up."""

from __future__ import annotations

import os
from pathlib import Path

from anyres_bench.core.files import portable_name


def files_below(root: Path) -> tuple[list[Path], list[tuple[str, Path]]]:
    """All visible files below a folder in the order of their paths, and what is left out.

    Hidden files and folders, such as what a killed run left behind, are passed over.

    Args:
        root: the folder.

    Returns:
        The files, of whatever kind, and (reason, path) of each folder that is not looked into:
        `linked-folder` or `unreadable-folder`.
    """
    files, left_out = list[Path](), list[tuple[str, Path]]()

    def cannot(error: OSError) -> None:
        left_out.append(("unreadable-folder", Path(os.fsdecode(error.filename))))

    for folder, subfolders, names in os.walk(root, onerror=cannot):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        linked = [name for name in subfolders if os.path.islink(os.path.join(folder, name))]
        left_out += [("linked-folder", Path(folder, name)) for name in linked]
        files += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(files, key=_parts), left_out


def _parts(path: Path) -> tuple[str, ...]:
    """What paths are sorted by: the same under any locale."""
    return Path(portable_name(path)).parts

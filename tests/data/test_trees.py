"""What is in a folder, and what is left out of it."""

from __future__ import annotations

from pathlib import Path

from anyres_bench.data.trees import files_below


def test_files_and_what_is_left_out_add_up(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    for path in (root / "b" / "2.png", root / "1.png", root / ".hidden" / "3.png", other / "4.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (root / ".1.png.77-ab.tmp").write_bytes(b"half")
    (root / "5.png").symlink_to(other / "4.png")
    (root / "linked").symlink_to(other)
    files, left_out = files_below(root)
    assert [path.relative_to(root).as_posix() for path in files] == ["1.png", "5.png", "b/2.png"]
    assert left_out == [("linked-folder", root / "linked")]
    assert files_below(tmp_path / "none") == ([], [("unreadable-folder", tmp_path / "none")])

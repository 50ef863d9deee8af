"""Fetch the libraries of the leaderboard's page by npm, as `vendored.json` names them.

    python -m benchmarks.vendor

npm checks each package against the integrity that is written there. A file whose bytes are others
than before is said, and its digest is written anew.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "anyres_bench" / "leaderboard" / "site" / "vendor"


def main() -> None:
    """Fetch, check and write every file."""
    listed = json.loads((FOLDER / "vendored.json").read_text())
    for name, package in listed.items():
        with tempfile.TemporaryDirectory() as folder:
            command = ["npm", "pack", "--json", f"{name}@{package['version']}"]
            packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
            [about] = json.loads(packed.stdout)
            if about["integrity"] != package["integrity"]:
                raise SystemExit(f"{name}: integrity is {about['integrity']}")
            with tarfile.open(Path(folder) / about["filename"]) as archive:
                for file, of in package["files"].items():
                    member = archive.extractfile(f"package/{of['in']}")
                    assert member is not None, f"{name} has no {of['in']}"
                    data = member.read()
                    digest = hashlib.sha256(data).hexdigest()
                    print(f"{file}: {'as it was' if digest == of['sha256'] else 'changed'}")
                    (FOLDER / file).write_bytes(data)
                    of["sha256"] = digest
    (FOLDER / "vendored.json").write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Write the golden files again, after something that users see was changed on purpose.

    python tests/golden/regenerate.py

Look at the difference before committing it (``git diff tests/golden``): every line of it is a line that users will see
change. Names of golden files that are no longer made are deleted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from golden_compare import stable
from golden_study import artefacts, closest_tie

STORED = Path(__file__).resolve().parent / "stored"


def write(made: dict[str, str]) -> None:
    """Replace the stored files by these."""
    for path in sorted(STORED.rglob("*.*")):
        path.unlink()
    for name, text in made.items():
        path = STORED / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stable(text), "utf-8", newline="\n")


def main() -> int:
    """Make both studies, write what users get of them, and say how near the next cell is to another class."""
    with TemporaryDirectory() as name:
        write(artefacts(Path(name)))
        tie = closest_tie(Path(name))
    files = [path for path in STORED.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    sys.stdout.write(f"Written: {len(files)} files, {size / 1000:.0f} kB. Closest tie of two scores: {tie:.1e}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

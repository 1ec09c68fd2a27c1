"""The tables of a comparison as files."""

from __future__ import annotations

from pathlib import Path

from nscweb.services.compare.result import Comparison
from nscweb.services.report import export


def write_comparison(found: Comparison, out_dir: Path) -> dict[str, Path]:
    """Write ``groups.csv``, ``tests.csv`` and ``samples.csv`` into `out_dir`; file name -> path."""
    from nscweb.store.files import atomic_write

    out_dir.mkdir(parents=True, exist_ok=True)
    made = {
        "groups.csv": export.groups_csv(found),
        "tests.csv": export.tests_csv(found),
        "samples.csv": export.samples_csv(found),
    }
    for name, content in made.items():
        with atomic_write(out_dir / name) as stream:
            stream.write(content)
    return {name: out_dir / name for name in made}

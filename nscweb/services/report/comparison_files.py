"""The tables of a comparison as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nscweb.services.compare.result import Comparison
from nscweb.services.report.export import compared_files

if TYPE_CHECKING:
    from nscweb.services.context import App


def write_comparison(app: App, found: Comparison, out_dir: Path) -> dict[str, Path]:
    """Write the tables with what their columns mean and what made them into `out_dir`; file name -> path."""
    from nscweb.store.files import atomic_write

    out_dir.mkdir(parents=True, exist_ok=True)
    made = compared_files(app, found)
    for name, content in made.items():
        with atomic_write(out_dir / name) as stream:
            stream.write(content)
    return {name: out_dir / name for name in made}

"""Runs the benchmarks of reading and writes docs/measured/BENCHMARKS.md from what they measured.

    python benchmarks/write_table.py [--quick] [--out docs/measured/BENCHMARKS.md]

Run it on a calm machine; nothing in the document is typed by hand.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).resolve().parent
# Titles of sections and what the numbers mean; a benchmark is a file here with `measure(quick) -> dict`.
SECTIONS = {
    "ingest": "Import of a zipped export, four channels per cell",
    "cif": "Reading .cif files of the instrument",
}


def machine() -> list[str]:
    """Lines that say where and when."""
    processor = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        names = [line for line in about.read_text("utf-8").splitlines() if line.startswith("model name")]
        processor = names[0].partition(":")[2].strip() if names else processor
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True, check=False
    ).stdout.strip()
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return [
        f"- Machine: {processor}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB, "
        f"{platform.system()}{load}",
        f"- Python {platform.python_version()}",
        f"- Date: {datetime.now(UTC):%Y-%m-%d}",
        f"- Commit: {commit or 'unknown'}",
    ]


def measured(name: str, quick: bool) -> dict[str, Any] | None:
    """Results of one benchmark, None when its file is not there."""
    path = HERE / f"{name}.py"
    if not path.exists():
        return None
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # processes that it starts look it up by name
    specification.loader.exec_module(module)
    result: dict[str, Any] = module.measure(quick=quick)
    return result


def introduction(name: str) -> str:
    """What a benchmark compares: the docstring of its file, without its first line and its usage."""
    import ast

    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text("utf-8"))) or ""
    blocks = [block for block in text.split("\n\n") if not block.strip().startswith("python ")]
    return "\n\n".join([blocks[0].replace("\n", " "), *(block.replace("\n", " ") for block in blocks[1:])])


def as_markdown(found: dict[str, Any]) -> list[str]:
    """Single values as a list, tables of rows as tables."""
    lines = [f"- {words(key)}: {value(item)}" for key, item in found.items() if not isinstance(item, dict)]
    for key, item in found.items():
        if not isinstance(item, dict):
            continue
        lines += ["", f"### {words(key)}", ""]
        if item and all(isinstance(row, dict) for row in item.values()):
            names = list(dict.fromkeys(name for row in item.values() for name in row))
            lines.append("| | " + " | ".join(words(name) for name in names) + " |")
            lines.append("|---|" + "---:|" * len(names))
            for row_name, row in item.items():
                lines.append(f"| {words(row_name)} | " + " | ".join(value(row.get(name, "")) for name in names) + " |")
        else:
            lines += ["| | |", "|---|---:|"]
            lines += [f"| {words(name)} | {value(one)} |" for name, one in item.items()]
    return lines


def words(name: object) -> str:
    if isinstance(name, int):
        return f"{name:,} cells"
    text = str(name).replace("_mb", " (MB)").replace("_", " ")
    return text[:1].upper() + text[1:] if text[:1].isascii() and not text.startswith("nscweb") else text


def value(found: object) -> str:
    if isinstance(found, bool) or found is None:
        return {True: "yes", False: "no", None: ""}[found]
    if isinstance(found, int) or (isinstance(found, float) and found >= 1000):
        return f"{found:,.0f}"
    return f"{found:.3g}" if isinstance(found, float) else str(found)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--out", type=Path, default=HERE.parent / "docs" / "measured" / "BENCHMARKS.md")
    given = options.parse_args()
    sys.path.insert(0, str(HERE))
    lines = ["# Measured speeds", "", "Written by `benchmarks/write_table.py`; do not edit.", "", *machine()]
    for name, title in SECTIONS.items():
        found = measured(name, given.quick)
        if found is None:
            continue
        lines += ["", f"## {title}", "", introduction(name), "", *as_markdown(found)]
    given.out.write_text("\n".join(lines) + "\n", "utf-8")
    print(given.out)


if __name__ == "__main__":
    main()

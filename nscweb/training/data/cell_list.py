"""A list of labelled cell files as JSON, with which training runs on a machine that has no catalogue.

Copy the cell files of a study and this list to a compute node, and ``python -m nscweb.training`` has all it needs.
Paths are relative to the list.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from nscweb.core.errors import InputRefused
from nscweb.core.plain import from_plain, to_plain
from nscweb.training.checkpoint import write_atomically
from nscweb.training.data.dataset import CellFileSource, SampleLabel

FORMAT = 1


def write_cell_list(path: Path, sources: Sequence[CellFileSource], *, simulated: bool, description: str) -> None:
    """Write the list of some cell files; those below its folder are named relative to it."""
    rows = [
        {
            "file": _relative(source.path, path.parent),
            "channels": list(source.channels),
            "class": source.true_class,
            **({} if source.rows is None else {"rows": list(source.rows)}),
            **({} if source.judges else {"judges": False}),
            **to_plain(source.sample),
        }
        for source in sources
    ]
    content = {"format": FORMAT, "simulated": simulated, "description": description, "samples": rows}
    write_atomically(path, (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode())


def read_cell_list(path: Path) -> tuple[list[CellFileSource], bool, str]:
    """The cell files of a list, whether they are simulated, and the sentence that describes them.

    Raises:
        InputRefused: the list cannot be read, or names a file that is not there.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["format"] != FORMAT:
            raise InputRefused(f"The list {path.name} has another format than {FORMAT}.")
        sources = [
            CellFileSource(
                path.parent / row["file"],
                tuple(str(name) for name in row["channels"]),
                from_plain(SampleLabel, row, f"The list {path.name} of training cells", InputRefused),
                str(row["class"]),
                tuple(int(place) for place in row["rows"]) if "rows" in row else None,
                bool(row.get("judges", True)),
            )
            for row in content["samples"]
        ]
        found = sources, bool(content["simulated"]), str(content["description"])
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputRefused(f"The list {path.name} of training cells cannot be read: {error}.") from error
    missing = [source.path.name for source in sources if not source.path.is_file()]
    if missing:
        raise InputRefused(
            f"{len(missing)} of the cell files in {path.name} are not there, {missing[0]} for example.",
            "Copy them beside the list as it names them.",
        )
    return found


def _relative(file: Path, folder: Path) -> str:
    resolved, base = file.resolve(), folder.resolve()
    return (resolved.relative_to(base) if resolved.is_relative_to(base) else resolved).as_posix()

"""Writes the documents that are made from the code: `docs/commands.md` and `docs/columns.md`.

python scripts/write_docs.py          # writes
python scripts/write_docs.py --check  # says which are not as the code is, exit status 1 if any
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).resolve().parents[1] / "docs"


def commands() -> str:
    """Every command with its options, as Markdown."""
    from nscweb.cli.main import app

    lines = [
        "# Every command",
        "",
        "The same tasks as the pages, with the same code behind them. With `--json` a command prints one JSON object.",
        "Made from the program by `python scripts/write_docs.py`.",
        "",
    ]
    for name, command in _leaves("nscweb", typer.main.get_command(app)):
        arguments = [item for item in command.params if item.param_type_name == "argument"]
        options = [item for item in command.params if item.param_type_name == "option" and "--help" not in item.opts]
        words = " ".join(item.name.upper() for item in arguments)
        lines += [f"## `{f'{name} {words}'.strip()}`", "", _plain(command.help or ""), ""]
        rows = [(f"`{item.name.upper()}`", getattr(item, "help", "") or "") for item in arguments]
        rows += [(_option(item), item.help or "") for item in options]
        if rows:
            lines += [
                "| option | meaning |",
                "|---|---|",
                *(f"| {left} | {_plain(right)} |" for left, right in rows),
                "",
            ]
    return "\n".join(lines)


def columns() -> str:
    """Every column of every table, as Markdown."""
    from nscweb.core.columns import CHAPTERS

    lines = [
        "# What every column means",
        "",
        "Every table has these names: files, sheets of the workbook, JSON and the tables of the pages, where the label",
        "is the heading and the meaning is behind its question mark. Each ZIP file and workbook carries the part of",
        "this list that it needs (`columns.csv`, sheet `Columns`). Made by `python scripts/write_docs.py`.",
        "",
        "- Shares and rates are per cent with two decimals, differences of shares are percentage points.",
        "- Scores of single cells and figures of merit are 0 to 1 with four decimals; p values have four significant",
        "  digits.",
        "- `{class}` stands for the name of a class: `{class}_percent` is `neuron_percent` and so on.",
        "- The last columns of every table say what made it: `model`, `run`, `simulated`. Hash of the weights, gates,",
        "  filters and method are in `provenance.json`, and on the first sheet of the workbook.",
        "- Four files have no such columns: the sample sheet, because it can be imported again, and those that are",
        "  written before there is a run or a finished model: `skipped.csv` of an import, `history.csv` of a training",
        "  (the card lies beside it) and `trials.csv` of a search (every line is a training; `search.json` lies beside",
        "  it).",
        "",
    ]
    for title, rows in CHAPTERS.items():
        lines += [f"## {title}", "", "| column | label | unit | digits | meaning |", "|---|---|---|---|---|"]
        for row in rows:
            cells = (f"`{row.name}`", row.label, row.unit, _digits(row.digits), row.meaning)
            lines.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _digits(digits: int | None) -> str:
    if digits is None:
        return ""
    return str(digits) if digits >= 0 else f"{-digits} significant"


MADE: dict[str, Callable[[], str]] = {"commands.md": commands, "columns.md": columns}


def _leaves(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
    for child, found in (children or {}).items():
        yield from _leaves(f"{name} {child}", found)


def _option(option: Any) -> str:
    names = " / ".join([*option.opts, *option.secondary_opts])
    value = "" if option.is_flag else f" {option.opts[-1].strip('-').replace('-', '_').upper()}"
    default = option.default
    shown = not option.is_flag and isinstance(default, str | int | float) and default not in ("", None)
    return f"`{names}{value}`" + (f" ({default})" if shown else "")


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Writes or checks."""
    stale = [name for name, make in MADE.items() if _read(DOCS / name) != make()]
    if "--check" in sys.argv:
        print("\n".join(f"docs/{name} is not as the code is: run python scripts/write_docs.py" for name in stale))
        return 1 if stale else 0
    for name in stale:
        (DOCS / name).write_text(MADE[name](), "utf-8")
        print(f"wrote docs/{name}")
    return 0


def _read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


if __name__ == "__main__":
    sys.exit(main())

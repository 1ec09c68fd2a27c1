"""HTML files out of templates: no script that runs, nothing loaded from anywhere, made for the screen and for paper.

The templates in `templates/` make all markup, and Jinja2 escapes every text that they write; only drawings and styles
of our own come as `Markup`. Here stands what templates need besides: tables, and words that may be broken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from nscweb.figures import look

_TEMPLATES = Path(__file__).with_name("templates")
_DATA_ID = "nscweb-report"
# Words are never broken within so many letters, and words of up to 16 not at all: names of classes and groups stay
# whole; hashes, paths and long names of samples do not.
_WHOLE, _UNBROKEN = 24, 16
# Shorter tables are never divided.
_LEAST_DIVIDED = 6


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes:
        columns: heads.
        rows: text or numbers, written as `str` says; the first of a row is its head.
        numbers: positions of columns that are set to the right.
        caption: what it shows, in a few words.
        over: a line above the head: (text, columns that it spans).
        side_by_side: on paper, every so many rows become a table of their own, two beside each other; 0: one table.
        dense: small type on paper, for many columns.
        cards: on a telephone each row becomes a card with the heads beside its values; else the table scrolls.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: Collection[int] = ()
    caption: str = ""
    over: Sequence[tuple[str, int]] = ()
    side_by_side: int = 0
    dense: bool = False
    cards: bool = False

    @property
    def piece(self) -> int:
        """Rows of each table that it is divided into; 0 where it is not."""
        if not self.side_by_side or len(self.rows) <= _LEAST_DIVIDED:
            return 0
        # No longer than half of what there is, so that a short table is not one high column and nothing beside it.
        return min(self.side_by_side, -(-len(self.rows) // 2))

    def label(self, position: int) -> str:
        """The head of a column beside a value on a card; its level stays on one line."""
        return self.columns[position].replace("95 % ", "95\u00a0%\u00a0")


def render(template: str, **data: Any) -> str:
    """A file of `templates/` filled in.

    Args:
        data: its variables. Text may hold anything; a variable that a template misses is an error.
    """
    return environment().get_template(template).render(machine_id=_DATA_ID, **data)


@cache
def environment() -> Environment:
    """The templates with what they may use: styles of `figures.look`, ``breakable``, ``thousands``."""
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # In a style sheet a quotation mark is one: the font is ours, no name of a user.
    found.globals["look"] = {"INK": look.INK, "MUTED": look.MUTED, "GRID": look.GRID, "FONT": Markup(look.FONT)}
    found.filters |= {"breakable": breakable, "thousands": "{:,}".format}
    # `tojson` writes < > & ' as \u003c and so on: nothing that a user called a sample ends the element around it.
    found.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "allow_nan": False}
    return found


def machine_part(page: str) -> dict[str, Any] | None:
    """What ``page.html`` was given as `machine`; None when the text is no such page or was damaged."""
    start = page.rfind(f'<script type="application/json" id="{_DATA_ID}">')
    end = page.find("</script>", start)
    if start < 0 or end < 0:
        return None
    try:
        found = json.loads(page[page.index(">", start) + 1 : end])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def breakable(value: object) -> Markup:
    """Escaped text whose longest words may be broken: after an underscore or slash, and after 24 letters."""
    text = str(value)
    if max((len(word) for word in text.split()), default=0) <= _UNBROKEN:
        return escape(text)
    parts = re.split(r"(?<=[_/\\])", text)
    return Markup("<wbr>").join(part[i : i + _WHOLE] for part in parts for i in range(0, len(part), _WHOLE))

"""A report as one HTML file: no script, nothing loaded from anywhere, made for the screen and for paper.

Every text is escaped where it is written. The notices stand in the head of a table around everything, which every
browser repeats on each printed page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from nscweb.reports.html_report_style import STYLE

# Nothing but the styles of this file may be used: a browser would refuse a picture or a script from elsewhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_DATA_ID = "nscweb-report"
# Words are never broken within so many letters, and words of up to 16 not at all: names of classes and groups stay
# whole; hashes, paths and long names of samples do not.
_WHOLE, _UNBROKEN = 24, 16


@dataclass(frozen=True)
class Html:
    """Markup that is safe to write as it is; made by the functions of this module alone."""

    text: str


@dataclass(frozen=True)
class Section:
    """One heading with what stands below it.

    Attributes:
        title: plain text.
        parts: markup from the functions of this module.
        new_page: begins on a new sheet of paper.
    """

    title: str
    parts: Sequence[Html]
    new_page: bool = False


def report_page(
    title: str, subtitle: str, notices: Sequence[str], sections: Sequence[Section], machine: Mapping[str, Any]
) -> str:
    """The whole file.

    Args:
        title, subtitle: plain text.
        notices: what must be read first, the gravest first; repeated on every printed page.
        sections: in order.
        machine: what `nscweb rerun` reads, as JSON inside the page; see `machine_part`.
    """
    contents = "".join(
        f'<li><a href="#s{number}">{escape(section.title)}</a></li>' for number, section in enumerate(sections, start=1)
    )
    body = "".join(_section(number, section) for number, section in enumerate(sections, start=1))
    head = "".join(f"<strong>{escape(text)}</strong> " for text in notices)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY, quote=True)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{STYLE}</style></head><body>'
        '<table class="sheet" role="presentation"><thead><tr><td>'
        f'<div class="notice" role="note">{head}</div></td></tr></thead>'
        f"<tbody><tr><td><header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>"
        f'<nav aria-label="Contents"><ol>{contents}</ol></nav><main>{body}</main></td></tr></tbody></table>'
        f'<script type="application/json" id="{_DATA_ID}">{_json(machine)}</script></body></html>\n'
    )


def machine_part(page: str) -> dict[str, Any] | None:
    """What `report_page` was given as `machine`; None when the text is no such page or was damaged."""
    start = page.rfind(f'<script type="application/json" id="{_DATA_ID}">')
    end = page.find("</script>", start)
    if start < 0 or end < 0:
        return None
    try:
        found = json.loads(page[page.index(">", start) + 1 : end])
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _json(data: Mapping[str, Any]) -> str:
    """JSON that cannot end the element around it, whatever a user called a sample."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _section(number: int, section: Section) -> str:
    new = ' class="new"' if section.new_page else ""
    inner = "".join(part.text for part in section.parts)
    return f'<section id="s{number}"{new}><h2>{number}. {escape(section.title)}</h2>{inner}</section>'


def paragraph(text: str, kind: str = "") -> Html:
    """Plain text; `kind` is a style of ours: ``lead``, ``small``, ``warn``."""
    return Html(f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>")


def heading(text: str) -> Html:
    """A heading inside a section."""
    return Html(f"<h3>{escape(text)}</h3>")


def bullets(sentences: Iterable[str], kind: str = "") -> Html:
    """A list; nothing for no sentences."""
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return Html(f'<ul class="{escape(kind)}">{items}</ul>' if items else "")


def numbered(sentences: Iterable[str]) -> Html:
    """A numbered list, for references."""
    items = "".join(f"<li>{escape(text)}</li>" for text in sentences)
    return Html(f'<ol class="references">{items}</ol>' if items else "")


def facts(lines: Iterable[tuple[str, str]]) -> Html:
    """Names and values."""
    rows = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in lines)
    return Html(f'<table class="facts"><tbody>{rows}</tbody></table>')


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Sequence[int] = (),
    *,
    caption: str = "",
    over: Sequence[tuple[str, int]] = (),
    side_by_side: int = 0,
    dense: bool = False,
    cards: bool = False,
) -> Html:
    """A table with its head repeated on each page.

    Args:
        rows: text or numbers, written as `str` says; the first of a row is its head.
        numbers: positions of columns that are set to the right.
        caption: what it shows, in a few words.
        over: a line above the head: (text, columns that it spans).
        side_by_side: on paper, every so many rows become a table of their own, two beside each other; 0: one table.
        dense: small type on paper, for many columns.
        cards: on a telephone each row becomes a card with the heads beside its values; else the table scrolls.
    """
    held = [list(row) for row in rows]
    if not side_by_side or len(held) <= 6:
        drawn_whole = _table(columns, held, set(numbers), caption, over, cards)
        return Html(f'<div class="dense">{drawn_whole}</div>' if dense else drawn_whole)
    # No longer than half of what there is, so that a short table is not one high column and nothing beside it.
    size = min(side_by_side, -(-len(held) // 2))
    pieces = [held[start : start + size] for start in range(0, len(held), size)]
    drawn = [
        _table(columns, piece, set(numbers), caption if not number else f"{caption}, continued", over)
        for number, piece in enumerate(pieces)
    ]
    pairs = ("".join(drawn[start : start + 2]) for start in range(0, len(drawn), 2))
    kind = "pair short" if size <= 20 else "pair"
    return Html("".join(f'<div class="{kind}">{pair}</div>' for pair in pairs))


def _table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    right: set[int],
    caption: str,
    over: Sequence[tuple[str, int]],
    cards: bool = False,
) -> str:
    def cell(position: int, value: object) -> str:
        kind = ' class="n"' if position in right else ""
        if not position:
            return f'<th scope="row"{kind}>{breakable(str(value))}</th>'
        head = columns[position].replace("95 % ", "95\u00a0%\u00a0") if cards else ""
        label = f' data-label="{escape(head, quote=True)}"' if cards else ""
        return f"<td{kind}{label}>{breakable(str(value))}</td>"

    spans = "".join(
        f'<th scope="colgroup" colspan="{number}">{escape(text)}</th>' if text else f'<td colspan="{number}"></td>'
        for text, number in over
    )
    right_set = ' class="n"'
    names = "".join(
        f'<th scope="col"{right_set if position in right else ""}>{breakable(name)}</th>'
        for position, name in enumerate(columns)
    )
    head = (f'<tr class="over">{spans}</tr>' if spans else "") + f"<tr>{names}</tr>"
    body = "".join("<tr>" + "".join(cell(i, v) for i, v in enumerate(row)) + "</tr>" for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    region = f' role="region" tabindex="0" aria-label="{escape(caption, quote=True)}"' if caption else ""
    return (
        f'<div class="wide{" cards" if cards else ""}"{region}><table class="data">{said}<thead>{head}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def breakable(text: str) -> str:
    """Escaped text whose longest words may be broken: after an underscore or slash, and after 24 letters."""
    if max((len(word) for word in text.split()), default=0) <= _UNBROKEN:
        return escape(text)
    parts = re.split(r"(?<=[_/\\])", text)
    short = [part[i : i + _WHOLE] for part in parts for i in range(0, len(part), _WHOLE)]
    return "<wbr>".join(escape(part) for part in short)


def figure(svg: Html, caption: str, narrow: Html | None = None) -> Html:
    """A drawing with the words below it; `narrow` takes its place on a telephone."""
    small = f'<div class="narrow">{narrow.text}</div>' if narrow else ""
    kind = ' class="broad"' if narrow else ""
    return Html(f"<figure><div{kind}>{svg.text}</div>{small}<figcaption>{escape(caption)}</figcaption></figure>")

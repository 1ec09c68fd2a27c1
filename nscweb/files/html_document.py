"""A report as one HTML file: no script, nothing loaded from anywhere, made for the screen and for paper.

Every text is escaped where it is written. The notices stand in the head of a table around everything, which every
browser repeats on each printed page.

Styles of the HTML report: quiet on the screen, dark ink on white paper, no part of a row on two pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from nscweb.figures.look import FONT, GRID, INK, MUTED

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #fff; color: {INK}; font: 15px/1.45 {FONT}; }}
table.sheet {{ width: 100%; max-width: 1120px; margin: 0 auto; border-collapse: collapse; table-layout: fixed; }}
table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0 20px; vertical-align: top; }}
.notice {{ border: 2px solid #8a1c00; color: #8a1c00; background: #fff6f2; border-radius: 4px; padding: 6px 10px;
  margin: 10px 0; font-size: 13px; }}
h1 {{ font-size: 26px; line-height: 1.2; margin: 14px 0 2px; overflow-wrap: anywhere; }}
h2 {{ font-size: 19px; margin: 30px 0 8px; padding-bottom: 3px; border-bottom: 2px solid {INK}; }}
h3 {{ font-size: 15px; margin: 18px 0 4px; }}
header p, .small, figcaption {{ color: {MUTED}; font-size: 13px; }}
p {{ margin: 6px 0; overflow-wrap: anywhere; }}
p.lead {{ font-size: 18px; line-height: 1.4; }}
p.method {{ border-left: 4px solid #0072B2; padding: 2px 0 2px 12px; }}
ul.warn {{ border: 1px solid #c9a227; background: #fffbea; border-radius: 4px; padding: 8px 10px 8px 28px; }}
ul, ol {{ margin: 6px 0; padding-left: 22px; }}
li {{ overflow-wrap: anywhere; }}
nav ol {{ columns: 3 180px; font-size: 14px; padding-left: 24px; }}
nav a {{ color: #0059a0; }}
.references {{ font-size: 13px; color: {MUTED}; }}
.wide {{ overflow-x: auto; }}
.wide:focus-visible {{ outline: 2px solid #0059a0; }}
table.data, table.facts {{ border-collapse: collapse; font-size: 13px; margin: 8px 0; }}
table.data {{ width: 100%; font-variant-numeric: tabular-nums; }}
table.data caption {{ text-align: left; color: {MUTED}; padding: 2px 0; }}
table.data th, table.data td, table.facts th, table.facts td {{ text-align: left; padding: 3px 8px 3px 0;
  border-bottom: 1px solid {GRID}; vertical-align: top; }}
table.data tbody th {{ font-weight: 400; }}
table.data thead th {{ border-bottom: 1.5px solid {INK}; vertical-align: bottom; }}
table.data thead tr.over th {{ border-bottom: 1px solid {MUTED}; text-align: center; }}
table.data thead tr.over td {{ border-bottom: 0; }}
table.data .n {{ text-align: right; padding-right: 12px; }}
table.data tbody .n {{ white-space: nowrap; }}
table.facts th {{ font-weight: 600; width: 190px; }}
table.facts td {{ font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
figure {{ margin: 12px 0; }}
figure svg {{ width: 100%; height: auto; display: block; }}
.narrow {{ display: none; }}
@media (max-width: 600px) {{
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0 10px; }}
  table.facts th {{ width: 110px; }}
  table.data {{ font-size: 12px; }}
  nav ol {{ columns: 1; }}
  nav li {{ padding: 4px 0; }}
}}
@media screen and (max-width: 600px) {{
  .wide:not(.cards) {{ background: linear-gradient(90deg, #fff 40%, #fff0) 0 0 / 36px 100% local,
    linear-gradient(270deg, #fff 40%, #fff0) 100% 0 / 36px 100% local,
    linear-gradient(90deg, #0004, #0000) 0 0 / 12px 100% scroll,
    linear-gradient(270deg, #0004, #0000) 100% 0 / 12px 100% scroll; background-repeat: no-repeat; }}
  .cards table.data, .cards tbody, .cards tbody tr, .cards tbody th, .cards tbody td,
    .cards caption {{ display: block; }}
  .cards thead {{ display: none; }}
  .cards table.data tbody tr {{ border: 1px solid {GRID}; border-radius: 6px; padding: 6px 10px; margin: 8px 0; }}
  .cards table.data tbody th {{ font-weight: 600; font-size: 15px; border: 0; padding: 0 0 2px; }}
  .cards table.data tbody td, .cards table.data tbody td.n {{ display: flex; justify-content: space-between; gap: 12px;
    text-align: right; padding: 2px 0; border: 0; border-top: 1px solid {GRID}; }}
  .cards td::before {{ content: attr(data-label); text-align: left; color: {MUTED}; white-space: normal;
    max-width: 60%; }}
  .broad {{ display: none; }}
  .narrow {{ display: block; }}
}}
@page {{ size: A4; margin: 11mm 12mm; }}
@media print {{
  body {{ font-size: 9pt; line-height: 1.35; }}
  table.sheet {{ max-width: none; }}
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0; }}
  thead {{ display: table-header-group; }}
  .notice {{ margin: 0 0 3mm; font-size: 7.5pt; padding: 1mm 2mm; line-height: 1.25; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  nav {{ display: none; }}
  h1 {{ font-size: 17pt; margin-top: 1mm; }}
  h2 {{ font-size: 12.5pt; margin: 5mm 0 1.5mm; }}
  h3 {{ font-size: 10pt; margin: 3mm 0 1mm; }}
  p.lead {{ font-size: 12.5pt; }}
  header p, .small, figcaption, .references {{ font-size: 8pt; }}
  .wide {{ overflow: visible; }}
  .pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 7mm; align-items: start; }}
  table.data, table.facts {{ font-size: 7.5pt; line-height: 1.2; margin: 1mm 0 2mm; }}
  table.data th, table.data td, table.facts th, table.facts td {{ padding: 0.45mm 1.6mm 0.45mm 0; }}
  table.data .n {{ padding-right: 2mm; }}
  table.data.small, .pair table.data, .dense table.data {{ font-size: 6.8pt; }}
  table.facts th {{ width: 38mm; }}
  tr, figure, li, p, .short {{ break-inside: avoid; }}
  table.sheet > tbody > tr, table.sheet > tbody > tr > td {{ break-inside: auto; }}
  h2, h3, h3 + p.small, caption {{ break-after: avoid; }}
  figure {{ margin: 2mm 0; }}
  section.new {{ break-before: page; }}
  section.new > h2 {{ margin-top: 1mm; }}
  figure, ul.warn {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""


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

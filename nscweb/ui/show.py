"""How things are told: warnings, findings, errors, empty states, facts. User text is always escaped."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import streamlit as st

from nscweb.core.advice import what_to_do
from nscweb.core.errors import NscwebError
from nscweb.core.findings import Finding, FindingLog
from nscweb.ui.text import html
from nscweb.words.numbers import count

LOGGER = logging.getLogger("nscweb.ui")
_LEVEL_WORDS = {
    "refuse": "refused",
    "skip": "left out",
    "warn": "look at this",
    "ignored": "not a cell",
    "note": "note",
}
_TEXT = 2000


@contextmanager
def caught(where: str) -> Iterator[None]:
    """Show an error of the block as what, what to do and a code; anything unforeseen with an id that is in the log."""
    try:
        yield
    except NscwebError as error:
        problem(error)
    except Exception:
        error_id = uuid.uuid4().hex[:8]
        LOGGER.exception("error %s on page %s", error_id, where)
        st.html(
            '<div class="nsc-error" role="alert"><p><b>Something went wrong inside nscweb.</b></p>'
            "<p>Nothing of your data was changed by showing this page. Reload it; if it happens again, "
            f"send the lines with this id from the server's log.</p><code>error id {error_id}</code></div>"
        )


def problem(error: NscwebError) -> None:
    """One error of our own: what happened, what to do, code."""
    todo = f"<p>{html(error.todo, _TEXT)}</p>" if error.todo else ""
    st.html(
        f'<div class="nsc-error" role="alert"><p><b>{html(error.what, _TEXT)}</b></p>{todo}'
        f"<code>{html(error.code)}</code></div>"
    )


def simulated_banner(what: str = "These cells were drawn by a computer, not measured. ") -> None:
    """The strip that stands above everything made from simulated cells."""
    st.html(f'<div class="nsc-simulated" role="note"><b>Simulated data</b><span>{html(what, _TEXT)}</span></div>')


def warnings(sentences: Sequence[str]) -> None:
    """Warnings that belong beside every number, before the numbers."""
    if not sentences:
        return
    lines = "".join(f"<li>{html(sentence, _TEXT)}</li>" for sentence in sentences)
    title = "Read this before the numbers" if len(sentences) > 1 else "Read this first"
    st.html(f'<div class="nsc-warn" role="note"><b>{title}</b><ul>{lines}</ul></div>')


def folded_warnings(sentences: Sequence[str]) -> None:
    """The same in one line that opens; the line says how many there are."""
    if not sentences:
        return
    lines = "".join(f"<li>{html(sentence, _TEXT)}</li>" for sentence in sentences)
    many = "1 remark" if len(sentences) == 1 else f"{len(sentences)} remarks"
    st.html(
        f'<details class="nsc-warn" role="note"><summary><b>Read this before the numbers</b> ({many})</summary>'
        f"<ul>{lines}</ul></details>"
    )


def note(sentence: str) -> None:
    """A quiet blue remark."""
    st.html(f'<div class="nsc-note">{html(sentence, _TEXT)}</div>')


def empty(title: str, what_next: str) -> None:
    """An empty state: what is missing and what to do next."""
    st.html(f'<div class="nsc-empty"><b>{html(title, _TEXT)}</b>{html(what_next, _TEXT)}</div>')


def facts(items: Sequence[tuple[str, str, str]]) -> None:
    """A row of small tiles: (name, value, remark)."""
    tiles = "".join(
        f'<div class="nsc-fact"><div class="k">{html(name)}</div><div class="v">{html(value)}</div>'
        f'<div class="d">{html(remark, 300)}</div></div>'
        for name, value, remark in items
    )
    st.html(f'<div class="nsc-facts">{tiles}</div>')


def key_values(rows: Mapping[str, object]) -> None:
    """A two-column table of plain text."""
    lines = "".join(f"<tr><td>{html(key)}</td><td>{html(value, _TEXT)}</td></tr>" for key, value in rows.items())
    st.html(f'<div class="nsc-scroll"><table class="nsc-kv">{lines}</table></div>')


def bullets(sentences: Iterable[str]) -> None:
    """A list of plain sentences."""
    lines = "".join(f"<li>{html(sentence, _TEXT)}</li>" for sentence in sentences)
    st.html(f'<ul class="nsc-list">{lines}</ul>')


def findings(items: Iterable[Finding], *, limit: int = 40, examples: int = 3) -> None:
    """Findings folded by reason with their counts, gravest first, a few places each."""
    lines = FindingLog(items).by_reason(examples)
    if not lines:
        return
    rows = []
    for line in lines[:limit]:
        places = ", ".join(html(place, 60) for place in line.examples)
        more = ", …" if line.count > len(line.examples) and places else ""
        # A note asks for nothing; for the rest the next step stands beside the reason.
        todo = "" if line.level in ("note", "ignored") else what_to_do(line.code)
        advice = f"<br><b>What to do:</b> {html(todo, _TEXT)}" if todo else ""
        rows.append(
            f'<tr><td><span class="nsc-tag {line.level}">{_LEVEL_WORDS[line.level]}</span></td>'
            f'<td class="n{" once" if line.count == 1 else ""}">{line.count:,}</td><td>{html(line.message, _TEXT)}'
            f"{advice}<br><small>{places}{more}{' · ' if places else ''}{html(line.code)}</small></td></tr>"
        )
    rest = f"<p><small>… and {count(len(lines) - limit, 'more reason')}.</small></p>" if len(lines) > limit else ""
    st.html(
        '<div class="nsc-scroll"><table class="nsc-findings"><tr><th>What</th><th>How often</th><th>Why, '
        "and where</th>"
        f"</tr>{''.join(rows)}</table></div>{rest}"
    )

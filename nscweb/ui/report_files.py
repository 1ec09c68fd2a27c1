"""One place to take the numbers of a run away: a row per file, with its size, made while a bar shows how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from nscweb.core.runs import Run
from nscweb.evaluation.estimates import METHODS
from nscweb.services import comparison, export, report, report_data, statistics
from nscweb.services.context import App
from nscweb.ui import show
from nscweb.ui.text import plain

# Up to this many cells a file is ready before anybody wonders; above, a button makes it and a bar shows how far.
_AT_ONCE = 20_000
# Of every button, pixels, so that the words beside them begin in one line.
_WIDE = 250
_ZIP = "application/zip"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class _File:
    """One row.

    Attributes:
        key: form of services.report.
        label: on the button.
        holds: what is in it, a sentence or two.
        fixed, per_cell: bytes to expect, measured on 500,000 cells of three classes.
    """

    key: str
    label: str
    icon: str
    mime: str
    holds: str
    fixed: int
    per_cell: float


_FILES = (
    _File("html", "Report (HTML)", ":material/description:", "text/html",
          "To read, print or keep: the answer, ratios, tests, fit, gates, model card, and methods for a paper.",
          120_000, 0.0),
    _File("zip", "Everything (ZIP)", ":material/folder_zip:", _ZIP,
          "The report, all tables as CSV, the data behind the figures, FCS and IDEAS files, the model card, the "
          "provenance.", 200_000, 55.0),
    _File("xlsx", "Workbook (XLSX)", ":material/table_view:", _XLSX,
          "All tables as sheets of one workbook; the first sheet says what they are and what made them.", 50_000, 42.0),
    _File("fcs", "Cytometry (FCS, ZIP)", ":material/bubble_chart:", _ZIP,
          "For FlowJo, FCS Express and the like: scores, class and gates of each cell as channels, a file per sample.",
          20_000, 20.0),
    _File("fcs-one", "Cytometry (FCS, one file)", ":material/bubble_chart:", "application/octet-stream",
          "The same with all samples in one file; the sample is a channel.", 2_000, 72.0),
    _File("pop", "Populations (IDEAS, ZIP)", ":material/filter_alt:", _ZIP,
          "One .pop file per sample and class: object numbers, to open the cells of a class in IDEAS.", 10_000, 2.5),
)  # fmt: skip


@dataclass(frozen=True)
class Choices:
    """How the numbers of all files are counted and tested."""

    method: str
    control: str
    adjust: str


def choose(app: App, run: Run) -> Choices:
    """The choices of the page Compare where somebody made some, to be changed here."""
    key = f"compare_{run.run_id}"
    kept = st.session_state
    groups = list(comparison.comparison(app, run).data.options.groups)
    marked = statistics.default_control(app, run) or ""
    with st.expander("How it is counted and tested", icon=":material/calculate:"):
        left, middle, right = st.columns(3)
        methods = list(METHODS)
        method = left.selectbox(
            "Ratios are", methods, index=_place(methods, kept.get(f"{key}_method")), key=f"report_{key}_method",
            format_func=METHODS.__getitem__,
            help="Counted labels are biased by what the model mixes up; the corrected ways undo that. Both stand in "
            "every table.",
        )  # fmt: skip
        controls = ["", *groups]
        control = middle.selectbox(
            "Compared with", controls, index=_place(controls, marked), key=f"report_{key}_control",
            format_func=lambda name: plain(name) if name else "each other (every pair)",
            help="Group that every other group is tested against.",
        )  # fmt: skip
        words = {"holm": "Holm", "fdr_bh": "Benjamini-Hochberg"}
        adjusts = list(words)
        adjust = right.selectbox(
            "p values are adjusted by", adjusts, index=_place(adjusts, kept.get(f"{key}_adjust")),
            key=f"report_{key}_adjust", format_func=words.__getitem__,
            help="Whoever compares many groups finds some difference by chance; the adjustment accounts for it.",
        )  # fmt: skip
    return Choices(method, control, adjust)


def files(app: App, run: Run, chosen: Choices) -> None:
    """A row per file."""
    simulated = "_simulated" if run.provenance.simulated_cells else ""
    for item in _FILES:
        name = f"{run.run_id}{simulated}{report.ENDINGS[item.key]}"
        with st.container(horizontal=True, vertical_alignment="center", key=f"row_{item.key}"):
            if run.cells <= _AT_ONCE:
                _download(item, name, lambda form=item.key: _make(app, run, form, chosen).read_bytes())
                size = f"about {_size(item.fixed + item.per_cell * run.cells)}"
            else:
                size = _two_steps(app, run, item, name, chosen)
            st.html(
                f'<div style="color:#44505d;font-size:0.92rem;line-height:1.35">{item.holds} '
                f'<span style="white-space:nowrap"><b>{size}</b></span></div>',
                width="stretch",
            )


def tables(app: App, run: Run, chosen: Choices) -> None:
    """Single tables as CSV, for those who want no more."""
    simulated = "_simulated" if run.provenance.simulated_cells else ""
    found = comparison.comparison(app, run, None, chosen.method, chosen.control, chosen.adjust)
    makers: dict[str, tuple[Callable[[], bytes], str]] = {
        "Cells": (lambda: export.cells_csv(app, run), "One line per cell: object number, file, scores, class, flags."),
        "Samples": (lambda: export.samples_csv(found), "One line per sample: counts and ratios with 95 % intervals."),
        "Groups": (lambda: export.groups_csv(found), "One line per group, time point and class, over replicates."),
        "Tests": (lambda: export.tests_csv(found), "One line per comparison of two groups."),
        "Provenance": (
            lambda: export.provenance_json(app, found), "Model, hashes, versions, settings, gates, sample sheet.",
        ),
    }  # fmt: skip
    with st.container(horizontal=True):
        for name, (make, tip) in makers.items():
            kind = "json" if name == "Provenance" else "csv"
            st.download_button(
                f"{name} ({kind.upper()})", make, file_name=f"{run.run_id}{simulated}_{name.lower()}.{kind}",
                mime="application/json" if kind == "json" else "text/csv", icon=":material/table:", help=tip,
                key=f"report_{name}", on_click="ignore",
            )  # fmt: skip


def _two_steps(app: App, run: Run, item: _File, name: str, chosen: Choices) -> str:
    """Make, then download; returns the size in words."""
    place = _place_of(app, run, item.key, chosen)
    if place.exists():
        _download(item, name, place.read_bytes)
        return _size(place.stat().st_size)
    if st.button(f"Make: {item.label}", icon=item.icon, key=f"make_{item.key}", width=_WIDE):
        bar = st.progress(0.0, text="Counting …")

        def progress(done: int, total: int, step: str = "") -> None:
            bar.progress(min(1.0, done / total) if total else 0.0, text=f"{step} …")

        with show.caught(f"report_{item.key}"):
            _make(app, run, item.key, chosen, progress)
        st.rerun()
    return f"about {_size(item.fixed + item.per_cell * run.cells)}"


def _download(item: _File, name: str, make: Any) -> None:
    st.download_button(
        item.label, make, file_name=name, mime=item.mime, icon=item.icon, key=f"report_{item.key}",
        on_click="ignore", type="primary" if item.key in ("html", "zip") else "secondary",
        width=_WIDE,
    )  # fmt: skip


def _make(app: App, run: Run, form: str, chosen: Choices, progress: Any = None) -> Path:
    place = _place_of(app, run, form, chosen)
    for old in place.parent.glob(f"{form}-????????????????") if place.parent.exists() else ():
        # Of another version of the sheet, or other choices: big files would pile up.
        old.unlink(missing_ok=True)
    options = {"progress": progress} if progress else {}
    return report.write_report(
        app, run, form, place, method=chosen.method, control=chosen.control, adjust=chosen.adjust, **options
    )


def _place_of(app: App, run: Run, form: str, chosen: Choices) -> Path:
    """Where the file of these choices lies; another place once the sheet or the gates are changed."""
    said = f"{chosen.method} {chosen.control} {chosen.adjust}"
    return report_data.file_place(app, run, form, said)


def _place(options: list[str], wanted: object) -> int:
    return options.index(str(wanted)) if wanted in options else 0


def _size(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 950_000 else f"{max(1, round(size / 1000)):,} kB"

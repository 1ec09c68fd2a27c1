"""One place to take the numbers of a run away: a row per file, with its size, made while a bar shows how far it is.

The bar has the step, what is done, the speed and the time left.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from nscweb.core.progress import Progress, no_progress
from nscweb.core.run_record import Run
from nscweb.services.compare.result import Comparison
from nscweb.services.context import App
from nscweb.services.report import content, export, report, workbook_sheets
from nscweb.services.report.scope import ReportRequest
from nscweb.services.study.gates import gates_of_run
from nscweb.ui import cached, filters, show
from nscweb.ui.compare import question
from nscweb.ui.text import duration

# Below this many things a step counts tables, not cells, and a speed would say nothing.
_COUNTED = 50
_ROWS = "Writing the workbook"
# With so few cells and samples some files are ready before anybody wonders; else a button makes them, with a bar.
_AT_ONCE, _SAMPLES_AT_ONCE = 20_000, 100
# Of every button, pixels, so that the words beside them begin in one line.
_WIDE = 250
_ZIP = "application/zip"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def progress_bar(clock: Callable[[], float] = time.monotonic) -> Progress:
    """Draw a bar here; the result is called with what is done, of how many, and the step.

    Args:
        clock: seconds.
    """
    bar = st.progress(0.0, text="Counting …")
    began: dict[str, float] = {}

    def progress(done: int, total: int, step: str = "") -> None:
        started = began.setdefault(step, clock())
        words = bar_words(done, total, step, clock() - started)
        bar.progress(min(1.0, done / total) if total else 0.0, text=words)

    return progress


def bar_words(done: int, total: int, step: str, seconds: float) -> str:
    """ "Writing the cells: 50,000 of 200,000 cells · 120,000 cells per second · about 2 s left".

    Args:
        seconds: since the step began.
    """
    if total < _COUNTED:
        return f"{step}: step {min(done + 1, total)} of {total} …" if total else f"{step} …"
    thing = "rows" if step == _ROWS else "cells"
    parts = [f"{step}: {done:,} of {total:,} {thing}"]
    if done and seconds > 0:
        speed = done / seconds
        parts.append(f"{speed:,.0f} {thing} per second")
        if done < total:
            parts.append(f"about {duration((total - done) / speed)} left")
    return " · ".join(parts)


@dataclass(frozen=True)
class _File:
    """One row.

    Attributes:
        key: form of services.report.
        label: on the button.
        holds: what is in it, a sentence or two.
        fixed, per_cell, per_sample: bytes to expect, measured on studies of 12,150 and 500,000 cells of three classes.
        per_line: the same for each line of Groups and Tests.
        quick: made at once where there are few cells.
    """

    key: str
    label: str
    icon: str
    mime: str
    holds: str
    fixed: int
    per_cell: float
    per_sample: int
    quick: bool = False
    per_line: int = 0


_FILES = (
    _File(
        "html",
        "Report (HTML)",
        ":material/description:",
        "text/html",
        "To read, print or keep: the answer, ratios, tests, fit, gates, model card, and methods for a paper.",
        60_000,
        0.0,
        1_900,
        per_line=1_100,
    ),
    _File(
        "zip",
        "Everything (ZIP)",
        ":material/folder_zip:",
        _ZIP,
        "The report, all tables as CSV, the data behind every figure, FCS and IDEAS files, the model card, the "
        "provenance.",
        200_000,
        55.0,
        9_000,
    ),
    _File(
        "xlsx",
        "Workbook (XLSX)",
        ":material/table_view:",
        _XLSX,
        "Every table and the data of every figure as a sheet; the first sheet says what made them.",
        80_000,
        43.0,
        2_300,
    ),
    _File(
        "cells",
        "Cells (CSV)",
        ":material/table:",
        "text/csv",
        "One line per cell: object number, file, scores, class, set of classes, light, flags.",
        500,
        359.0,
        0,
        True,
    ),
    _File(
        "fcs",
        "Cytometry (FCS, ZIP)",
        ":material/bubble_chart:",
        _ZIP,
        "For FlowJo, FCS Express and the like: scores, class and gates of each cell as channels, a file per sample.",
        1_000,
        20.0,
        1_900,
        True,
    ),
    _File(
        "fcs-one",
        "Cytometry (FCS, one file)",
        ":material/bubble_chart:",
        "application/octet-stream",
        "The same with all samples in one file; the sample is a channel.",
        3_300,
        76.0,
        0,
        True,
    ),
    _File(
        "pop",
        "Populations (IDEAS, ZIP)",
        ":material/filter_alt:",
        _ZIP,
        "One .pop file per sample and class: object numbers, to open the cells of a class in IDEAS.",
        1_000,
        2.5,
        900,
        True,
    ),
)


@dataclass(frozen=True)
class Choices:
    """How the numbers of all files are counted and tested, and what their answer is about.

    Attributes:
        found: the comparison under these choices.
        time_h: what the first sentence is about; NaN for cells without a time.
        request: the choices.
    """

    found: Comparison
    time_h: float
    request: ReportRequest


def choose(app: App, run: Run) -> Choices:
    """The filters and choices of the pages Predict and Compare, to be changed here as well."""
    options = cached.filter_options(app, run)
    narrowed = filters.dashboard_filters(options, filters.shared_key(run))
    asked = question.ask(app, run, options, narrowed, beside=False)
    with st.expander("Margin and difference of the tests", icon=":material/balance:"):
        left, right = st.columns(2)
        margin = left.number_input(
            "Margin for “no worse” (points)",
            0.5,
            50.0,
            5.0,
            0.5,
            key="report_margin",
            persist_state="session",
            help="The largest difference that would not matter to you; for the table Equivalence.",
        )
        difference = right.number_input(
            "Difference to show (points)",
            0.5,
            90.0,
            10.0,
            0.5,
            key="report_difference",
            persist_state="session",
            help="What your experiment should be able to show; for the table Replicates needed.",
        )
    found = asked.found
    request = ReportRequest(
        filters=found.filters,
        method=found.method,
        control=found.control,
        adjust=found.adjust,
        variance=found.variance,
        fate=asked.fate,
        time_h=None if math.isnan(asked.time_h) else asked.time_h,
        margin=margin / 100,
        difference=difference / 100,
    )
    return Choices(found, asked.time_h, request)


def what_applies(chosen: Choices) -> None:
    """Filters, method, control, fate and time that hold for every file, in words."""
    said = workbook_sheets.choices(chosen.found, chosen.request.fate, chosen.time_h)
    gates = gates_of_run(chosen.found.run).sentence(chosen.found.filters.exclude_flags)
    show.key_values({_begun(name): value for name, value in [*said, ("quality gates", gates)]})


def files(app: App, run: Run, chosen: Choices) -> None:
    """A row per file."""
    simulated = "_simulated" if run.provenance.simulated_cells else ""
    small = run.cells <= _AT_ONCE and len(chosen.found.data.samples) <= _SAMPLES_AT_ONCE
    for item in _FILES:
        name = f"{run.run_id}{simulated}{report.ENDINGS[item.key]}"
        with st.container(horizontal=True, vertical_alignment="center", key=f"row_{item.key}"):
            place = _place_of(app, run, item.key, chosen)
            if place.exists():
                _download(item, name, place.read_bytes)
                size = _size(place.stat().st_size)
            else:
                if item.quick and small:
                    _download(item, name, lambda form=item.key: _make(app, run, form, chosen).read_bytes())
                else:
                    _make_first(app, run, item, chosen)
                size = f"about {_size(_expected(item, chosen.found))}"
            st.html(
                f'<div style="color:#44505d;font-size:0.92rem;line-height:1.35">{item.holds} '
                f'<span style="white-space:nowrap"><b>{size}</b></span></div>',
                width="stretch",
            )


def tables(app: App, run: Run, chosen: Choices) -> None:
    """Single tables as CSV, for those who want no more."""
    simulated = "_simulated" if run.provenance.simulated_cells else ""
    found = chosen.found
    makers: dict[str, tuple[Callable[[], bytes], str]] = {
        "Samples": (lambda: export.samples_csv(found), "One line per sample: counts and ratios with 95 % intervals."),
        "Groups": (lambda: export.groups_csv(found), "One line per group, time point and class, over replicates."),
        "Tests": (lambda: export.tests_csv(found), "One line per comparison of two groups."),
        "Provenance": (
            lambda: export.provenance_json(app, found),
            "Model, hashes, versions, settings, gates, sample sheet.",
        ),
    }
    with st.container(horizontal=True):
        for name, (make, tip) in makers.items():
            kind = "json" if name == "Provenance" else "csv"
            st.download_button(
                f"{name} ({kind.upper()})",
                make,
                file_name=f"{run.run_id}{simulated}_{name.lower()}.{kind}",
                mime="application/json" if kind == "json" else "text/csv",
                icon=":material/table:",
                help=tip,
                key=f"report_{name}",
                on_click="ignore",
            )


def _make_first(app: App, run: Run, item: _File, chosen: Choices) -> None:
    """A button that makes the file; the download takes its place."""
    if st.button(f"Make: {item.label}", icon=item.icon, key=f"make_{item.key}", width=_WIDE):
        with show.caught(f"report_{item.key}"):
            _make(app, run, item.key, chosen, progress_bar())
        st.rerun()


def _download(item: _File, name: str, make: Any) -> None:
    st.download_button(
        item.label,
        make,
        file_name=name,
        mime=item.mime,
        icon=item.icon,
        key=f"report_{item.key}",
        on_click="ignore",
        type="primary" if item.key in ("html", "zip") else "secondary",
        width=_WIDE,
    )


def _make(app: App, run: Run, form: str, chosen: Choices, progress: Progress = no_progress) -> Path:
    place = _place_of(app, run, form, chosen)
    for old in place.parent.glob(f"{form}-????????????????") if place.parent.exists() else ():
        # Of another version of the sheet, or other choices: big files would pile up.
        old.unlink(missing_ok=True)
    return report.write_report(app, run, replace(chosen.request, form=form), place, progress=progress)


def _place_of(app: App, run: Run, form: str, chosen: Choices) -> Path:
    """Where the file of these choices lies; another place once the sheet or the gates are changed."""
    return content.file_place(app, run, replace(chosen.request, form=form))


def _expected(item: _File, found: Comparison) -> float:
    # Cells that filters leave out are in the files of cells all the same, marked as not counted.
    samples = len(found.data.sheet if item.key in ("fcs", "pop", "zip") else found.data.samples)
    lines = len(found.groups) + len(found.tests)
    return item.fixed + item.per_cell * found.run.cells + item.per_sample * samples + item.per_line * lines


def _begun(name: str) -> str:
    """With a capital letter, but for the p of a p value."""
    return name if name.startswith("p ") else name[:1].upper() + name[1:]


def _size(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size >= 950_000 else f"{max(1, round(size / 1000)):,} kB"

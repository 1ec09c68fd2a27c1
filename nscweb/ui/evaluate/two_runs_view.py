"""Two models on the same cells: one sentence, differences with intervals, McNemar, and the cells they differ on."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.timepoint import TimePoint
from nscweb.figures.two_models import difference_by_time_figure, difference_figure
from nscweb.files.plain_tables import csv_bytes
from nscweb.services.cells.cells import GalleryCell
from nscweb.services.context import App
from nscweb.services.evaluate.two_runs import (
    KINDS,
    MCNEMAR_NOTE,
    ModelComparison,
    compared_tables,
    disagreement_page,
    others_of,
)
from nscweb.services.predict.runs import study_of
from nscweb.ui import dataframes, figures, frame, picker, show
from nscweb.ui.cells import gallery
from nscweb.ui.evaluate import cached_parts
from nscweb.ui.text import percent, plain
from nscweb.words.card_words import metric_word
from nscweb.words.numbers import count

PER_PAGE = 12
MODELS_HELP = (
    "Both models judge the very same cells. Samples are drawn again for both at once, so that what is hard about a "
    "sample cancels out, and the interval is that of the difference."
)


def draw(app: App, run: Run) -> None:
    """The section."""
    st.header("Two models on the same cells", anchor=False, help=MODELS_HELP)
    others = others_of(app, run)
    if not others:
        show.empty(
            "There is no second run to compare with",
            "Predict this study with another model that knows the same classes, on the page Predict, and come back.",
        )
        frame.page_link("predict", "Predict with another model")
        return
    by_id = {other.run_id: other for other in others}
    picked = st.selectbox(
        "Compare with",
        list(by_id),
        format_func=lambda run_id: picker.run_title(by_id[run_id]) if run_id in by_id else run_id,
        key=f"evaluate_other_{run.run_id}",
        width=520,
    )
    found = cached_parts.comparison(app, run, by_id[str(picked)])
    show.warnings(found.warnings)
    show.note(found.sentence)
    st.caption(
        f"First: {plain(found.names[0])}. Second: {plain(found.names[1])}. {count(found.cells, 'cell')} of "
        f"{count(found.samples, 'sample')} with a known class. Differences are second minus first."
    )
    _differences(found)
    _mcnemar(found)
    _disagreements(app, found)


def _differences(found: ModelComparison) -> None:
    name = _file(found, "differences")
    data = csv_bytes(compared_tables(found)["differences"])
    several = found.differences["time_h"].notna().any()
    left, right = st.columns(2) if several else (st.container(), None)
    with left:
        figures.show_figure(
            difference_figure(found.differences, found.classes, found.names, simulated=found.simulated),
            name,
            data,
            key="differences",
            alt="Difference of every figure between the two models with 95 % intervals",
        )
    if right is not None:
        with right:
            figures.show_figure(
                difference_by_time_figure(found.differences, found.names, simulated=found.simulated),
                f"{name}_by_time",
                data,
                key="differences_time",
                alt="Difference in accuracy at each time point with 95 % intervals",
            )
    with st.expander("All differences, also by time", icon=":material/table_rows:"):
        dataframes.show_frame(
            compared_tables(found)["differences"].assign(
                figure=lambda table: table["figure"].map(metric_word),
                **{"class": lambda table: table["class"].replace("", "all")},
            ),
            columns=(
                "figure",
                "class",
                "time",
                "first_value",
                "second_value",
                "second_minus_first",
                "difference_low",
                "difference_high",
                "cells",
            ),
        )


def _mcnemar(found: ModelComparison) -> None:
    st.subheader("McNemar's test", anchor=False, help=MCNEMAR_NOTE)
    counts = ("both_right", "only_first_right", "only_second_right", "both_wrong")
    dataframes.show_frame(compared_tables(found)["mcnemar"], columns=("time", "cells", *counts, "p_unadjusted", "test"))
    st.caption(MCNEMAR_NOTE)


def _disagreements(app: App, found: ModelComparison) -> None:
    st.header("Where they differ", anchor=False, help="The cells on which both models are surest come first.")
    rows = found.disagreements
    if rows.empty:
        show.note("The two models give the same answer for every cell.")
        return
    counts = rows["kind"].value_counts()
    offered = ["all", *(kind for kind in KINDS if counts.get(kind, 0))]
    kind = st.pills(
        "Cells",
        offered,
        default="all",
        required=True,
        format_func=lambda name: f"{name} ({len(rows) if name == 'all' else int(counts[name]):,})",
        key=f"disagree_kind_{found.first.run_id}_{found.second.run_id}",
        label_visibility="collapsed",
    )
    wanted = next((name for name in KINDS if name == kind), None)
    total = len(rows) if wanted is None else int(counts[wanted])
    pages = math.ceil(total / PER_PAGE)
    page = 1
    if pages > 1:
        page = int(st.pagination(pages, key=f"disagree_page_{found.first.run_id}_{found.second.run_id}_{kind}"))
    cells, _ = disagreement_page(app, found, wanted, limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
    study = study_of(app, found.first)
    gallery.grid(
        [_tile(found, cell, row) for cell, row in cells],
        width=150,
        pixel_size_um=study.pixel_size_um if study else None,
    )
    st.download_button(
        f"All {count(len(rows), 'cell')} where they differ (CSV)",
        csv_bytes(compared_tables(found)["disagreements"]),
        file_name=f"{_file(found, 'disagreements')}.csv",
        mime="text/csv",
        icon=":material/table:",
        key="disagreements_csv",
        on_click="ignore",
    )


def _tile(found: ModelComparison, cell: GalleryCell, row: dict[str, Any]) -> gallery.Tile:
    truth = str(row["true_class"])
    lines = [
        f"{name}: {row[who]} {percent(float(row[f'{who}_score']), 0)} {'✓' if row[who] == truth else '✗'}"
        for who, name in zip(("first", "second"), found.names, strict=True)
    ]
    return gallery.Tile(
        [("raw image", cell.image)],
        f"true class: {truth}",
        found.classes.colour(truth),
        [*lines, f"object {cell.object_number} · {cell.sample}"],
    )


def _time(hours: float) -> str:
    return TimePoint(float(hours)).label() if hours == hours else "all"


def _file(found: ModelComparison, what: str) -> str:
    name = f"{found.first.run_id}_{found.second.run_id}_{what}"
    return name + ("_simulated" if found.simulated else "")

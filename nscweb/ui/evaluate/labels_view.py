"""Check of the labels: cells whose label held-out scores contradict, as a gallery with a decision for each."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from nscweb.core.run_record import Run
from nscweb.services.cells.cells import GalleryCell
from nscweb.services.context import App
from nscweb.services.evaluate.label_audit import (
    WORDS,
    AuditResult,
    audit_table,
    audit_version,
    contradicted_cells,
    decide,
    decisions,
)
from nscweb.services.predict.runs import study_of
from nscweb.services.report import export
from nscweb.ui import dataframes, jobs, show
from nscweb.ui.cells import gallery
from nscweb.ui.evaluate import cached_parts
from nscweb.ui.text import percent, when
from nscweb.words.numbers import count

PER_PAGE = 12
LABELS_HELP = (
    "Each cell is judged by a fit that never saw its sample. Where the fit is confident of another class than the "
    "label, the cell is shown. Method: confident learning (Northcutt, Jiang and Chuang 2021)."
)
_SHORT = {"wrong": "wrong", "right": "right"}


def draw(app: App, run: Run) -> None:
    """The section."""
    st.header("Check of the labels", anchor=False, help=LABELS_HELP)
    jobs.follow_current(app, "label_audit")
    if jobs.is_following():
        return
    found = cached_parts.audit(app, run)
    if found is None:
        show.empty(
            "The labels of this study have not been checked with this model yet",
            "The check computes features of every cell of known class with the model of this run and fits a logistic "
            "regression to them, sample by sample held out. No network is trained; it takes about as long as a "
            "prediction.",
        )
        if st.button("Check the labels", type="primary", icon=":material/fact_check:", key="audit_start"):
            jobs.start(app, "label_audit", {"run": run.run_id, "labels": audit_version(app, run)})
            st.rerun()
        return
    if found.weak:
        show.warnings([found.sentence])
    else:
        show.note(found.sentence)
    with st.expander("What this can tell and what it cannot", icon=":material/info:", expanded=True):
        show.bullets(found.caveats)
    st.caption(f"{found.how} Made {when(found.made_utc)}.")
    _noise(found)
    _gallery(app, found)


def _noise(found: AuditResult) -> None:
    st.subheader(
        "Contradicted labels by class",
        anchor=False,
        help="The share is that of the cells which carry the label and which the fit surely places in a class: of "
        "these, so many are placed in the other class. Cells that fit no class surely are in no share. Errors of the "
        "fit count here too.",
    )
    table = found.audit.noise
    dataframes.show_frame(
        table,
        "Contradicted labels",
        (
            "label",
            "suggested_class",
            "cells",
            "sure_cells_of_label",
            "cells_of_label",
            "share_of_sure_percent",
            "low_percent",
            "high_percent",
        ),
    )
    st.caption(f"Low and high: 95 %, {found.audit.label}.")
    st.download_button(
        "Contradicted labels by class (CSV)",
        export.run_csv(table, "Contradicted labels", found.run),
        file_name=f"{_file(found)}_noise.csv",
        mime="text/csv",
        icon=":material/table:",
        key="noise_csv",
        on_click="ignore",
        type="tertiary",
    )


def _gallery(app: App, found: AuditResult) -> None:
    st.header("Cells to look at", anchor=False, help="The strongest contradiction comes first.")
    if not found.contradicted:
        show.note("No label is contradicted.")
        return
    labels = [name for name in found.classes.names if (found.table["label"] == name).any()]
    label = st.pills(
        "Label",
        ["", *labels],
        default="",
        required=True,
        format_func=lambda name: f"labelled {name}" if name else "all labels",
        key=f"audit_label_{found.run.run_id}",
        label_visibility="collapsed",
    )
    total = contradicted_cells(app, found, label=label or "", limit=0)[1]
    pages = math.ceil(total / PER_PAGE)
    page = 1
    if pages > 1:
        page = int(st.pagination(pages, key=f"audit_page_{found.run.run_id}_{label}"))
    decided = decisions(app, found.run.study_id)
    cells, _ = contradicted_cells(app, found, label=label or "", limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
    if not cells:
        show.note("No cell with this label is contradicted.")
    study = study_of(app, found.run)
    with st.container(horizontal=True, gap="small"):
        for cell, row in cells:
            with st.container(width=168, gap="small"):
                gallery.grid([_tile(found, cell, row)], width=150, pixel_size_um=study.pixel_size_um if study else None)
                _decision(app, found, row, str(decided.get(cell.cell_id, {}).get("decision", "")))
    said = [item["decision"] for item in decided.values()]
    st.caption(
        f"Decided so far in this study: {said.count('wrong'):,} labels wrong, {said.count('right'):,} right. Decisions "
        "are kept with the study and change no figure; the CSV carries them."
    )
    st.download_button(
        f"{count(found.contradicted, 'contradicted cell')} with decisions (CSV)",
        export.run_csv(audit_table(found, decided), "Labels", found.run),
        file_name=f"{_file(found)}.csv",
        mime="text/csv",
        icon=":material/table:",
        key="audit_csv",
        on_click="ignore",
    )


def _tile(found: AuditResult, cell: GalleryCell, row: dict[str, Any]) -> gallery.Tile:
    label, suggested = str(row["label"]), str(row["suggested"])
    return gallery.Tile(
        [("raw image", cell.image)],
        f"label: {label}",
        found.classes.colour(label),
        [
            f"fits better: {suggested} {percent(float(row[f'p_{suggested}']), 0)}",
            f"score of the label {percent(float(row[f'p_{label}']), 0)}",
            f"object {cell.object_number} · {cell.sample}",
        ],
    )


def _decision(app: App, found: AuditResult, row: dict[str, Any], now: str) -> None:
    cell_id = str(row["cell_id"])
    key = f"audit_decision_{found.run.study_id}_{cell_id}"
    # What the file says wins over what this browser remembers: somebody else may have decided.
    st.session_state[key] = now or None

    def changed() -> None:
        picked = st.session_state.get(key)
        with show.caught("evaluate"):
            decide(
                app,
                found.run.study_id,
                cell_id,
                str(picked) if picked in WORDS else None,
                label=str(row["label"]),
                suggested=str(row["suggested"]),
                run_id=found.run.run_id,
            )

    st.segmented_control("This label is", list(WORDS), format_func=_SHORT.__getitem__, key=key, on_change=changed)


def _file(found: AuditResult) -> str:
    name = f"{found.run.run_id}_label_audit"
    return name + ("_simulated" if found.run.provenance.simulated_cells else "")

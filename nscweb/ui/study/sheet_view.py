"""The sample sheet on the page: edited in place, checked, uploaded and downloaded."""

from __future__ import annotations

import streamlit as st

from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import study as studies
from nscweb.services.study.sheet import SheetUpdate
from nscweb.ui import show
from nscweb.words.numbers import count

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TOLD = "nsc_sheet_told"
_TIME_HELP = (
    "Time since induction with its unit: 12 h, 0.5 d, day 3. A number without a unit is refused, "
    "because 3 could mean hours or days."
)


def sheet(app: App, study: Study) -> None:
    """The whole section."""
    st.caption(
        "One row for each sample. What the folder and file names say is filled in; correct it here. "
        "The dashboard and the evaluation follow the sheet at once, no new prediction is needed."
    )
    _told(study)
    table = studies.sheet_table(app, study.study_id)
    edited = st.data_editor(
        table,
        hide_index=True,
        num_rows="fixed",
        disabled=["sample", "cells"],
        column_config=_columns(),
        key=_key(study),
        height=min(560, 38 + 35 * max(len(table), 1)),
    )
    changed = not edited.equals(table)
    with st.container(horizontal=True):
        if st.button("Save sheet", type="primary", disabled=not changed, icon=":material/save:", key="sheet_save"):
            with show.caught("sheet"):
                _finish(study, studies.update_sheet(app, study.study_id, edited))
        if changed:
            st.caption("Changes are not saved yet.")
    _files(app, study)


def _files(app: App, study: Study) -> None:
    with st.expander("Sheet as a file: download, fill in Excel, upload", icon=":material/table_view:"):
        with st.container(horizontal=True):
            name = f"{study.study_id}_samples"
            st.download_button(
                "Sheet (CSV)",
                lambda: studies.export_sheet(app, study.study_id, "csv"),
                file_name=f"{name}.csv",
                mime="text/csv",
                on_click="ignore",
                key="sheet_csv",
            )
            st.download_button(
                "Sheet (XLSX)",
                lambda: studies.export_sheet(app, study.study_id, "xlsx"),
                file_name=f"{name}.xlsx",
                mime=XLSX,
                on_click="ignore",
                key="sheet_xlsx",
            )
            st.download_button(
                "Empty template (XLSX)",
                lambda: studies.sheet_template("xlsx"),
                file_name="sample_sheet_template.xlsx",
                mime=XLSX,
                on_click="ignore",
                key="sheet_template",
            )
        file = st.file_uploader(
            "Upload a filled sheet (CSV, XLSX, ODS or XLS)",
            type=["csv", "tsv", "txt", "xlsx", "ods", "xls"],
            max_upload_size=20,
            key=f"sheet_file_{_round(study)}",
            help="Rows are matched by the column “sample”. Rows that match nothing and samples without a "
            "row are listed.",
        )
        if file is not None:
            with show.caught("sheet upload"):
                _finish(study, studies.import_sheet(app, study.study_id, file.getvalue(), file.name))


def _finish(study: Study, update: SheetUpdate) -> None:
    """Remember what happened, then draw the page anew with the stored sheet."""
    st.session_state[_TOLD] = (study.study_id, update)
    if not update.rejected:
        # The editor keeps edits by row; a new key starts it from what is stored now.
        st.session_state[f"nsc_sheet_round_{study.study_id}"] = _round(study) + 1
        st.rerun()
    _told(study)


def _told(study: Study) -> None:
    told = st.session_state.pop(_TOLD, None)
    if told is None or told[0] != study.study_id:
        return
    update: SheetUpdate = told[1]
    if update.rejected:
        show.warnings(["Nothing was saved, because some values could not be understood. They are listed below."])
    else:
        show.note(
            f"Saved. {count(update.changed, 'sample')} changed." if update.changed else "Saved. Nothing was different."
        )
    show.findings(update.findings)


def _round(study: Study) -> int:
    return int(st.session_state.get(f"nsc_sheet_round_{study.study_id}", 0))


def _key(study: Study) -> str:
    return f"sheet_{study.study_id}_{_round(study)}"


def _columns() -> dict[str, object]:
    text = st.column_config.TextColumn
    return {
        "sample": text("Sample", help="From the folder and file names.", pinned=True),
        "group": text("Inducer group", help="What the cells were treated with, for example NT3 or RA+SHH."),
        "time": text("Time", help=_TIME_HELP),
        "replicate": text("Replicate", help="Biological replicate. Intervals are taken over replicates."),
        "donor": text("Donor", help="Donor or animal."),
        "instrument": text("Instrument"),
        "control": st.column_config.CheckboxColumn("Control", help="A control sample."),
        "true_class": text("True class", help="Fate of all cells of this sample, if it is known; needed for Evaluate."),
        "cells": st.column_config.NumberColumn("Cells", format="localized"),
    }

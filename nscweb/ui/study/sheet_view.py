"""The sample sheet on the page: edited in place, checked, uploaded and downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

import streamlit as st

from nscweb.core.errors import NscwebError
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.study import study as studies
from nscweb.ui import show
from nscweb.ui.study import plate_map_view, sheet_edits, sheet_outcome
from nscweb.ui.text import label

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Characters of a name from which its column would be wider than this many pixels.
_LONG, _WIDEST = 36, 250
_TIME_HELP = (
    "Time since induction with its unit: 12 h, 0.5 d, day 3. For a number without a unit you are asked, "
    "because 3 could mean hours or days."
)


def sheet(app: App, study: Study) -> None:
    """The whole section."""
    st.caption(
        "One row for each sample. What the folder and file names say is filled in; correct it here. "
        "The dashboard and the evaluation follow the sheet at once, no new prediction is needed."
    )
    sheet_outcome.offer_alike(app, study)
    table = studies.sheet_table(app, study.study_id)
    # Folders that all samples share would push everything else out of a narrow window.
    shared = _shared_folders(table["sample"])
    table["sample"] = [name[len(shared) :] for name in table["sample"]]
    if shared:
        st.caption(label(f"All samples lie in {shared}", 200))
    start = sheet_edits.start_of(study, table)
    # The sample stays in view while the rest is moved, so a long name must not fill a narrow window.
    long = max(map(len, table["sample"]), default=0) > _LONG
    edited = st.data_editor(
        start.table,
        hide_index=True,
        num_rows="fixed",
        disabled=["sample", "cells"],
        column_config=_columns(_WIDEST if long else None),
        key=sheet_edits.editor_key(study),
        height=min(560, 38 + 35 * max(len(table), 1)),
    )
    changed = sheet_edits.remember(study, table, edited)
    if start.kept and changed:
        show.note("The changes that you had not saved are still here. Save or discard them.")
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Save sheet", type="primary", disabled=not changed, icon=":material/save:", key="sheet_save"):
            with show.caught("sheet"):
                whole = edited.assign(sample=[shared + name for name in edited["sample"]])
                sheet_outcome.done(study, studies.update_sheet(app, study.study_id, whole))
        if changed:
            if st.button("Discard changes", icon=":material/close:", key="sheet_discard"):
                sheet_edits.start_anew(study)
                st.rerun()
            st.caption("Changes are not saved yet.")
    sheet_outcome.outcome(app, study, opened=start.opened)
    _files(app, study)
    plate_map_view.plate_map(app, study)


def _files(app: App, study: Study) -> None:
    with st.expander(
        "Sheet as a file: download, fill in Excel, upload",
        icon=":material/table_view:",
        expanded=sheet_outcome.is_told(study),
    ):
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
        uploads = f"nsc_sheet_uploads_{study.study_id}"
        number = int(st.session_state.get(uploads, 0))
        file = st.file_uploader(
            "Upload a filled sheet (CSV, XLSX, ODS or XLS)",
            type=["csv", "tsv", "txt", "xlsx", "ods", "xls", "numbers", "gsheet", "xlsm"],
            max_upload_size=20,
            key=f"sheet_file_{study.study_id}_{number}",
            help="Rows are matched by the names of the samples, also as paths, with endings, or as wells. What "
            "matches nothing and samples without a row are listed.",
        )
        if file is not None:
            # The box is emptied, and what came of it stands above: a message in here would close with it.
            st.session_state[uploads] = number + 1
            try:
                update = studies.import_sheet(app, study.study_id, file.getvalue(), file.name)
            except NscwebError as error:
                sheet_outcome.tell(study, error)
                st.rerun()
            sheet_outcome.done(study, update)


def _shared_folders(names: Iterable[str]) -> str:
    """ "Export/March/" when all names begin with these folders, "" when they share none."""
    folders = [name.split("/")[:-1] for name in names]
    shared = [parts[0] for parts in takewhile(lambda parts: len(set(parts)) == 1, zip(*folders, strict=False))]
    return "".join(f"{part}/" for part in shared)


def _columns(width: int | None) -> dict[str, object]:
    text = st.column_config.TextColumn
    return {
        "sample": text("Sample", help="From the folder and file names.", pinned=True, width=width),
        "group": text("Inducer group", help="What the cells were treated with, for example NT3 or RA+SHH."),
        "time": text("Time", help=_TIME_HELP),
        "replicate": text("Replicate", help="Biological replicate. Intervals are taken over replicates."),
        "donor": text("Donor", help="Donor or animal."),
        "instrument": text("Instrument"),
        "control": st.column_config.CheckboxColumn("Control", help="A control sample."),
        "true_class": text("True class", help="Fate of all cells of this sample, if it is known; needed for Evaluate."),
        "cells": st.column_config.NumberColumn("Cells", format="localized"),
    }

"""Counts by immunofluorescence entered by hand, and predicted ratios tested against them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.classes import ClassScheme
from nscweb.core.columns import heading
from nscweb.core.errors import NscwebError
from nscweb.evaluation.groups.group_errors import GroupErrors
from nscweb.services.compare import staining_counts
from nscweb.services.context import App
from nscweb.services.predict.runs import study_of
from nscweb.ui import show
from nscweb.ui.compare import statistics_tables as tables
from nscweb.ui.compare.statistics_tables import Origin
from nscweb.ui.text import plain

COUNT_HELP = (
    "Counts of marker-positive cells by microscopy. The test takes the count as exact and asks whether the mean of "
    "your replicates differs from it (two-sided one-sample t test, as in Zhu et al. 2021, Fig 4c)."
)


def show_counts(
    app: App, origin: Origin, rows: pd.DataFrame, classes: ClassScheme, adjust: str, errors: GroupErrors
) -> None:
    """The counts of the study, editable, and the comparison below them.

    Args:
        adjust, errors: as the comparisons above have them.
    """
    study = study_of(app, origin.run)
    if study is None:
        return
    st.subheader("Against immunofluorescence counts", anchor=False, help=COUNT_HELP)
    with show.caught("counts"):
        kept = staining_counts.counts_of(app, study.study_id)
        with st.expander("Enter counts", expanded=not kept, icon=":material/edit:"):
            _edit(app, study.study_id, kept, rows, classes, origin.simulated)
        if not kept:
            show.note("No counts are entered for this study yet.")
            return
        if origin.simulated:
            show.warnings([f"These cells are simulated. {staining_counts.CIRCULAR}"])
        table = staining_counts.compare_with_counts(rows, kept, adjust, errors, simulated=origin.simulated)
        tables.show_table("Counted cells", table, origin)
        st.caption(
            "A large p does not show that prediction and count agree: with few replicates it only says that they "
            "could not be told apart. Fields of one culture are not independent cultures."
        )


def _edit(
    app: App,
    study_id: str,
    kept: tuple[staining_counts.Count, ...],
    rows: pd.DataFrame,
    classes: ClassScheme,
    simulated: bool,
) -> None:
    groups = sorted({str(name) for name in rows["group"] if str(name)})
    published = staining_counts.published_counts(groups, classes.names)
    start_key = f"counts_start_{study_id}"
    version = st.session_state.get(f"{start_key}_version", 0)
    start = published if st.session_state.get(start_key) else kept
    edited = st.data_editor(
        staining_counts.counts_table(start),
        num_rows="dynamic",
        hide_index=True,
        key=f"counts_editor_{study_id}_{version}",
        column_config={
            "group": st.column_config.SelectboxColumn(
                "Group", options=sorted({*groups, *(item.group for item in start)}), help="Inducer group."
            ),
            "time_h": st.column_config.NumberColumn(heading("time_h"), help="Hours since induction; 1 day is 24."),
            "fate": st.column_config.SelectboxColumn(
                "Fate",
                options=sorted({*classes.names, *(item.fate for item in start)}),
                help="The predicted class that the marker stands for.",
            ),
            "marker": st.column_config.TextColumn("Marker", help="Such as NeuN, GFAP or Olig2."),
            # No limits here: the editor would cut 250 to 100 without a word. Saving refuses it with a sentence.
            "percent": st.column_config.NumberColumn(
                "Positive (%)", help="Per cent of cells with the marker, from 0 to 100."
            ),
            "n": st.column_config.NumberColumn("Counted (n)", step=1, help="How many were counted, if you know it."),
            "unit": st.column_config.SelectboxColumn(
                "Unit of n", options=list(staining_counts.UNITS), help="What n counts: cells, fields or cultures."
            ),
            "source": st.column_config.TextColumn("Source", help="Where the number is from."),
        },
    )
    left, right = st.columns(2)
    if left.button("Save counts", key=f"counts_save_{study_id}", type="primary"):
        try:
            saved = staining_counts.set_counts(app, study_id, staining_counts.counts_from_table(edited))
        except NscwebError as error:
            show.problem(error)
        else:
            st.session_state.pop(start_key, None)
            st.session_state[f"{start_key}_version"] = version + 1
            st.toast(f"{len(saved)} counts are kept with the study.")
            st.rerun()
    if published and simulated:
        right.caption(f"The counts of Zhu et al. 2021 are not offered for simulated cells. {staining_counts.CIRCULAR}")
    elif published:
        names = ", ".join(dict.fromkeys(plain(item.group) for item in published))
        if right.button(
            "Fill in the published counts",
            key=f"counts_published_{study_id}",
            help=f"Immunofluorescence of Zhu et al. 2021 for {names}: another laboratory, so a landmark and not "
            "the truth for these cells. Nothing is kept until you save.",
        ):
            st.session_state[start_key] = True
            st.session_state[f"{start_key}_version"] = version + 1
            st.rerun()
    else:
        right.caption("No group here has the name of one in Zhu et al. 2021.")

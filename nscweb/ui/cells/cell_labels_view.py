"""The section Labels of the page Cells: what is labelled so far, and the ways to label more."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.services.context import App
from nscweb.services.labels import labels_csv
from nscweb.services.labels.agreed import agreed_labels
from nscweb.services.labels.labels import HOW_WORDS, labels_of
from nscweb.ui import show
from nscweb.ui.cells import by_hand_view, known_view, markers_view
from nscweb.ui.text import label, plain
from nscweb.words.numbers import count

TAB = "Labels"
# In the address: the page begins with this section.
SECTION = "section"
_WAYS = ["By hand", "From markers", "From populations and sheet", "From a file"]
_HELP = (
    "A label says what one cell is, who said it, when and how. Several people may label the same cell; where they "
    "disagree it trains nothing. Labels of single cells train models on the page Models."
)


def wanted() -> bool:
    """Whether the address asks for this section."""
    return str(st.query_params.get(SECTION, "")) == "labels"


def section(app: App, study: Study, run: Run | None) -> None:
    """Labels so far, then the way to label that was chosen."""
    way = st.segmented_control("Label cells", _WAYS, default=_WAYS[0], required=True, key="labels_way", help=_HELP)
    so_far(app, study)
    with show.caught("labels"):
        if way == "By hand":
            by_hand_view.section(app, study, run)
            return
        said = st.session_state.pop("labels_said", "")
        if said:
            show.note(said)
        if way == "From markers":
            markers_view.section(app, study, run)
        elif way == "From a file":
            known_view.files(app, study)
        else:
            known_view.populations_and_sheet(app, study)
        by_hand_view.train_again(app, study)


def so_far(app: App, study: Study) -> None:
    """Counts by class, way and labeller, who disagrees, and the labels as files."""
    agreed = agreed_labels(app, study.study_id)
    if not len(agreed.table) and not len(agreed.disputed):
        return
    judging = int(agreed.table["judges"].sum())
    with st.expander("Labels so far", icon=":material/label:"):
        st.caption(label(agreed.sentence, 600))
        rows = labels_of(app, study.study_id)
        table = rows.groupby(["class", "how", "who"], sort=True).size().reset_index(name="cells")
        table["how"] = table["how"].map(HOW_WORDS)
        heads = {"class": "Class", "how": "How", "who": "Labeller", "cells": "Cells"}
        st.dataframe(_text(table.rename(columns=heads)), hide_index=True)
        st.caption(
            f"{count(judging, 'cell')} may say how good a model is: labelled by a rule for all cells, or drawn at "
            "random. The others were picked and only train."
        )
        if len(agreed.disputed):
            left = agreed.disputed[["sample", "object_number", "said"]].head(200)
            st.dataframe(
                _text(left.rename(columns={"sample": "Sample", "object_number": "Object", "said": "Who says what"})),
                hide_index=True,
            )
        with st.container(horizontal=True):
            for history, name in ((False, "Labels (CSV)"), (True, "History (CSV)")):
                st.download_button(
                    name,
                    lambda history=history: labels_csv.labels_csv(app, study.study_id, history=history),
                    file_name=f"{study.study_id}_{'history_of_labels' if history else 'labels'}.csv",
                    mime="text/csv",
                    icon=":material/table:",
                    key=f"labels_csv_{history}",
                    on_click="ignore",
                )


def _text(table: pd.DataFrame) -> pd.DataFrame:
    """What people typed, safe to show."""
    texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    return table.assign(**{name: table[name].map(plain) for name in texts})

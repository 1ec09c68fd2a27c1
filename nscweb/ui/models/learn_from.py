"""What a training learns from: the classes of whole samples, or labels of single cells."""

from __future__ import annotations

import streamlit as st

from nscweb.services.context import App
from nscweb.services.labels.labels import HOW_WORDS, HOWS, labels_of
from nscweb.services.train.class_sources import ALL_LABELS, chosen_labels
from nscweb.services.train.training_plan import labelled_studies
from nscweb.ui import show
from nscweb.ui.text import label
from nscweb.words.numbers import count

# In the address: the form begins with labels of single cells.
LEARN = "learn"
BY_SAMPLE, BY_CELL = "Classes of samples", "Labels of single cells"
_HELP = (
    "The class of a sample is the medium that it grew in, or what the sheet says of all its cells. Labels of single "
    "cells come from markers, populations, files, the map or a person, on the page Cells."
)


def wanted() -> bool:
    """Whether the address asks for a training from labels."""
    return str(st.query_params.get(LEARN, "")) == "labels"


def choose_labels(app: App, prefix: str) -> tuple[str, ...]:
    """The `labels` of a request; () for the classes of samples, which is all there is while nothing is labelled."""
    there = labelled_studies(app, ALL_LABELS)
    if not there:
        return ()
    sheet = bool(labelled_studies(app))
    choice = st.segmented_control(
        "Learn from",
        [BY_SAMPLE, BY_CELL],
        default=BY_CELL if wanted() or not sheet else BY_SAMPLE,
        required=True,
        key=f"{prefix}_learn_from",
        help=_HELP,
    )
    if choice != BY_CELL:
        return ()
    given = {str(how) for item in there for how in labels_of(app, item.study.study_id)["how"].unique()}
    ways = [how for how in HOWS if how in given]
    chosen = st.pills(
        "Labels given",
        ways,
        selection_mode="multi",
        default=ways,
        format_func=lambda how: HOW_WORDS.get(how, how),
        key=f"{prefix}_label_ways",
    )
    # All of them is said as such, so that the same request takes labels of a kind that comes later.
    return ALL_LABELS if set(chosen) in (set(), set(ways)) else tuple(chosen)


def say_labels(app: App, studies: tuple[str, ...], labels: tuple[str, ...]) -> None:
    """How many cells are labelled and left out, and how many of them judge."""
    for study_id in studies:
        agreed = chosen_labels(app, study_id, labels)
        judging = int(agreed.table["judges"].sum())
        said = f"{app.catalogue.study(study_id).name}: {agreed.sentence}"
        if judging < len(agreed.table):
            said += (
                f" {count(judging, 'cell')} may say how good the model is; the others were picked, by a person or by "
                "what teaches most, and only train."
            )
        st.caption(label(said, 600))
        if not judging:
            show.note("Label some cells that are asked blindly or drawn at random, so that the model can be judged.")

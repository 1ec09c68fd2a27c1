"""Widgets that narrow a dashboard or a gallery; each returns the frozen filter that services understand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from nscweb.core.classes import ClassScheme
from nscweb.core.flags import FLAGS, LEFT_OUT, flag
from nscweb.core.run_record import Run
from nscweb.core.samples import Study
from nscweb.core.timepoint import TimePoint
from nscweb.evaluation.ratios.cell_filters import FilterOptions, Filters
from nscweb.services.cells.cells import CellFilter, Truth
from nscweb.ui.text import plain

_SORTS = {
    "confidence": "surest first",
    "uncertainty": "least sure first",
    "score": "by score of a class",
    "object": "by object number",
    "mixed": "mixed",
}
_TRUTHS: dict[Truth, str] = {"all": "all cells", "right": "right", "wrong": "wrong", "unknown": "truth not known"}
# Streamlit forgets what a page does not draw; these widgets are drawn on two pages and keep what they hold.
_KEPT: dict[str, Any] = {"persist_state": "session"}
CONFIDENCE_HELP = (
    "Confidence is the highest of the class scores of a cell, 0 to 1. "
    "It says how sure the model is, not how right it is."
)
FLAGS_HELP = "Quality flags are measured on the image, without any model: " + " ".join(
    f"{item.label}: {item.help}" for item in FLAGS
)
COUNTS_HELP = (
    "How many cells of the run carry the flag, whatever the other filters say. A cell with two flags is in both "
    "numbers, so these can add up to more cells than are left out."
)


def time_word(hours: float) -> str:
    """Hours as the label of a time point."""
    return TimePoint(hours).label()


def shared_key(run: Run) -> str:
    """Predict and Compare narrow a run together: what is chosen on one page holds on the other."""
    return f"filters_{run.run_id}"


def dashboard_filters(options: FilterOptions, key: str) -> Filters:
    """Groups, time points, replicates, least confidence and quality flags; kept for the session under `key`."""
    with st.expander("Filters", icon=":material/filter_alt:"):
        left, middle, right = st.columns([2, 1, 1])
        groups = left.multiselect(
            "Inducer groups", options.groups, format_func=_name, key=f"{key}_groups", **_KEPT, placeholder="all groups"
        )
        times = middle.multiselect(
            "Time points", options.times_h, format_func=time_word, key=f"{key}_times", **_KEPT, placeholder="all"
        )
        replicates = right.multiselect(
            "Replicates", options.replicates, format_func=_name, key=f"{key}_replicates", **_KEPT, placeholder="all"
        )
        left, right = st.columns(2)
        confidence = left.slider(
            "Least confidence", 0.0, 1.0, 0.0, 0.05, key=f"{key}_confidence", **_KEPT, help=CONFIDENCE_HELP
        )
        left.caption("No effect on corrected ratios; it changes counted labels only.")
        flags = right.multiselect(
            "Leave out cells that are",
            [item.name for item in FLAGS],
            default=list(LEFT_OUT),
            format_func=lambda name: _flag_word(name, options.flag_counts),
            key=f"{key}_flags",
            **_KEPT,
            placeholder="leave out none",
            help=f"{COUNTS_HELP} {FLAGS_HELP}",
        )
    return Filters(tuple(groups), tuple(times), tuple(replicates), float(confidence), tuple(flags))


def cell_filters(
    study: Study, run: Run, key: str, flag_counts: Mapping[str, int], populations: Collection[str] = ()
) -> CellFilter:
    """Sample, class, confidence, truth, flags and order of a gallery.

    Args:
        flag_counts: quality flag -> cells of the whole run that have it.
        populations: names of the populations and drawn gates of the study.
    """
    first, second, third = st.columns(3)
    sample = first.selectbox(
        "Sample",
        ["", *(item.name for item in study.samples)],
        format_func=lambda name: plain(name) if name else "all samples",
        key=f"{key}_sample",
    )
    predicted = second.selectbox(
        "Predicted as", ["", *run.class_names], format_func=lambda name: name or "any class", key=f"{key}_class"
    )
    sort = third.selectbox("Order", list(_SORTS), format_func=_SORTS.__getitem__, key=f"{key}_sort")
    score_class = ""
    with st.expander("More filters", icon=":material/filter_alt:"):
        left, right = st.columns(2)
        low, high = left.slider("Confidence", 0.0, 1.0, (0.0, 1.0), 0.05, key=f"{key}_confidence", help=CONFIDENCE_HELP)
        names = [item.name for item in FLAGS]
        flags = right.multiselect(
            "Only cells that are",
            names,
            format_func=lambda name: _flag_word(name, flag_counts),
            key=f"{key}_flags",
            placeholder="any quality",
            help=f"{COUNTS_HELP} {FLAGS_HELP}",
        )
        truth: Truth = "all"
        if any(item.true_class for item in study.samples):
            truth = left.selectbox(
                "Prediction",
                list(_TRUTHS),
                format_func=_TRUTHS.__getitem__,
                key=f"{key}_truth",
                help="Compared with the true class in the sample sheet.",
            )
        population = ""
        if populations:
            population = left.selectbox(
                "Population or drawn gate",
                ["", *populations],
                format_func=lambda name: plain(name) if name else "all cells",
                key=f"{key}_population",
            )
        score_class = right.selectbox(
            "Class whose score orders", list(run.class_names), key=f"{key}_score", disabled=sort != "score"
        )
    return CellFilter(
        sample=sample,
        predicted=predicted,
        truth=truth,
        min_confidence=low,
        max_confidence=high,
        only_flags=tuple(flags),
        population=population,
        sort=sort,
        score_class=score_class if sort == "score" else "",
    )


def class_to_explain(classes: ClassScheme, key: str) -> str:
    """The class that a map speaks for: that of each cell's prediction, or one for all."""
    return str(
        st.selectbox(
            "Map for",
            ["predicted", *classes.names],
            format_func=lambda name: "the predicted class of each cell" if name == "predicted" else name,
            key=f"{key}_explain",
            help="The map shows which parts of the image raise the score of this class (class activation "
            "map). "
            "It says where the model looked, not why a cell is what it is.",
        )
    )


def _name(text: str) -> str:
    return plain(text) if text else "(not given)"


def _flag_word(name: str, counts: Mapping[str, int]) -> str:
    return f"{flag(name).label} ({counts.get(name, 0):,} carry this flag)"

"""The overview of a comparison: the answer in words, and its figures, all in the same order of groups and times."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from nscweb.figures import group_data, group_times, groups
from nscweb.figures.look import NO_GROUP
from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare import score_spread, staining_counts
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.compare.answer_view import answer_html
from nscweb.ui.compare.question import Asked
from nscweb.ui.text import plain
from nscweb.words.marks import MARK_HELP

SUPERPLOT_HELP = (
    "Points are biological replicates, the bar is their mean with its 95 % interval. The grey shape is how the scores "
    "of the single cells are spread; cells of one culture are not independent, so they add nothing to the interval. "
    + MARK_HELP
)


def answer(asked: Asked) -> None:
    """The sentences on top of Predict and Compare."""
    st.html(answer_html(asked))


def order_of(asked: Asked) -> tuple[str, ...]:
    """Groups in the order of the answer: one order for all figures and tables."""
    return comparisons.answer_of(asked.found, asked.fate, asked.time_h).order


def side_by_side(app: App, asked: Asked) -> None:
    """Replicates, mean and interval of each group at the chosen time, one panel per fate."""
    found = asked.found
    st.subheader("Replicates, mean and interval", anchor=False, help=SUPERPLOT_HELP)
    order = order_of(asked)
    bins = score_spread.score_bins(app, found.run, found.filters)
    figure = groups.superplot(
        found.groups,
        found.replicate_rows,
        bins,
        found.classes,
        order,
        asked.time_h,
        first=asked.fate,
        naive=asked.naive,
        simulated=found.data.simulated,
    )
    table = group_data.group_data(group_data.at_time(found.groups, asked.time_h), order, found.classes.names)
    points = group_data.point_data(group_data.at_time(found.replicate_rows, asked.time_h), order, found.classes.names)
    _draw(
        asked,
        figure,
        group_data.means_and_points(table, points),
        "replicates",
        "One panel per fate: replicates as points, mean with 95 % interval, cells lightly behind",
    )


def differences(asked: Asked) -> None:
    """Difference of each group from the control, or from the leader, with interval and adjusted p."""
    found = asked.found
    said = comparisons.answer_of(found, asked.fate, asked.time_h)
    against = found.control or said.leader
    st.subheader(
        "Differences",
        anchor=False,
        help="Difference of means over replicates in percentage points, with the 95 % interval of the "
        f"{found.errors.test} for this pair. The p value is adjusted for all comparisons at this time point and fate.",
    )
    if not found.control and said.verdict == "none":
        show.note("There is no group whose number can be relied on, so there is nothing to compare with.")
        return
    figure = groups.differences(
        found.tests, found.groups, said.order, asked.fate, asked.time_h, against, simulated=found.data.simulated
    )
    st.caption("Each bar is the 95 % interval of its pair alone; the p value accounts for all comparisons.")
    table = group_data.difference_data(found.tests, said.order, asked.fate, asked.time_h, against)
    _draw(
        asked,
        figure,
        table,
        "differences",
        f"Difference of each group from {plain(against or NO_GROUP)} in points with 95 % interval and adjusted p",
    )


def heat_map(asked: Asked) -> None:
    """Group by time with the values in the fields."""
    found, order = asked.found, order_of(asked)
    st.subheader(f"All groups and times: {plain(asked.fate)}", anchor=False, help=MARK_HELP)
    figure = group_times.heat_map(found.groups, found.classes, order, asked.fate, simulated=found.data.simulated)
    table = group_data.group_data(found.groups, order, [asked.fate])
    _draw(asked, figure, table, "heat_map", "Heat map: mean per cent of one fate, groups down, times across")


def over_time(app: App, asked: Asked) -> None:
    """One small panel per group over time; published counts on demand."""
    found, order = asked.found, order_of(asked)
    st.subheader(f"Each group over time: {plain(asked.fate)}", anchor=False, help=SUPERPLOT_HELP)
    reference = None
    if st.toggle(
        "Lay the published immunofluorescence over it",
        key="with_reference",
        help="Shares of marker-positive cells counted by immunofluorescence in Zhu et al. 2021 (NeuN for neurons, "
        "GFAP for astrocytes, Olig2 for oligodendrocytes). They come from another laboratory, other cultures and "
        "another method, so they are a landmark and not the truth for your cells.",
    ):
        reference = group_data.landmarks(order, asked.fate)
        show.note(
            "Open diamonds: per cent of marker-positive cells by immunofluorescence as printed in Zhu et al. 2021. "
            "Another laboratory and another method: a landmark, not the truth for these cells. Shown where group "
            "names agree."
        )
        if found.data.simulated:
            show.warnings([f"These cells are simulated. {staining_counts.CIRCULAR}"])
    bins = score_spread.score_bins(app, found.run, found.filters)
    figure = group_times.over_time(
        found.groups,
        found.replicate_rows,
        bins,
        found.classes,
        order,
        asked.fate,
        reference=reference,
        naive=asked.naive,
        simulated=found.data.simulated,
    )
    table = group_data.means_and_points(
        group_data.group_data(found.groups, order, [asked.fate]),
        group_data.point_data(found.replicate_rows, order, [asked.fate]),
    )
    _draw(asked, figure, table, "over_time", "One panel per group: mean over time with interval and replicates")


# Figure of the overview -> table that its data are.
_DATA = {
    "differences": "Fig differences",
    "heat_map": "Fig means",
    "over_time": "Fig replicates",
    "replicates": "Fig replicates",
}


def _draw(asked: Asked, figure: Any, table: pd.DataFrame, what: str, alt: str) -> None:
    found = asked.found
    name = f"{found.run.run_id}_{what}" + ("_simulated" if found.data.simulated else "")
    data = export.run_csv(table, _DATA[what], found.run)
    figures.show_figure(figure, name, data, key=what, alt=alt)

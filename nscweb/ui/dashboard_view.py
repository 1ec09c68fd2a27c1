"""The dashboard: what was counted, ratios over time as bars and as lines, and the table behind them."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.evaluation.reference import published_reference
from nscweb.reports.figures_ratio_lines import ratio_lines, ratio_lines_data
from nscweb.reports.figures_ratios import stacked_ratios, stacked_ratios_data
from nscweb.services import export
from nscweb.services.context import App
from nscweb.services.dashboard import DashboardData
from nscweb.ui import figures, show
from nscweb.ui.filters import time_word
from nscweb.ui.text import count, percent

RATIO_HELP = (
    "A ratio is the share of the counted cells of a sample that were predicted as this class. "
    "The replicate is the unit: mean and 95 % interval are taken over replicates, never over pooled cells."
)


def numbers(data: DashboardData) -> None:
    """Cells counted, samples, groups, and why cells were left out."""
    left_out = data.cells - data.kept
    groups = data.samples["group"].nunique() if len(data.samples) else 0
    show.facts(
        [
            ("Cells counted", f"{data.kept:,}", f"of {data.cells:,}"),
            ("Samples", f"{len(data.samples):,}", ""),
            ("Inducer groups", f"{groups:,}", ""),
            ("Model", data.run.model, f"run {data.run.run_id}"),
        ]
    )
    if left_out:
        reasons = "; ".join(f"{reason} {number:,}" for reason, number in data.dropped.items() if number)
        st.caption(f"Left out: {count(left_out, 'cell')} ({reasons}). Change it in the filters above.")


def stacked(data: DashboardData) -> None:
    """Stacked mean ratios over time, one panel per group."""
    st.subheader("Ratios over time in each inducer group", anchor=False, help=RATIO_HELP)
    figure = stacked_ratios(data.group_ratios, data.classes, simulated=data.simulated)
    figures.show_figure(
        figure,
        _file(data, "ratios_stacked"),
        export.with_gates(stacked_ratios_data(data.group_ratios, data.classes), data.run, data.filters),
        key="stacked",
        alt="Stacked bars: mean share of each predicted class over time, one panel per inducer group",
    )


def lines(data: DashboardData) -> None:
    """Lines per class with 95 % intervals and one point per replicate; the published reference on demand."""
    st.subheader("The same with intervals and replicates", anchor=False, help=RATIO_HELP)
    reference = None
    if st.toggle(
        "Lay the published immunofluorescence over it",
        key="with_reference",
        help="Shares of marker-positive cells counted by immunofluorescence in Zhu et al. 2021 "
        "(NeuN for neurons, GFAP for astrocytes, Olig2 for oligodendrocytes). They come from another "
        "laboratory, "
        "other cultures and another method, so they are a landmark and not the truth for your cells.",
    ):
        reference = published_reference()
        show.note(
            "Open diamonds: per cent of marker-positive cells by immunofluorescence as printed in Zhu et "
            "al. 2021. Another "
            "laboratory and another method: a landmark, not the truth for these cells. Shown where group "
            "names agree."
        )
    figure = ratio_lines(
        data.group_ratios, data.sample_ratios, data.classes, reference=reference, simulated=data.simulated
    )
    figures.show_figure(
        figure,
        _file(data, "ratios_lines"),
        export.with_gates(
            ratio_lines_data(data.group_ratios, data.sample_ratios, data.classes, reference=reference),
            data.run,
            data.filters,
        ),
        key="lines",
        alt="Lines: share of each predicted class over time with 95 % intervals, one point per replicate",
    )


def tables(app: App, data: DashboardData) -> None:
    """Group, time, replicate, cells and ratios, for groups or for samples."""
    st.subheader("Table", anchor=False, help=RATIO_HELP)
    level = st.segmented_control(
        "One row for each",
        ["group and time", "sample"],
        default="group and time",
        required=True,
        key="table_level",
    )
    if level == "sample":
        st.dataframe(samples_table(data), hide_index=True)
        st.download_button(
            "Samples (CSV)",
            export.samples_csv(data),
            file_name=f"{_file(data, 'samples')}.csv",
            mime="text/csv",
            icon=":material/table:",
            key="samples_csv",
            on_click="ignore",
        )
    else:
        st.dataframe(groups_table(data), hide_index=True)
        st.caption(
            "Brackets: 95 % interval over replicates (t). With a single replicate the interval comes "
            "from the cells "
            "alone (Wilson), is marked *, and says nothing about how replicates differ."
        )
        st.download_button(
            "Groups (CSV)",
            export.groups_csv(data),
            file_name=f"{_file(data, 'groups')}.csv",
            mime="text/csv",
            icon=":material/table:",
            key="groups_csv",
            on_click="ignore",
        )


def samples_table(data: DashboardData) -> pd.DataFrame:
    """One row per sample for people."""
    table = data.samples
    shown = pd.DataFrame(
        {
            "Sample": table["sample_id"].astype(str),
            "Group": table["group"].astype(str),
            "Time": [_time(hours) for hours in table["time_h"]],
            "Replicate": table["replicate"].astype(str),
            "Cells": table["cells"],
        }
    )
    for name in data.classes.names:
        shown[f"{name} %"] = (100 * table[f"ratio_{name}"]).round(1)
    return shown


def groups_table(data: DashboardData) -> pd.DataFrame:
    """One row per group and time point for people; ratios with their interval in one cell."""
    table = data.groups
    shown = pd.DataFrame(
        {
            "Group": table["group"].astype(str),
            "Time": [_time(hours) for hours in table["time_h"]],
            "Replicates": table["replicates"],
            "Cells": table["cells"],
        }
    )
    star = ["*" if count < 2 else "" for count in table["replicates"]]
    for name in data.classes.names:
        columns = zip(table[f"mean_{name}"], table[f"low_{name}"], table[f"high_{name}"], star, strict=True)
        shown[name] = [
            f"{percent(mean)} [{100 * low:.1f}–{100 * high:.1f}]{mark}" for mean, low, high, mark in columns
        ]
    return shown


def _time(hours: float) -> str:
    return "" if pd.isna(hours) else time_word(float(hours))


def _file(data: DashboardData, what: str) -> str:
    return f"{data.run.run_id}_{what}" + ("_simulated" if data.simulated else "")

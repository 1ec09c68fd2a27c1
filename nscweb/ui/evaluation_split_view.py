"""Choosing a part of the evaluated cells, and the table of all parts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from nscweb.services.context import App
from nscweb.services.evaluate.by_parts import SPLITS, PartEvaluation, parts_table, wide_table
from nscweb.services.evaluate.evaluate import Evaluation
from nscweb.services.report import export
from nscweb.ui import evaluation_cached
from nscweb.ui.cards import METRIC_HELP, metric_word
from nscweb.ui.text import plain

_ALL = "all"
SPLIT_HELP = (
    "Figures over all cells can hide that one time point, group, replicate or instrument is much worse. Only what "
    "the sample sheet tells apart is offered."
)


def choose(app: App, result: Evaluation, key: str) -> tuple[str, str]:
    """What is looked at: (split by, name of the part); ("", "") for all cells, (by, "") when no part is chosen."""
    offered = evaluation_cached.splits(app, result)
    if not offered:
        return "", ""
    left, right = st.columns([1, 1], vertical_alignment="bottom")
    by = left.selectbox(
        "Split by",
        [_ALL, *offered],
        format_func=lambda name: SPLITS.get(name, "nothing: all cells together"),
        key=f"{key}_by_{result.run.run_id}",
        help=SPLIT_HELP,
    )
    if by not in offered:
        return "", ""
    part = right.selectbox(
        f"Which {SPLITS[by]}",
        ["", *offered[by]],
        format_func=lambda name: plain(name) if name else "all of them, in a table",
        key=f"{key}_part_{by}_{result.run.run_id}",
    )
    return str(by), str(part or "")


def part_of(app: App, result: Evaluation, by: str, name: str) -> PartEvaluation | None:
    """The chosen part, or None for all cells."""
    if not by or not name:
        return None
    return next((part for part in evaluation_cached.parts(app, result, by) if part.name == name), None)


def table(app: App, result: Evaluation, by: str) -> None:
    """Every part with every figure and its interval, and all of it as CSV."""
    parts = evaluation_cached.parts(app, result, by)
    st.header(f"By {SPLITS[by]}", anchor=False, help=METRIC_HELP)
    shown = wide_table(parts, result.classes.names)
    overall = shown[shown["Class"] == "all classes"].drop(columns="Class")
    _draw(overall.loc[:, (overall != "").any()])
    with st.expander(f"Each class by {SPLITS[by]}", icon=":material/table_rows:"):
        rest = shown[shown["Class"] != "all classes"]
        _draw(rest.loc[:, (rest != "").any()])
    for remark in dict.fromkeys(part.remark for part in parts if part.remark):
        names = ", ".join(plain(part.name, 30) for part in parts if part.remark == remark)
        st.caption(f"{names}: {remark}".replace("$", "\\$"))
    simulated = "_simulated" if result.run.provenance.simulated_cells else ""
    st.download_button(
        f"Figures by {SPLITS[by]} (CSV)",
        export.figure_csv(parts_table(parts).assign(gates=result.gates, mark=result.mark)),
        file_name=f"{result.run.run_id}_metrics_by_{by}{simulated}.csv",
        mime="text/csv",
        icon=":material/table:",
        key="parts_csv",
        on_click="ignore",
    )


def _draw(rows: pd.DataFrame) -> None:
    named = rows.rename(columns={name: metric_word(name) for name in rows.columns if name.islower()})
    st.dataframe(named.assign(Part=[plain(name) for name in named["Part"]]), hide_index=True)

"""The dashboard: what was counted, ratios over time as bars, and the table behind them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from nscweb.core.columns import label
from nscweb.evaluation.ratios.cell_filters import USED_FOR_CALIBRATION
from nscweb.figures.ratio_stacks import stacked_ratios, stacked_ratios_data
from nscweb.services.compare.dashboard import DashboardData
from nscweb.services.compare.facts import cells_counted, cells_left_out
from nscweb.services.compare.result import Comparison
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.compare import overview
from nscweb.ui.compare.question import Asked
from nscweb.ui.dataframes import help_of
from nscweb.ui.filters import time_word
from nscweb.ui.text import percent
from nscweb.words.marks import MARK_HELP, mark
from nscweb.words.numbers import count

RATIO_HELP = (
    "A ratio is the share of the counted cells that are of this class, corrected for what the model mixes up. "
    "The replicate is the unit: mean and 95 % interval are taken over replicates, never over pooled cells. "
    "In sentences numbers are whole and the ends of intervals are rounded outwards."
)
_SIGN, _LIGHT = " ", label("trust_light")
_HEADS = ("sample", "group", "time", "replicate", "replicates", "cells", "note")
_COLUMNS = {
    _SIGN: st.column_config.TextColumn(width=36, help=MARK_HELP),
    **{label(name): st.column_config.Column(help=help_of(name)) for name in _HEADS},
}


def numbers(found: Comparison) -> None:
    """Cells behind the ratios, samples, groups, and why cells were left out."""
    data, dropped = found.data, cells_left_out(found)
    left_out = sum(dropped.values())
    groups = data.samples["group"].nunique() if len(data.samples) else 0
    show.facts(
        [
            ("Cells counted", f"{cells_counted(found):,}", f"of {data.cells:,}"),
            ("Samples", f"{len(data.samples):,}", f"{len(data.controls):,} for calibration" if data.controls else ""),
            ("Inducer groups", f"{groups:,}", ""),
            ("Model", data.run.model, f"run {data.run.run_id}"),
        ]
    )
    if left_out:
        reasons = "; ".join(f"{reason} {number:,}" for reason, number in dropped.items())
        st.caption(
            f"Left out: {count(left_out, 'cell')} ({reasons}). Each cell is counted once, under the first reason that "
            "leaves it out. Change it in the filters above, which say how many cells carry each flag."
        )


def stacked(asked: Asked) -> None:
    """Stacked mean ratios over time, one panel per group."""
    found, order = asked.found, overview.order_of(asked)
    st.subheader("Ratios over time in each inducer group", anchor=False, help=f"{RATIO_HELP} {MARK_HELP}")
    figure = stacked_ratios(found.groups, found.classes, order=order, simulated=found.data.simulated)
    figures.show_figure(
        figure,
        _file(found.data, "ratios_stacked"),
        export.run_csv(stacked_ratios_data(found.groups, found.classes, order), "Fig ratios over time", found.run),
        key="stacked",
        alt="Stacked bars: mean share of each predicted class over time, one panel per inducer group",
    )


def tables(asked: Asked) -> None:
    """Group, time, replicate, cells, light and ratios, for groups or for samples."""
    found = asked.found
    st.subheader("Table", anchor=False, help=f"{RATIO_HELP} {MARK_HELP}")
    level = st.segmented_control(
        "One row for each", ["group and time", "sample"], default="group and time", required=True, key="table_level"
    )
    if level == "sample":
        table = samples_table(found, overview.order_of(asked), asked.naive, asked.fate)
        st.dataframe(table, hide_index=True, column_config=_COLUMNS)
        st.caption(MARK_HELP)
        _download("Samples (CSV)", export.samples_csv(found), _file(found.data, "samples"), "samples_csv")
        return
    table = groups_table(found, overview.order_of(asked), asked.naive, asked.fate)
    st.dataframe(table, hide_index=True, column_config=_COLUMNS)
    beside = " After the bar: counted labels, not corrected." if asked.naive else ""
    st.caption(
        "Brackets: 95 % interval over replicates; the sentence on top has whole numbers and rounds the ends outwards. "
        "With a single replicate the interval is about its cells, is marked "
        f"*, and says nothing about how replicates differ.{beside} {MARK_HELP}"
    )
    _download("Groups (CSV)", export.groups_csv(found), _file(found.data, "groups"), "groups_csv")


def samples_table(found: Comparison, order: Sequence[str], naive: bool = False, fate: str = "") -> pd.DataFrame:
    """One row per sample for people, groups in the order of the answer; ratios before counts, `fate` first."""
    data = found.data
    place = {name: index for index, name in enumerate(order)}
    keys = data.samples["group"].astype(str).map(lambda name: place.get(name, len(place)))
    table = data.samples.assign(place=keys).sort_values(["place", "time_h", "replicate", "sample_id"], kind="stable")
    names = table["sample_id"].astype(str).tolist()
    words = [mark(found.lights.get(name, "")) for name in names]
    shown = pd.DataFrame(
        {
            _SIGN: [word[:1] for word in words],
            label("sample"): names,
            label("group"): table["group"].astype(str).tolist(),
            label("time"): [_time(hours) for hours in table["time_h"]],
            label("replicate"): table["replicate"].astype(str).tolist(),
        }
    )
    estimates = found.estimates.table
    for name in _fates(found, fate):
        rows = estimates[estimates["class"] == name].set_index("sample_id").reindex(names)
        shown[name] = _ratios(rows, "ratio", "naive", [""] * len(rows), naive)
    shown[_LIGHT], shown[label("cells")] = words, table["cells"].tolist()
    if data.controls:
        note = [USED_FOR_CALIBRATION if name in data.controls else "" for name in names]
        shown.insert(list(shown.columns).index(label("replicate")) + 1, label("note"), note)
    return shown


def groups_table(found: Comparison, order: Sequence[str], naive: bool = False, fate: str = "") -> pd.DataFrame:
    """One row per group and time point for people; ratios with their interval in one cell, `fate` first."""
    place = {name: index for index, name in enumerate(order)}
    rows = found.groups.assign(place=found.groups["group"].map(place))
    rows = rows.sort_values(["place", "time_h"], kind="stable")
    first = rows[rows["class"] == found.classes.names[0]]
    words = [mark(str(light)) for light in first["light"]]
    shown = pd.DataFrame(
        {
            _SIGN: [word[:1] for word in words],
            label("group"): first["group"].astype(str).tolist(),
            label("time"): [_time(hours) for hours in first["time_h"]],
        }
    )
    for name in _fates(found, fate):
        own = rows[rows["class"] == name]
        star = ["*" if count == 1 else "" for count in own["replicates"]]
        shown[name] = _ratios(own, "mean", "naive_mean", star, naive)
    shown[_LIGHT] = words
    shown[label("replicates")], shown[label("cells")] = first["replicates"].tolist(), first["cells"].tolist()
    return shown


def _fates(found: Comparison, first: str) -> list[str]:
    """The fate that is asked about stands where a phone still shows it."""
    return sorted(found.classes.names, key=lambda name: name != first)


def _ratios(rows: pd.DataFrame, value: str, counted: str, star: Sequence[str], naive: bool) -> list[str]:
    said = []
    columns = zip(rows[value], rows["low"], rows["high"], rows["recovered"], rows[counted], star, strict=True)
    for mean, low, high, recovered, other, mark_of in columns:
        if pd.isna(other):
            said.append("")
            continue
        known = bool(recovered) and not pd.isna(mean)
        text = f"{percent(mean)} [{100 * low:.1f}–{100 * high:.1f}]{mark_of}" if known else "cannot be told"
        said.append(f"{text} | {percent(other)}" if naive else text)
    return said


def _download(label: str, content: bytes, name: str, key: str) -> None:
    st.download_button(
        label, content, file_name=f"{name}.csv", mime="text/csv", icon=":material/table:", key=key, on_click="ignore"
    )


def _time(hours: float) -> str:
    return "" if pd.isna(hours) else time_word(float(hours))


def _file(data: DashboardData, what: str) -> str:
    return f"{data.run.run_id}_{what}" + ("_simulated" if data.simulated else "")

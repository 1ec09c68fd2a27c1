"""Test this model on known mixtures: sliders, a button, recovered against true."""

from __future__ import annotations

import streamlit as st

from nscweb.core.card import CardEntry
from nscweb.core.errors import NscwebError
from nscweb.core.timepoint import TimePoint
from nscweb.figures.reliability_and_sets import mixtures_data, mixtures_figure
from nscweb.services.compare import mixtures
from nscweb.services.context import App
from nscweb.services.report import export
from nscweb.ui import figures, show
from nscweb.ui.text import plain

MIXTURES_HELP = (
    "Held-out cells of pure samples are mixed at ratios that are known, and the program has to find them. Half of "
    "the held-out samples say what the model mixes up, only cells of the other half are mixed, so no cell is on both "
    "sides. Points on the dashed line are recovered exactly; lines are 95 % intervals, which should cross it in 95 of "
    "100 cases."
)
_MANY, _MINE = "Many different ratios", "My ratio"


def show_mixtures(app: App, entry: CardEntry) -> None:
    """The app's own proof for one model."""
    card = entry.card
    st.subheader("Test this model on known mixtures", anchor=False, help=MIXTURES_HELP)
    if not card.held_out:
        st.caption("This model came without the scores of its held-out cells. Make them with nscweb models audit.")
        return
    try:
        times = mixtures.times_of_mixtures(entry)
    except NscwebError as error:
        show.problem(error)
        return
    key = f"mixtures_{card.name}"
    kind = st.segmented_control(
        "Which ratios", [_MANY, _MINE], default=_MANY, required=True, key=f"{key}_kind", label_visibility="collapsed"
    )
    with st.form(f"{key}_form"):
        ratio = None
        if kind == _MINE:
            st.caption("Shares are scaled to 100 %.")
            even = round(100 / len(card.classes))
            ratio = {
                name: float(st.slider(f"{plain(name)}, %", 0, 100, even, key=f"{key}_{name}"))
                for name in card.classes.names
            }
        left, middle, right = st.columns(3)
        cells = left.slider("Cells in a mixture", 50, 5000, 1000, step=50, key=f"{key}_cells")
        many = middle.slider("Mixtures", 5, 200, 50, step=5, key=f"{key}_many")
        hours = right.selectbox(
            "Time point",
            [None, *times],
            format_func=lambda item: "all in turn" if item is None else TimePoint(item).label(),
            key=f"{key}_time",
        )
        asked = st.form_submit_button("Mix and recover", type="primary")
    if asked:
        st.session_state.pop(f"{key}_found", None)
        try:
            with st.spinner("Mixing held-out cells …"):
                st.session_state[f"{key}_found"] = mixtures.run_mixtures(
                    entry, ratio=ratio, cells=cells, mixtures=many, time_h=hours
                )
        except NscwebError as error:
            show.problem(error)
    found = st.session_state.get(f"{key}_found")
    if isinstance(found, mixtures.MixtureTest):
        _result(entry, found, key)


def _result(entry: CardEntry, found: mixtures.MixtureTest, key: str) -> None:
    show.note(found.sentence)
    if found.mixtures > found.refused:
        show.facts(
            [
                ("Error of corrected shares", f"{100 * found.error:.1f} points", "mean over mixtures"),
                ("Error of counted labels", f"{100 * found.naive_error:.1f} points", "in the same mixtures"),
                ("Intervals that hold the truth", f"{100 * found.coverage:.0f} %", "95 % are promised"),
            ]
        )
    st.caption(
        "No cell is on both sides: half of the held-out samples correct, the other half is mixed. More than 95 % "
        "means intervals wider than they need to be, fewer means too narrow."
    )
    naive = st.toggle("Show counted labels as well", key=f"{key}_naive")
    figures.show_figure(
        mixtures_figure(found.table, entry.card.classes, naive=naive, simulated=found.simulated),
        f"{entry.card.name}_mixtures" + ("_simulated" if found.simulated else ""),
        export.model_csv(mixtures_data(found.table), "Known mixtures", entry.card),
        key=f"{key}_figure",
        alt="Recovered against true shares of known mixtures, with 95 % intervals",
    )
    st.caption(f"From {plain(found.source, 300)}.")

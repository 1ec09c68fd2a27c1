"""A figure with what belongs to it: its data as CSV and itself as SVG or PNG."""

from __future__ import annotations

from typing import Any, Literal, cast

import streamlit as st

from nscweb.figures.look import figure_config

_FORMAT_KEY = "nsc_picture_format"
# The font that Streamlit brings along, so that figures and page read as one.
_FONT = "Source Sans, Source Sans Pro, Segoe UI, Helvetica Neue, Arial, sans-serif"


def picture_format() -> Literal["svg", "png"]:
    """Which format the camera button saves: ``svg`` or ``png``; one choice for the whole session."""
    return cast(Literal["svg", "png"], st.session_state.get(_FORMAT_KEY) or "svg")


def choose_picture_format() -> None:
    """The control for `picture_format`; drawn once per page that has figures."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        st.segmented_control(
            "Save figures as",
            ["svg", "png"],
            default="svg",
            required=True,
            format_func=lambda form: f"Figures as {form.upper()}",
            key=_FORMAT_KEY,
            persist_state="session",
            label_visibility="collapsed",
            help="The camera button of a figure saves it in this format. SVG stays sharp at any size, PNG opens "
            "everywhere. The data behind each figure are the CSV button below it.",
        )


def show_figure(figure: Any, name: str, csv: bytes | str, *, key: str, alt: str) -> None:
    """Draw a Plotly figure with its camera button always visible, and its data as a CSV button below.

    Args:
        figure: a plotly Figure, drawn in its own colours.
        name: file name without ending, for both downloads.
        csv: data behind the figure.
        key: unique on the page.
        alt: what the figure shows, for screen readers.
    """
    config = figure_config(name, picture_format())
    figure.update_layout(font_family=_FONT)
    st.plotly_chart(figure, theme=None, width="stretch", config=config, key=f"{key}_figure", alt=alt)
    st.download_button(
        "Data of this figure (CSV)",
        csv,
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"{key}_csv",
        icon=":material/table:",
        on_click="ignore",
        type="tertiary",
    )

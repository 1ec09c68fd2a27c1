"""The frame around every page: title, navigation, chosen study, banners, and the net that catches errors.

Streamlit's own navigation is switched off (`client.showSidebarNavigation`), because together with the
`pages/` folder it loses the first deep link after a server start. Every page starts with `open_page`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import streamlit as st

from nscweb.services.context import App
from nscweb.ui import cached, session, show
from nscweb.ui.style import apply_style, page_icon

_BRAND = (
    '<div class="nsc-brand">nscweb<small>Fates of neural stem cells from brightfield '
    "imaging flow cytometry</small></div>"
)
RESEARCH_USE = "For research use only. Not for diagnosis, and not for decisions about patients or grafts."


@dataclass(frozen=True)
class PageRow:
    """One page: key, file from the project root, title, icon, and its task in a sentence."""

    key: str
    path: str
    title: str
    icon: str
    task: str

    @property
    def symbol(self) -> str:
        """The icon as Streamlit names it."""
        return f":material/{self.icon}:"


PAGES: tuple[PageRow, ...] = (
    PageRow("home", "streamlit_app.py", "Home", "home", "Start here."),
    PageRow(
        "study", "pages/study.py", "Study", "science", "Bring in cells, say what each sample is, and look at them."
    ),
    PageRow(
        "predict",
        "pages/predict.py",
        "Predict",
        "stacked_bar_chart",
        "Predict the class of each cell and see the ratios over time.",
    ),
    PageRow(
        "compare",
        "pages/compare.py",
        "Compare",
        "leaderboard",
        "Which inducer gives most of a fate, how early, and how sure.",
    ),
    PageRow(
        "cells",
        "pages/cells.py",
        "Cells",
        "grid_view",
        "Look at single cells, their scores, and where the model looked.",
    ),
    PageRow("evaluate", "pages/evaluate.py", "Evaluate", "fact_check", "Compare predictions with known classes."),
    PageRow(
        "models", "pages/models.py", "Models", "neurology", "What each model is, how good it is, and where it stops."
    ),
    PageRow("report", "pages/report.py", "Report", "download", "Take the numbers away, with what made them."),
    PageRow("help", "pages/help.py", "Help", "help", "How things are done, what is read, and what numbers mean."),
)
_BY_KEY = {row.key: row for row in PAGES}


@contextmanager
def open_page(key: str) -> Iterator[App]:
    """Set the page up, hand over the opened `App`, and show any error in plain words.

    The first Streamlit call of every page. Errors inside the block never reach the user as a traceback.
    """
    row = _BY_KEY[key]
    st.set_page_config(
        page_title=f"{row.title} · nscweb",
        page_icon=page_icon(),
        layout="wide",
        menu_items={"Get help": None, "Report a bug": None, "About": f"nscweb. {RESEARCH_USE}"},
    )
    apply_style()
    session.restore()
    links = st.sidebar.empty()
    drawn = _navigation(links)
    if key != "home":
        st.title(row.title, anchor=False)
        st.html(f'<div class="nsc-task">{row.task}</div>')
    opened: list[App] = []
    with show.caught(key):
        opened.append(cached.app())
    if not opened:
        st.stop()
    with show.caught(key):
        yield opened[0]
    if session.url() != drawn:
        # A finished job or a box chose another study or run after the links were drawn.
        _navigation(links)
    st.html(f'<div class="nsc-foot">{RESEARCH_USE}</div>')


def page_link(key: str, label: str, icon: str | None = None) -> None:
    """A link to another page that keeps the chosen study and run."""
    row = _BY_KEY[key]
    st.page_link(row.path, label=label, icon=icon or row.symbol, query_params=session.url() or None)


def link_with(key: str, label: str, parameters: Mapping[str, str], icon: str | None = None) -> None:
    """The same with further parameters in the address, which the page understands."""
    row = _BY_KEY[key]
    st.page_link(row.path, label=label, icon=icon or row.symbol, query_params={**session.url(), **parameters})


def switch_to(key: str) -> None:
    """Go to another page at once and keep the chosen study and run."""
    st.switch_page(_BY_KEY[key].path, query_params=session.url() or None)


def _navigation(place: Any) -> dict[str, str]:
    """Draw the links into `place`; returns the choice that they carry."""
    carried = session.url()
    with place.container():
        st.html(_BRAND)
        for row in PAGES:
            st.page_link(row.path, label=row.title, icon=row.symbol, query_params=carried or None, width="stretch")
        st.html(f'<div class="nsc-side-note">{RESEARCH_USE}</div>')
    return carried

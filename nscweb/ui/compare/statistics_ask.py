"""What is asked of the statistics: against which group, adjusted how, over which fates and times."""

from __future__ import annotations

from typing import Protocol

import pandas as pd
import streamlit as st

from nscweb.core.classes import ClassScheme
from nscweb.core.rules import DEFAULT_ADJUST
from nscweb.core.run_record import Run
from nscweb.services.compare import statistics
from nscweb.services.compare.statistics import TestSettings
from nscweb.services.context import App
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

PAIRS = "\x00pairs"
_ADJUST = {"holm": "Holm (strict)", "fdr_bh": "Benjamini-Hochberg (milder)"}
FAMILY_HELP = (
    "p values are adjusted for every comparison chosen here. Fewer fates or times mean a milder adjustment, so "
    "choose them before looking at the numbers."
)
MARGIN_HELP = 'The largest difference that would not matter to you, for "no worse than the control".'
DIFFERENCE_HELP = "The difference that your experiment should be able to show, for the number of replicates needed."


class HasReplicates(Protocol):
    """What the views need of a comparison."""

    @property
    def replicate_rows(self) -> pd.DataFrame:
        """Columns `statistics.ROWS`, at least."""

    @property
    def classes(self) -> ClassScheme:
        """Ordered classes with colours."""


class HasTests(HasReplicates, Protocol):
    """What the view of time needs of a comparison: also its groups and tests."""

    @property
    def groups(self) -> pd.DataFrame:
        """As in `Comparison`."""

    @property
    def tests(self) -> pd.DataFrame:
        """As in `Comparison`."""


def control_of(app: App, run: Run, data: HasReplicates, asked: str | None) -> str | None:
    """The group that the page compares with; None for every pair, also where it has no cells here."""
    wanted = statistics.default_control(app, run) if asked is None else asked
    return wanted if wanted and (data.replicate_rows["group"].astype(str) == wanted).any() else None


def hidden_of(data: HasReplicates) -> pd.DataFrame | None:
    """Replicate rows of groups that the filter hides: no table shows them, p values count them."""
    hidden: pd.DataFrame | None = getattr(data, "hidden_rows", None)
    return None if hidden is None or hidden.empty else hidden[statistics.ROWS]


def adjust_of(data: HasReplicates) -> str:
    """How the page adjusts p values."""
    return str(getattr(data, "adjust", "") or DEFAULT_ADJUST)


def chosen_words(control: str | None, rows: pd.DataFrame) -> str:
    """The choice of the page in a sentence."""
    if control is not None:
        return f"Every group is compared with {plain(control)}."
    several = rows["group"].astype(str).nunique() > 2
    return "Every group is compared with every other one." if several else "The groups are compared."


def ask(app: App, run: Run, data: HasReplicates, asked: str | None) -> TestSettings:
    """What the page asks, said again, and the boxes that only the statistics have.

    Args:
        asked: control of the page, "" for every pair, None takes the one that the sheet marks.
    """
    rows = data.replicate_rows
    times = sorted({float(hours) for hours in rows["time_h"].dropna()})
    control, adjust = control_of(app, run, data, asked), adjust_of(data)
    st.caption(
        f"{chosen_words(control, rows)} p values are adjusted by {_ADJUST[adjust]}. Both are chosen at the top of the "
        "page, for all tabs."
    )
    with st.expander("Fates, times, margin", icon=":material/tune:"):
        first, second = st.columns(2)
        classes = first.multiselect(
            "Fates compared",
            list(data.classes.names),
            format_func=plain,
            key="statistics_classes",
            placeholder="all",
            help=FAMILY_HELP,
        )
        hours = second.multiselect(
            "Times compared", times, format_func=time_word, key="statistics_times", placeholder="all", help=FAMILY_HELP
        )
        margin = first.number_input(
            "Margin for “no worse” (points)", 0.5, 50.0, 5.0, 0.5, key="statistics_margin", help=MARGIN_HELP
        )
        difference = second.number_input(
            "Difference to show (points)", 0.5, 90.0, 10.0, 0.5, key="statistics_difference", help=DIFFERENCE_HELP
        )
    return TestSettings(
        control=control,
        adjust=adjust,
        pairs=control is None,
        margin=float(margin) / 100,
        difference=float(difference) / 100,
        classes=tuple(classes),
        times_h=tuple(hours),
    )

"""What is asked of the statistics: against which group, adjusted how, over which fates and times."""

from __future__ import annotations

from typing import Protocol

import pandas as pd
import streamlit as st

from nscweb.core.classes import ClassScheme
from nscweb.core.runs import Run
from nscweb.services import statistics
from nscweb.services.context import App
from nscweb.services.statistics import TestSettings
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

PAIRS = "\x00pairs"
_ADJUST = {"holm": "Holm (strict)", "fdr_bh": "Benjamini-Hochberg (milder)"}
CONTROL_HELP = "The group that every other group is compared with. Without one, all pairs are compared."
ADJUST_HELP = (
    "With many comparisons some look different by chance. Holm keeps the chance of even one false difference "
    "below 5 %. Benjamini-Hochberg keeps the expected share of false ones among those found below 5 %."
)
FAMILY_HELP = (
    "p values are adjusted for every comparison chosen here. Fewer fates or times mean a milder adjustment, so "
    "choose them before looking at the numbers."
)
MARGIN_HELP = 'The largest difference that would not matter to you, for "no worse than the control".'
DIFFERENCE_HELP = (
    "The difference that your experiment should be able to show, for the number of replicates needed."
)


class HasReplicates(Protocol):
    """What the views need of a comparison."""

    @property
    def replicate_rows(self) -> pd.DataFrame:
        """group, time_h, replicate, class, ratio, cells."""

    @property
    def classes(self) -> ClassScheme:
        """Ordered classes with colours."""


def ask(app: App, run: Run, data: HasReplicates, asked: str | None) -> TestSettings:
    """The boxes above the statistics; they start from what the page asks and follow it.

    Args:
        asked: control of the page, "" for every pair, None takes the one that the sheet marks.
    """
    rows = data.replicate_rows
    groups = sorted({str(name) for name in rows["group"]})
    times = sorted({float(hours) for hours in rows["time_h"].dropna()})
    wanted = statistics.default_control(app, run) if asked is None else asked
    first, second = st.columns(2)
    control = first.selectbox(
        "Compare with",
        [PAIRS, *groups],
        index=1 + groups.index(wanted) if wanted and wanted in groups else 0,
        format_func=lambda name: (
            "no control: all pairs" if name == PAIRS else plain(name) or "(no group given)"
        ),
        # Another choice above makes another box, which starts from it.
        key=f"statistics_control_{run.run_id}_{wanted}",
        help=CONTROL_HELP,
    )
    chosen = getattr(data, "adjust", "") or "holm"
    adjust = second.selectbox(
        "Adjust p values by",
        list(_ADJUST),
        index=list(_ADJUST).index(chosen),
        format_func=_ADJUST.__getitem__,
        key=f"statistics_adjust_{chosen}",
        help=ADJUST_HELP,
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
            "Times compared",
            times,
            format_func=time_word,
            key="statistics_times",
            placeholder="all",
            help=FAMILY_HELP,
        )
        margin = first.number_input(
            "Margin for “no worse” (points)", 0.5, 50.0, 5.0, 0.5, key="statistics_margin", help=MARGIN_HELP
        )
        difference = second.number_input(
            "Difference to show (points)",
            0.5,
            90.0,
            10.0,
            0.5,
            key="statistics_difference",
            help=DIFFERENCE_HELP,
        )
    return TestSettings(
        control=None if control == PAIRS else control,
        adjust=adjust,
        pairs=control == PAIRS,
        margin=float(margin) / 100,
        difference=float(difference) / 100,
        classes=tuple(classes),
        times_h=tuple(hours),
    )

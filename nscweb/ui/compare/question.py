"""What is asked of a comparison: which fate and when, against which group, counted how. Kept for the session."""

from __future__ import annotations

import math
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from nscweb.core.rules import ALPHA, DEFAULT_VARIANCE, per_cent
from nscweb.core.run_record import Run
from nscweb.evaluation.ratios.cell_filters import FilterOptions, Filters
from nscweb.evaluation.ratios.estimates import METHODS
from nscweb.services.compare import comparison as comparisons
from nscweb.services.compare import known_part, statistics
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.result import Comparison
from nscweb.services.context import App
from nscweb.services.predict import runs
from nscweb.ui import cached
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

EVERY_PAIR = ""
# Letters of a caption of a few sentences; names in it are cut sooner.
_SENTENCES = 1000
_ADJUST = {
    "holm": f"Holm: at most {per_cent(ALPHA)} chance of even one false difference",
    "fdr_bh": f"Benjamini-Hochberg: at most {per_cent(ALPHA)} of the differences are false",
}
_VARIANCE = {"moderated": "all groups", "own": "each group alone (Welch)"}
VARIANCE_HELP = (
    "What intervals and p values take the spread of replicates from. Three replicates hardly tell how much replicates "
    "vary, so intervals from each group alone are very wide. "
    "Replicates of all groups are made in the same way: borrowed, the spread of a group is drawn to that of others, "
    "and a group that truly varies more keeps most of its own. With few groups and replicates, each stands alone."
)
METHOD_HELP = (
    "Counting predicted labels is biased, because the model takes some cells of one class for another, and more so "
    "for rare classes. The corrected ways correct for what the model mixes up in held-out cells whose class is known; "
    "they are right as far as your samples are mixed up alike. PACC uses the mean of the scores, ACC the confusion "
    "matrix, EM the scores that are most likely together."
)
CONTROL_HELP = (
    "Choose it before you look at the results: a group that is picked because its p value is small proves nothing. "
    "Every group is then tested against this one; otherwise every pair is tested."
)
ABOUT_HELP = (
    "What the sentence speaks of: the highest group, or one that you name, which may also be lower than what it is "
    "compared with. Figures and tables stay the same."
)
TIME_HELP = (
    "The time point that the answer on top and the differences are about. It starts at the last one at which at least "
    "two groups can be compared (with the control, if one is chosen); groups may end earlier, so look at others too."
)


@dataclass(frozen=True)
class Asked:
    """Answers to the controls.

    Attributes:
        found: the comparison under these controls.
        fate: class that the answer is about.
        time_h: time point that it is about; NaN for cells without a time.
        naive: show counted labels beside.
        about: group that the sentence is about; None for the highest.
    """

    found: Comparison
    fate: str
    time_h: float
    naive: bool
    about: str | None = None


def ask(
    app: App,
    run: Run,
    options: FilterOptions,
    filters: Filters,
    *,
    beside: bool = True,
    below: DeltaGenerator | None = None,
) -> Asked:
    """Draw the controls and compare; the same on Predict, Compare and Report.

    Args:
        beside: also offer to show counted labels beside the corrected ratios.
        below: where the way of counting is drawn; right below the other boxes when None.
    """
    key = f"compare_{run.run_id}"
    groups = [name for name in options.groups if not filters.groups or name in filters.groups]
    classes = runs.class_scheme(run)
    top = st.container(horizontal=True, vertical_alignment="bottom")
    with (below or st.container()).expander("How it is counted and tested", icon=":material/calculate:"):
        left, right = st.columns(2)
        refused = known_part.why_no_em(app, run)
        method = left.selectbox(
            "Ratios are",
            [name for name in METHODS if name != "em" or not refused],
            format_func=METHODS.__getitem__,
            key=f"{key}_method",
            help=METHOD_HELP,
            persist_state="session",
        )
        adjust = right.selectbox(
            "p values are adjusted by",
            list(_ADJUST),
            format_func=_ADJUST.__getitem__,
            key=f"{key}_adjust",
            help="Whoever compares many groups finds some difference by chance; the adjustment accounts for it.",
            persist_state="session",
        )
        naive = beside and left.toggle(
            "Show counted labels as well",
            key=f"{key}_naive",
            help="The share of predicted labels without any correction, as an open diamond in figures and in brackets "
            "in tables.",
            persist_state="session",
        )
    fate = top.selectbox(
        f"Which {plain(classes.kind)}",
        list(classes.names),
        index=list(classes.names).index(comparisons.default_fate(classes)),
        format_func=plain,
        key=f"{key}_fate",
        persist_state="session",
        width=170,
    )
    # Two boxes stand side by side on a phone; what the time offers is known after the control.
    when = top.container(width=120)
    control = top.selectbox(
        "Compared with",
        [EVERY_PAIR, *groups],
        index=_start(app, run, groups),
        format_func=lambda name: plain(name) if name else "every pair",
        key=f"{key}_control_{len(groups)}",
        help=CONTROL_HELP,
        persist_state="session",
        width=172,
    )
    # The box of the group comes first and is filled when the comparison is known.
    of_whom = top.container(width=170) if below is not None else None
    variance = top.segmented_control(
        "Spread of replicates from",
        list(_VARIANCE),
        format_func=_VARIANCE.__getitem__,
        default=DEFAULT_VARIANCE,
        required=True,
        key=f"{key}_variance",
        help=VARIANCE_HELP,
        persist_state="session",
    )
    found = cached.comparison(app, run, CompareRequest(filters, method, control, adjust, variance))
    for said in (known_part.more_cells_line(found), refused):
        if said:
            left.caption(plain(said, _SENTENCES))
    if found.variance == "moderated" and found.errors.borrowed is None and not found.groups.empty:
        st.caption("Too few groups and replicates to borrow from: each stands alone here (Welch).")
    times = [-1.0 if math.isnan(hours) else hours for hours in comparisons.times_of(found)]
    start = comparisons.default_time(found)
    hours = when.selectbox(
        "At",
        times or [-1.0],
        index=times.index(start) if start in times else 0,
        format_func=lambda value: time_word(value) if value >= 0 else "no time given",
        key=f"{key}_time_{'_'.join(f'{value:g}' for value in times)}",
        help=TIME_HELP,
        persist_state="session",
    )
    about = None
    if of_whom is not None:
        about = of_whom.selectbox(
            "About",
            [None, *groups],
            format_func=lambda name: "the highest" if name is None else plain(name) or "(no group given)",
            key=f"{key}_about_{len(groups)}",
            help=ABOUT_HELP,
            persist_state="session",
            width=170,
        )
    return Asked(found, fate, hours if hours >= 0 else float("nan"), naive, about)


def _start(app: App, run: Run, groups: list[str]) -> int:
    marked = statistics.default_control(app, run)
    return groups.index(marked) + 1 if marked in groups else 0

"""The tab Statistics: groups compared on their replicates, in tables with plain words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from nscweb.core.run_record import Run
from nscweb.evaluation.groups.direction import directed, in_order, rows_with
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.figures.differences import differences, differences_data
from nscweb.services.compare import statistics
from nscweb.services.compare.comparison import answer_of, usual_fate
from nscweb.services.compare.group_tables import GROUP_TABLES, GroupTable
from nscweb.services.compare.statistics import Statistics, TestSettings
from nscweb.services.context import App
from nscweb.ui import cached, figures, show
from nscweb.ui.compare import counts_view
from nscweb.ui.compare import statistics_tables as tables
from nscweb.ui.compare.statistics_ask import PAIRS, HasReplicates, ask, hidden_of
from nscweb.ui.compare.statistics_tables import Origin
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

# More groups have so many pairs that a plot of all of them cannot be read at once.
_MANY_GROUPS = 6
REPLICATE_HELP = (
    "One biological replicate is one number here, however many cells it has. Cells of one culture are alike, so "
    "a test on pooled cells finds differences that are not there in most experiments."
)


def show_statistics(
    app: App, run: Run, data: HasReplicates, control: str | None = None, time_h: float = float("nan"), fate: str = ""
) -> None:
    """Everything about differences between groups.

    Args:
        data: replicate rows and classes of the run, under the filters of the page.
        control: group that the page compares with, "" for every pair, None takes the one that the sheet marks.
        time_h, fate: time point and class that the page asks about; the boxes here start from them and follow.
    """
    rows = data.replicate_rows
    if rows.empty:
        show.empty("Nothing to compare", "The filters leave out every cell. Widen them above.")
        return
    rows = rows[statistics.ROWS]
    settings, origin = ask(app, run, data, control), tables.origin_of(run, data)
    found = compared(app, run, rows, settings, getattr(data, "errors", None) or ALONE, hidden_of(data))
    show.warnings(tables.minded(data.replicate_rows))
    show.bullets(found.sentences)
    if found.tests.empty:
        _summary(origin, found)
        return
    st.caption(
        "An answer about one fate and one time point alone is adjusted for fewer comparisons than this table, so its "
        "p values can be smaller than those here."
    )
    tests, one = _pairs_with(origin, found, fate, time_h)
    family = statistics.family_words(rows, found)
    _differences(origin, found, tests, one, time_h, fate, family)
    title = "All comparisons" if one is None else f"Comparisons with {tables.named(one)}"
    st.subheader(title, anchor=False, help=REPLICATE_HELP)
    if len(tests) < len(found.tests):
        st.caption(
            f"{len(tests)} of {len(found.tests)} comparisons, all that have {tables.named(one)} on one side. Choose "
            "“any group” under “Show only pairs with” to see the others."
        )
    tables.show_table("All comparisons", tests, origin, family=family)
    _summary(origin, found)
    for table in GROUP_TABLES:
        if table.title and not (table.against_control and found.control is None):
            _fold(table, origin, rows, found, fate, time_h)
    counts_view.show_counts(app, origin, rows, data.classes, settings.adjust, found.errors)


def compared(
    app: App,
    run: Run,
    rows: pd.DataFrame,
    settings: TestSettings,
    errors: GroupErrors,
    hidden: pd.DataFrame | None = None,
) -> Statistics:
    """`services.compare.statistics.statistics_of` with a spinner."""
    sign = cached.spinner("Comparing groups …")
    return statistics.statistics_of.announced(sign, app, run, rows, settings, errors, hidden)


def _pairs_with(origin: Origin, found: Statistics, fate: str, time_h: float) -> tuple[pd.DataFrame, str | None]:
    """Comparisons to show, and the one group that all are told against; None where there is no such group.

    Every pair is told against the group that comes first in the answer, or against the one chosen here, so that a
    difference has the same sign as in the overview.
    """
    tests = found.tests
    names = sorted({*tests["group"].astype(str), *tests["control"].astype(str)})
    order = answer_of(origin.found, fate, time_h).order if origin.found is not None and fate else ()
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    if found.control is not None:
        return in_order(tests, names), found.control
    if len(names) < 3:
        return directed(tests, names), names[0]
    first = names[0] if order and len(names) > _MANY_GROUPS else PAIRS
    one = st.selectbox(
        "Show only pairs with",
        [PAIRS, *names],
        index=[PAIRS, *names].index(first),
        format_func=lambda name: "any group" if name == PAIRS else plain(name) or "(no group given)",
        key=f"statistics_only_{origin.run.run_id}_{first}",
        width=360,
        help="Hides the other pairs in the plot and in the table, and tells each difference against this group. p "
        "values stay adjusted for all pairs; choose a group under “Compared with” at the top of the page to ask fewer "
        "questions.",
    )
    if one == PAIRS:
        return in_order(directed(tests, names), names), None
    return in_order(directed(rows_with(tests, one), [one, *(name for name in names if name != one)]), names), one


def _differences(
    origin: Origin, found: Statistics, tests: pd.DataFrame, one: str | None, time_h: float, asked: str, family: str
) -> None:
    title = "Difference of each pair" if one is None else f"Difference from {tables.named(one)}"
    st.subheader(title, anchor=False, help="A difference whose line does not touch zero is unlikely to be chance.")
    left, right = st.columns(2)
    fates = list(dict.fromkeys(tests["class"]))
    start = fates.index(asked if asked in fates else usual_fate(fates))
    fate = left.selectbox("Fate", fates, index=start, format_func=plain, key=f"statistics_fate_{asked}")
    times = list(dict.fromkeys(tests["time_h"].fillna(-1.0)))
    time = right.selectbox(
        "Time",
        times,
        index=times.index(_first_time(tests, time_h)),
        format_func=lambda hours: time_word(hours) if hours >= 0 else "no time given",
        key=f"statistics_time_{origin.run.run_id}_{time_h:g}",
    )
    here = tests[(tests["class"] == fate) & (tests["time_h"].fillna(-1.0) == time)]
    figures.show_figure(
        differences(
            origin.lit(here), cells=_cells(found, fate, time), counted=origin.counted, simulated=origin.simulated
        ),
        origin.file("differences"),
        origin.csv(statistics.for_file(differences_data(here), family), "Fig all differences"),
        key="statistics_differences",
        alt="Estimation plot: difference of the two groups of each comparison with its 95 % interval",
    )
    notes = list(dict.fromkeys(note for note in here["note"] if note))
    if notes:
        show.warnings(notes[:6])


def _cells(found: Statistics, fate: str, time: float) -> dict[str, int]:
    """Cells of each group behind its mean at a time point (-1 for none)."""
    here = found.summary[(found.summary["class"] == fate) & (found.summary["time_h"].fillna(-1.0) == time)]
    return {str(name): int(cells) for name, cells in zip(here["group"], here["cells"], strict=True)}


def _first_time(tests: pd.DataFrame, time_h: float) -> float:
    """Time to start from: the page's where there is something to see, else the latest one with a p value."""
    hours = tests["time_h"].fillna(-1.0)
    wanted = -1.0 if np.isnan(time_h) else float(time_h)
    if tests.loc[hours == wanted, "difference"].notna().any():
        return wanted
    for known in ("p", "difference"):
        there = hours[tests[known].notna()]
        if len(there):
            return float(there.max())
    return wanted if wanted in set(hours) else float(hours.iloc[0])


def _summary(origin: Origin, found: Statistics) -> None:
    with st.expander("Means, spread, normality; ANOVA over all groups", icon=":material/table_rows:"):
        tables.show_table("Means and spread", found.summary, origin)
        st.markdown(
            "**Welch's ANOVA**: do the groups differ at all?",
            help="One test over all groups of a time point and fate, which does not need equal spread.",
        )
        alone = _one_group(found)
        if alone:
            show.note(f"There is one group only at {alone}, so there is nothing to compare.")
        if found.anova.empty:
            return
        tables.show_table("ANOVA", found.anova, origin)


def _one_group(found: Statistics) -> str:
    """Time points at which a single group has a ratio, in words."""
    known = found.summary[found.summary["n"] > 0].groupby("time_h", dropna=False)["group"].nunique()
    return ", ".join(
        "samples without a time" if pd.isna(hours) else time_word(float(hours))
        for hours in known.index[(known < 2).to_numpy(bool)]
    )


def _fold(table: GroupTable, origin: Origin, rows: pd.DataFrame, found: Statistics, fate: str, time_h: float) -> None:
    with st.expander(table.title, icon=table.icon):
        if said := table.note(found, fate, time_h):
            show.note(said)
        st.caption(table.caption(rows, found))
        if table.waits is None or st.toggle(
            "Show the model", value=not table.waits(rows, found), key=f"statistics_{table.name}_{origin.run.run_id}"
        ):
            tables.show_table(table.name, table.made(rows, found), origin)

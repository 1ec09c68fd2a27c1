"""The tab Time and dose: fates against time, the earliest reliable day, the first day against the last, doses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from nscweb.core.rules import spelled
from nscweb.core.run_record import Run
from nscweb.evaluation.groups.group_errors import ALONE
from nscweb.figures import differences as drawn
from nscweb.figures import fate_over_time
from nscweb.services.compare import courses, statistics
from nscweb.services.compare.comparison import default_fate
from nscweb.services.compare.courses import Courses
from nscweb.services.context import App
from nscweb.ui import cached, figures, show
from nscweb.ui.compare import first_day_view
from nscweb.ui.compare import statistics_tables as tables
from nscweb.ui.compare.statistics_ask import HasReplicates, HasTests, control_of
from nscweb.ui.compare.statistics_tables import Origin
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain

_MOST_LINES = 6
BAND_HELP = (
    "The band is the 95 % interval of the mean at each time, the same as in the table of groups: Student's t over "
    "replicates, with what the held-out cells leave uncertain. Points are replicates. An open marker is a single "
    "replicate; its whisker is the 95 % interval from its own cells, which says nothing of another replicate."
)
EARLIEST_HELP = (
    "The first time point at which a group differs from the control, with the tests of the sentence at the top of the "
    "page, and keeps differing in the same direction at every later one that could be tested. A later day can also "
    "mean that there were too few replicates to see it earlier."
)
DOSE_HELP = (
    "Four-parameter logistic curve on replicates. EC50 is the dose of half the effect; its 95 % interval (thick bar) "
    "holds every EC50 whose best curve fits the replicates not much worse. Dose 0 is drawn left of the smallest dose."
)


def show_time_course(
    app: App, run: Run, data: HasTests, control: str | None = None, fate: str = "", order: Sequence[str] = ()
) -> None:
    """Fates against time and against dose.

    Args:
        data: replicate rows, groups, tests and classes of the run, under the filters of the page; ``estimates`` where
            it has one gives the single samples for the doses.
        control: group that the page compares with, "" for every pair, None takes the one that the sheet marks.
        order: groups in the order of the answer; by name without it.
        fate: class that the page asks about; the box of fates here starts from it and follows.
    """
    rows = data.replicate_rows
    if rows.empty:
        show.empty("Nothing to show", "The filters leave out every cell. Widen them above.")
        return
    rows, origin = rows[statistics.ROWS], tables.origin_of(run, data)
    place = {name: number for number, name in enumerate(order)}
    groups = sorted({str(name) for name in rows["group"]}, key=lambda name: (place.get(name, len(place)), name))
    names = list(data.classes.names)
    chosen = st.selectbox(
        "Fate",
        names,
        index=names.index(fate if fate in names else default_fate(data.classes)),
        format_func=plain,
        key=f"course_fate_{run.run_id}_{fate}",
        width=260,
    )
    against = control_of(app, run, data, control) or ""
    errors = getattr(data, "errors", None) or ALONE
    sign = cached.spinner("Following groups over time …")
    found = courses.courses_of.announced(sign, rows[rows["class"] == chosen], data.groups, errors)
    show.warnings(tables.minded(data.replicate_rows))
    _bands(origin, found, rows, groups, chosen)
    _earliest(origin, data, chosen, against, groups)
    first_day_view.show_first_day(origin, found, chosen, corrected=errors.shared is not None, order=groups)
    _doses(app, origin, data)


def _bands(origin: Origin, found: Courses, rows: pd.DataFrame, groups: list[str], fate: str) -> None:
    st.subheader("Against time", anchor=False, help=BAND_HELP)
    chosen = groups
    if len(groups) > _MOST_LINES:
        chosen = st.multiselect(
            "Groups drawn",
            groups,
            default=groups[:_MOST_LINES],
            format_func=lambda name: plain(name) or "(no group given)",
            key=f"course_groups_{origin.run.run_id}",
            help=f"More than {_MOST_LINES} bands hide one another.",
        )
    course = found.course[(found.course["class"] == fate) & found.course["group"].isin(chosen)]
    figure = fate_over_time.course_bands(
        origin.lit(course),
        rows[rows["class"] == fate],
        chosen,
        simulated=origin.simulated,
        fate=fate,
        counted=origin.counted,
    )
    figures.show_figure(
        figure,
        origin.file("time_course"),
        origin.csv(course, "Time course"),
        key="course_bands",
        alt="Lines: mean ratio of the fate against time, one line per group, with bands over replicates",
    )
    if (course["n"] == 1).any():
        st.caption(
            "Open marker: 1 replicate, not joined by a line. Its whisker is the interval of its own cells and tells "
            "nothing of the next replicate."
        )


def _earliest(origin: Origin, data: HasTests, fate: str, control: str, order: list[str]) -> None:
    st.subheader("Earliest reliable day", anchor=False, help=EARLIEST_HELP)
    if not control:
        show.note("Choose one group under “Compared with” at the top of the page: each group is compared with it.")
        return
    st.caption(f"Compared with {plain(control)}, as chosen at the top of the page.")
    every = st.toggle("All fates in this table", key=f"course_every_{origin.run.run_id}")
    groups, tests = data.groups, data.tests
    fates = list(data.classes.names) if every else [fate]
    if control not in set(groups.loc[groups["class"] == fate, "group"]):
        show.note("The control group has no ratio of this fate.")
        return
    table = courses.earliest_of(groups, tests, control, fates, order)
    if table.empty:
        show.note("There is no other group to compare with the control.")
        return
    made = int(table["comparisons"].max())
    fewest = (getattr(data, "errors", None) or ALONE).fewest
    st.caption(
        f"These are the tests of the sentence at the top of the page: p values are adjusted for the comparisons of one "
        f"fate at one time point, {made} at most."
        if made
        else f"No comparison could be tested: it needs {spelled(fewest)} replicates in a group and in the control."
    )
    tables.show_table("Earliest day", table, origin)


def _doses(app: App, origin: Origin, data: HasReplicates) -> None:
    run = origin.run
    st.subheader("Against dose", anchor=False, help=DOSE_HELP)
    estimates = getattr(data, "estimates", None)
    if estimates is None:
        samples = data.replicate_rows.assign(sample_id=data.replicate_rows["replicate"])
    else:
        samples = estimates.table
    samples = samples[courses.DOSE_SAMPLES]
    known = getattr(data, "lights", None)
    if known is not None:
        samples = samples.assign(light=[known.get(str(name), "") for name in samples["sample_id"]])
    found = courses.dose_response_of.announced(cached.spinner("Fitting dose curves …"), app, run, samples)
    if found.sentence:
        show.note(found.sentence)
    if found.points.empty:
        return
    keys = list(dict.fromkeys((series, hours) for series, hours, _ in found.fits))
    chosen = st.selectbox(
        "Series",
        range(len(keys)),
        format_func=lambda place: (
            f"{plain(keys[place][0]) or '(no group given)'}, "
            + (time_word(keys[place][1]) if np.isfinite(keys[place][1]) else "no time given")
        ),
        key=f"dose_series_{run.run_id}",
    )
    series, hours = keys[chosen]
    points, curves = found.points, found.curves
    mine = (points["series"] == series) & np.isclose(points["time_h"], hours, equal_nan=True)
    fits = {name: curve for (first, when, name), curve in found.fits.items() if (first, when) == keys[chosen]}
    figures.show_figure(
        drawn.dose_figure(
            points[mine], fits, data.classes, unit=found.unit, counted=origin.counted, simulated=origin.simulated
        ),
        origin.file("dose_response"),
        origin.csv(points[mine].assign(unit=found.unit), "Doses"),
        key="dose_curve",
        alt="Ratio of each replicate against dose with the fitted curve of each fate",
    )
    table = curves[(curves["series"] == series) & np.isclose(curves["time_h"], hours, equal_nan=True)]
    if (getattr(data, "errors", None) or ALONE).shared is not None:
        st.caption(f"The interval of EC50 and the p of the curve are {first_day_view.REPLICATES_ALONE}.")
    tables.show_table("Dose curves", table, origin)

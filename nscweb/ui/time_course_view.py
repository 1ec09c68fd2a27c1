"""The tab Time and dose: fates against time, the earliest reliable day, the first day against the last, doses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from nscweb.core.runs import Run
from nscweb.evaluation.time_course import Agreement
from nscweb.reports import figures_statistics as drawn
from nscweb.services import courses, statistics
from nscweb.services.context import App
from nscweb.services.courses import Courses, Doses
from nscweb.services.statistics import TestSettings
from nscweb.ui import figures, show
from nscweb.ui import statistics_tables as tables
from nscweb.ui.filters import time_word
from nscweb.ui.statistics_tables import Origin
from nscweb.ui.statistics_view import ROWS, HasReplicates
from nscweb.ui.text import plain

_MOST_LINES = 6
BAND_HELP = (
    "The band is a 95 % interval of the mean at each time, by drawing the replicates again and again (bootstrap), "
    "stretched because few replicates understate their spread. Points are replicates."
)
EARLIEST_HELP = (
    "The first time point at which a group differs from the control (p adjusted for all comparisons below 0.05) and "
    "keeps differing in the same direction at every later one. A later day can also mean that there were too few "
    "replicates to see it earlier."
)
AGREEMENT_HELP = (
    "Bland-Altman plot. Bias: mean of first minus last. Limits of agreement: about 95 of 100 new pairs differ by no "
    "more than this. Grey: 95 % intervals of the three lines."
)
DOSE_HELP = (
    "Four-parameter logistic curve on replicates. EC50 is the dose of half the effect; its 95 % interval (thick bar) "
    "comes from drawing the replicates again. Dose 0 stands left of the smallest dose."
)


def show_time_course(app: App, run: Run, data: HasReplicates) -> None:
    """Fates against time and against dose.

    Args:
        data: replicate rows and classes of the run, under the filters of the page; ``estimates`` where it has one
            gives the single samples for the doses.
    """
    rows = data.replicate_rows
    if rows.empty:
        show.empty("Nothing to show", "The filters leave out every cell. Widen them above.")
        return
    rows, origin = rows[ROWS], tables.origin_of(run, data)
    groups = sorted({str(name) for name in rows["group"]})
    names = list(data.classes.names)
    start = next((place for place, name in enumerate(names) if name.casefold().startswith("neuron")), 0)
    left, right = st.columns(2)
    fate = left.selectbox("Fate", names, index=start, format_func=plain, key=f"course_fate_{run.run_id}")
    wanted = getattr(data, "control", "") or statistics.default_control(app, run)
    choices = ["", *(name for name in groups if name)]
    control = right.selectbox(
        "Control group",
        choices,
        index=choices.index(wanted) if wanted in choices else 0,
        format_func=lambda name: plain(name) or "none",
        key=f"course_control_{run.run_id}",
        help="The group that the earliest reliable day is told against.",
    )
    found = _courses(app, run.run_id, rows, control, getattr(data, "adjust", "") or "holm")
    show.warnings(tables.minded(data, data.replicate_rows))
    _bands(origin, found, rows, groups, fate)
    _earliest(origin, found, control)
    _first_and_last(origin, found, fate)
    _doses(app, origin, data)


@st.cache_resource(max_entries=24, show_spinner="Drawing replicates again …")  # type: ignore[untyped-decorator,unused-ignore]
def _courses(_app: App, run_id: str, rows: pd.DataFrame, control: str, adjust: str) -> Courses:
    settings = TestSettings(control=control or None, adjust=adjust, pairs=not control)
    if not control:
        from nscweb.evaluation.group_tests import TEST_COLUMNS

        return courses.courses_of(rows, pd.DataFrame(columns=list(TEST_COLUMNS)))
    return courses.courses_of(rows, statistics.statistics_of(_app, run_id, rows, settings).tests)


@st.cache_resource(max_entries=12, show_spinner="Fitting dose curves …")  # type: ignore[untyped-decorator,unused-ignore]
def _dose_curves(_app: App, run_id: str, samples: pd.DataFrame, doses: str) -> Doses:
    return courses.dose_response_of(_app, run_id, samples)


def _bands(origin: Origin, found: Courses, rows: pd.DataFrame, groups: list[str], fate: str) -> None:
    st.subheader("Against time", anchor=False, help=BAND_HELP)
    chosen = groups
    if len(groups) > _MOST_LINES:
        course = found.course[found.course["class"] == fate]
        order = course.groupby("group")["mean"].max().sort_values(ascending=False)
        chosen = st.multiselect(
            "Groups drawn",
            groups,
            default=[str(name) for name in order.index[:_MOST_LINES]],
            format_func=lambda name: plain(name) or "(no group given)",
            key=f"course_groups_{origin.run.run_id}",
            help=f"More than {_MOST_LINES} bands hide one another.",
        )
    course = found.course[(found.course["class"] == fate) & found.course["group"].isin(chosen)]
    figure = drawn.course_bands(
        course, rows[rows["class"] == fate], chosen, simulated=origin.simulated, fate=fate
    )
    figures.show_figure(
        figure,
        origin.file("time_course"),
        origin.csv(course),
        key="course_bands",
        alt="Lines: mean ratio of the fate against time, one line per group, with bands over replicates",
    )


def _earliest(origin: Origin, found: Courses, control: str) -> None:
    st.subheader("Earliest reliable day", anchor=False, help=EARLIEST_HELP)
    if not control:
        show.note("Choose a control group above: the day is told against it.")
        return
    if found.earliest.empty:
        show.note("There is no other group to compare with the control.")
        return
    table = found.earliest
    shown = pd.DataFrame(
        {
            "Group": [plain(name) or "(no group given)" for name in table["group"]],
            "Fate": [plain(name) for name in table["class"]],
            "Reliable from": ["" if np.isnan(hours) else time_word(hours) for hours in table["time_h"]],
            "Direction": table["direction"],
            "In words": [plain(text, 300) for text in table["sentence"]],
        }
    )
    tables.show_table(shown, "earliest_day", table, origin, key="course_earliest_csv")


def _first_and_last(origin: Origin, found: Courses, fate: str) -> None:
    st.subheader("Does the first day tell the last?", anchor=False, help=AGREEMENT_HELP)
    pairs = found.pairs[found.pairs["class"] == fate]
    agreed = found.agreements.get(fate)
    if pairs.empty or agreed is None:
        show.note("Every group has one time point only, so first and last cannot be compared.")
        return
    st.markdown(_agreement_words(agreed, bool((pairs["replicate"] != "").all())))
    figures.show_figure(
        drawn.bland_altman(pairs, agreed, simulated=origin.simulated, fate=fate),
        origin.file("first_against_last"),
        origin.csv(pairs),
        key="course_agreement",
        alt="Bland-Altman plot: ratio at the first time point minus that at the last, against their mean",
    )


def _agreement_words(found: Agreement, by_replicate: bool) -> str:
    unit = "replicates" if by_replicate else "groups"
    direction = "below" if found.bias < 0 else "above"
    text = (
        f"Ratios at the first time point lie {abs(100 * found.bias):.1f} points {direction} those at the last"
    )
    if not np.isfinite(found.lower):
        return f"{text} ({found.n} {unit}). {found.note}"
    low, high = sorted((100 * found.bias_low, 100 * found.bias_high))
    return (
        f"{text} on average (bias {100 * found.bias:+.1f}, 95 % interval {low:+.1f} to {high:+.1f}; {found.n} {unit}). "
        f"Limits of agreement: {100 * found.lower:+.1f} to {100 * found.upper:+.1f} points."
    )


def _doses(app: App, origin: Origin, data: HasReplicates) -> None:
    run = origin.run
    st.subheader("Against dose", anchor=False, help=DOSE_HELP)
    estimates = getattr(data, "estimates", None)
    if estimates is None:
        samples = data.replicate_rows.assign(sample_id=data.replicate_rows["replicate"])
    else:
        samples = estimates.table
    columns = ["sample_id", "group", "time_h", "replicate", "class", "ratio"]
    found = _dose_curves(app, run.run_id, samples[columns], repr(courses.doses_of(app, run)))
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
        drawn.dose_figure(points[mine], fits, data.classes, unit=found.unit, simulated=origin.simulated),
        origin.file("dose_response"),
        origin.csv(points[mine]),
        key="dose_curve",
        alt="Ratio of each replicate against dose with the fitted curve of each fate",
    )
    table = curves[(curves["series"] == series) & np.isclose(curves["time_h"], hours, equal_nan=True)]
    unit = f" {found.unit}" if found.unit else ""
    shown = pd.DataFrame(
        {
            "Fate": [plain(name) for name in table["class"]],
            "EC50": [f"{value:.3g}{unit}" if np.isfinite(value) else "" for value in table["ec50"]],
            "95 % interval": tables.between(table["low"], table["high"], 1.0, ".3g"),
            "Without (%)": [tables.points(value) for value in table["bottom"]],
            "Most (%)": [tables.points(value) for value in table["top"]],
            "p of the curve": [tables.p_word(value) for value in table["p"]],
            "n": table["n"],
            "Note": table["note"],
        }
    )
    tables.show_table(shown, "dose_curves", table, origin, key="dose_curves_csv")

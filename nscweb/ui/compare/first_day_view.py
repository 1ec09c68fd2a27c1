"""Does the first day tell the last? First time point against the last, with limits of agreement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from nscweb.evaluation.groups.time_course import Agreement
from nscweb.figures.fate_over_time import bland_altman
from nscweb.services.compare.courses import Courses
from nscweb.ui import figures, show
from nscweb.ui.compare.statistics_tables import Origin
from nscweb.ui.filters import time_word
from nscweb.ui.text import plain
from nscweb.words.nothing import ONE_TIME

AGREEMENT_HELP = (
    "Bland-Altman plot. Bias: mean of first minus last. Limits of agreement: about 95 of 100 new pairs differ by no "
    "more than this; they are cut at 100 points, the largest change that is possible. Grey: 95 % intervals of the "
    "three lines, from the replicates alone. Only groups with the same first and the same last time point are compared."
)


REPLICATES_ALONE = (
    "from the replicates alone: what the held-out cells leave uncertain of the correction is common to all samples and "
    "is not in it"
)


def show_first_day(
    origin: Origin, found: Courses, fate: str, *, corrected: bool = False, order: Sequence[str] = ()
) -> None:
    """The plot of one fate in words and points.

    Args:
        found: of rows that hold this fate.
        corrected: ratios share an error of their correction, which the intervals here do not hold.
        order: groups in the order of the answer.
    """
    st.subheader("Does the first day tell the last?", anchor=False, help=AGREEMENT_HELP)
    pairs = found.pairs[found.pairs["class"] == fate]
    place = {name: number for number, name in enumerate(order)}
    first = [place.get(str(name), len(place)) for name in pairs["group"]]
    pairs = pairs.loc[pd.Series(first, index=pairs.index).sort_values(kind="stable").index]
    ends = found.ends[found.ends["class"] == fate]
    agreed = found.agreements.get(fate)
    if pairs.empty or agreed is None:
        show.note(ONE_TIME)
        return
    st.markdown(_words(agreed, pairs, corrected))
    left_out = _left_out(ends)
    if left_out:
        show.note(left_out)
    figures.show_figure(
        bland_altman(origin.lit(pairs), agreed, simulated=origin.simulated, fate=fate, counted=origin.counted),
        origin.file("first_against_last"),
        origin.csv(pairs, "First against last"),
        key="course_agreement",
        alt="Bland-Altman plot: ratio at the first time point minus that at the last, against their mean",
    )


def _words(found: Agreement, pairs: pd.DataFrame, corrected: bool) -> str:
    first, last = (time_word(float(pairs[name].iloc[0])) for name in ("first_h", "last_h"))
    direction = "below" if found.bias < 0 else "above"
    counted = _counted(pairs)
    text = (
        f"Ratios at {first}, the first time point, lie {abs(100 * found.bias):.1f} points {direction} those at "
        f"{last}, the last"
    )
    if not np.isfinite(found.lower):
        return f"{text} ({counted}). {found.note}"
    return (
        f"{text}, on average (bias {100 * found.bias:+.1f}, 95 % interval {100 * found.bias_low:+.1f} to "
        f"{100 * found.bias_high:+.1f}{', ' + REPLICATES_ALONE if corrected else ''}; {counted}). "
        f"Limits of agreement: {100 * found.lower:+.1f} to {100 * found.upper:+.1f} points."
    )


def _counted(pairs: pd.DataFrame) -> str:
    """ "11 replicates of 3 groups"; a group with one pair is called a group, not a replicate."""
    groups, n = pairs["group"].nunique(), len(pairs)
    of = "1 group" if groups == 1 else f"{groups} groups"
    if groups == n:
        return f"{of}, one pair each"
    unit = "replicates" if (pairs["replicate"] != "").all() else "pairs"
    return f"{n} {unit} of {of}"


def _left_out(ends: pd.DataFrame) -> str:
    others = ends[~ends["used"].astype(bool)]
    if others.empty:
        return ""
    named = [
        f"{plain(group) or '(no group given)'} "
        + (f"({time_word(first)} only)" if first == last else f"({time_word(first)} to {time_word(last)})")
        for group, first, last in zip(others["group"], others["first_h"], others["last_h"], strict=True)
    ]
    more = f" and {len(named) - 8} more" if len(named) > 8 else ""
    return f"Left out, because their first or last time point is another one: {', '.join(named[:8])}{more}."

"""Equivalence and non-inferiority of two groups on replicate means: what "no difference found" cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, FEWEST_REPLICATES, spelled
from nscweb.evaluation.groups.replicate_rows import (
    all_the_same,
    checked_rows,
    group_words,
    panels,
    same_words,
    time_words,
)
from nscweb.evaluation.groups.shared_error import SharedError, half_width, tail
from nscweb.evaluation.groups.spread import adjusted

Float64 = NDArray[np.float64]

EQUIVALENCE_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "group",
    "control",
    "margin",
    "difference",
    "low",
    "high",
    "p_equivalent",
    "p_equivalent_adjusted",
    "p_no_worse",
    "p_no_worse_adjusted",
    "comparisons",
    "n_group",
    "n_control",
    "verdict",
    "note",
)


def equivalence_table(
    rows: pd.DataFrame, control: str, margin: float, *, adjust: str = DEFAULT_ADJUST, shared: SharedError | None = None
) -> pd.DataFrame:
    """Two one-sided Welch tests of every group against the control, per time point and class.

    Args:
        rows: replicate rows.
        control: group to be equal to, e.g. "RA+SHH".
        margin: 0..1, the largest difference that would not matter; to be chosen before looking at the numbers.
        adjust: ``holm`` or ``fdr_bh``.
        shared: as for `pair_tests.group_tests`.

    Returns:
        Columns `EQUIVALENCE_COLUMNS`. ``low`` to ``high`` is the 90 % Welch interval, cut at -1 and 1: two
        one-sided tests at 5 % are the same as this interval lying within the margins (Schuirmann, J.
        Pharmacokinet. Biopharm. 15, 657 (1987)). ``p_no_worse`` tests "not lower than control by more than the margin"
        alone. ``verdict`` says it in words, by the adjusted p values. NaN and a note under three replicates or
        without spread.

    Raises:
        WrongUse: a margin outside 0..1 or a control that no row has.
    """
    if not 0 < margin < 1:
        raise WrongUse("The margin lies above 0 and below 100 points.")
    table = checked_rows(rows)
    if control not in set(table["group"]):
        raise WrongUse(f"The control group {control!r} has no cells here.", "Choose another control group.")
    lines = []
    for hours, name, groups in panels(table):
        second = groups.get(control, np.zeros(0))
        for group, first in groups.items():
            if group == control:
                continue
            line: dict[str, Any] = {
                "time_h": hours,
                "class": name,
                "group": group,
                "control": control,
                "margin": margin,
                "n_group": len(first),
                "n_control": len(second),
            }
            common = shared.variance(hours, name, group, control) if shared else 0.0
            lines.append({**line, **_tested(first, second, margin, group, control, hours, common)})
    result = pd.DataFrame(lines, columns=list(EQUIVALENCE_COLUMNS))
    for column in ("p_equivalent", "p_no_worse"):
        values = result[column].to_numpy(np.float64)
        result[f"{column}_adjusted"], result["comparisons"] = adjusted(values, adjust)
    told = zip(result["p_no_worse_adjusted"], result["p_equivalent_adjusted"], strict=True)
    result["verdict"] = [_verdict(no_worse, both, margin) for no_worse, both in told]
    return result[list(EQUIVALENCE_COLUMNS)]


def _tested(
    first: Float64, second: Float64, margin: float, group: str, control: str, hours: float, common: float
) -> dict[str, Any]:
    from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

    nothing = float("nan")
    difference = float(first.mean() - second.mean()) if len(first) and len(second) else nothing
    found: dict[str, Any] = {"difference": difference, "low": nothing, "high": nothing, "note": ""}
    found |= {"p_equivalent": nothing, "p_no_worse": nothing}
    if min(len(first), len(second)) < FEWEST_REPLICATES:
        few = group if len(first) < FEWEST_REPLICATES else control
        found["note"] = (
            f"No test {time_words(hours)}: {group_words(few)} has fewer than {spelled(FEWEST_REPLICATES)} replicates."
        )
        return found
    if all_the_same(first) and all_the_same(second):
        same = [same_words(group_words(name), x) for name, x in ((group, first), (control, second))]
        found["note"] = f"No test. {' '.join(same)}"
        return found
    means = CompareMeans(DescrStatsW(first), DescrStatsW(second))
    # Two one-sided tests as statsmodels ttost_ind(usevar="unequal") makes them, and the same with the shared error.
    own, degrees = float(means.std_meandiff_separatevar) ** 2, float(means.dof_satt())
    half = float(half_width(own, degrees, common, 1 - ALPHA))
    no_worse, no_better = (float(tail(side * difference + margin, own, degrees, common)) for side in (1, -1))
    found |= {"low": max(-1.0, difference - half), "high": min(1.0, difference + half)}
    found |= {"p_equivalent": max(no_worse, no_better), "p_no_worse": no_worse}
    return found


def _verdict(no_worse: float, equivalent: float, margin: float) -> str:
    points = f"{100 * margin:g} points"
    if not np.isfinite(no_worse):
        return "not tested"
    if equivalent < ALPHA:
        return f"equal to control within {points}"
    if no_worse < ALPHA:
        return f"no worse than control by more than {points}"
    return f"not shown: it may be worse by more than {points}"

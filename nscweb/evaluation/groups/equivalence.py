"""Equivalence and non-inferiority of two groups on replicate means: what "no difference found" cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, spelled
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.replicate_rows import (
    all_the_same,
    checked_rows,
    group_words,
    panels,
    same_words,
    time_words,
)
from nscweb.evaluation.groups.shared_error import half_width, tail
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
    rows: pd.DataFrame, control: str, margin: float, *, adjust: str = DEFAULT_ADJUST, errors: GroupErrors = ALONE
) -> pd.DataFrame:
    """Two one-sided t tests of every group against the control, per time point and class.

    Args:
        rows: replicate rows.
        control: group to be equal to, e.g. "RA+SHH".
        margin: 0..1, the largest difference that would not matter; to be chosen before looking at the numbers.
        adjust: ``holm`` or ``fdr_bh``.
        errors: as for `pair_tests.group_tests`.

    Returns:
        Columns `EQUIVALENCE_COLUMNS`. ``low`` to ``high`` is the 90 % interval, cut at -1 and 1: two
        one-sided tests at 5 % are the same as this interval lying within the margins (Schuirmann, J.
        Pharmacokinet. Biopharm. 15, 657 (1987)). ``p_no_worse`` tests "not lower than control by more than the margin"
        alone. ``verdict`` says it in words, by the adjusted p values. NaN and a note with too few
        replicates or without spread.

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
            lines.append({**line, **_tested(first, second, margin, (hours, name, group, control), errors)})
    result = pd.DataFrame(lines, columns=list(EQUIVALENCE_COLUMNS))
    for column in ("p_equivalent", "p_no_worse"):
        values = result[column].to_numpy(np.float64)
        result[f"{column}_adjusted"], result["comparisons"] = adjusted(values, adjust)
    told = zip(result["p_no_worse_adjusted"], result["p_equivalent_adjusted"], strict=True)
    result["verdict"] = [_verdict(no_worse, both, margin) for no_worse, both in told]
    return result[list(EQUIVALENCE_COLUMNS)]


def _tested(
    first: Float64, second: Float64, margin: float, key: tuple[float, str, str, str], errors: GroupErrors
) -> dict[str, Any]:
    hours, name, group, control = key
    nothing = float("nan")
    difference = float(first.mean() - second.mean()) if len(first) and len(second) else nothing
    found: dict[str, Any] = {"difference": difference, "low": nothing, "high": nothing, "note": ""}
    found |= {"p_equivalent": nothing, "p_no_worse": nothing}
    if min(len(first), len(second)) < errors.fewest:
        few = group if len(first) < errors.fewest else control
        found["note"] = (
            f"No test {time_words(hours)}: {group_words(few)} has fewer than {spelled(errors.fewest)} replicates."
        )
        return found
    variances, free = np.array([errors.spread(hours, name, *side) for side in ((group, first), (control, second))]).T
    if not errors.testable(*variances):
        same = [same_words(group_words(who), x) for who, x in ((group, first), (control, second)) if all_the_same(x)]
        found["note"] = f"No test. {' '.join(same)}"
        return found
    one, other = variances / [len(first), len(second)]
    degrees = errors.degrees(one, other, *free)
    common = errors.of_difference(hours, name, group, control)
    half = float(half_width(one + other, degrees, common, 1 - ALPHA))
    no_worse, no_better = (float(tail(side * difference + margin, one + other, degrees, common)) for side in (1, -1))
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

"""Tests behind the sentence on top: every pair, or each group against a control, adjusted within fate and time point.

The sentence asks one question, say "which group gives most neurons at day 1"; so its p values are adjusted for all
comparisons of groups at that fate and time point. "Since when" goes backwards from the last time point and stops at
the first that shows no difference: such a fixed order needs no further adjustment.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.p_values import adjusted
from nscweb.services.predict.lights import SEVERITY

# ``difference`` is ``group`` minus ``other``; ``p`` is adjusted, ``p_single`` is not.
COMPARED_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "group",
    "other",
    "difference",
    "low",
    "high",
    "p",
    "p_single",
    "comparisons",
    "n_group",
    "n_other",
    "g",
    "method",
    "note",
    "light",
)


def group_comparisons(
    rows: pd.DataFrame, control: str, adjust: str, errors: GroupErrors = ALONE, hidden: pd.DataFrame | None = None
) -> pd.DataFrame:
    """t tests on replicates (evaluation.groups.pair_tests), adjusted within each fate and time point.

    Args:
        rows: group, time_h, replicate, class, ratio, cells, light.
        control: "" for every pair.
        errors: of the whole study (`evaluation.groups.group_errors.group_errors`).
        hidden: such rows of groups that a filter hides; adjusted for as well, but not in the table.

    Returns:
        Columns `COMPARED_COLUMNS`; ``light`` is the worse of the two groups.
    """
    from nscweb.evaluation.groups.p_values import ADJUSTMENTS
    from nscweb.evaluation.groups.pair_tests import group_tests

    if rows.empty or rows["group"].nunique() < 2:
        return pd.DataFrame(columns=list(COMPARED_COLUMNS))
    family = rows if hidden is None or hidden.empty else pd.concat([rows, hidden], ignore_index=True)
    found = group_tests(family, control or None, adjust=adjust, errors=errors)
    found = found.rename(columns={"control": "other", "n_control": "n_other", "p": "p_single"})
    single = found["p_single"].to_numpy(np.float64)
    p, made = np.full(len(found), np.nan), np.zeros(len(found), np.int64)
    for places in found.groupby(["class", "time_h"], dropna=False, sort=False).indices.values():
        p[places] = adjusted(single[places], adjust)
        made[places] = np.isfinite(single[places]).sum()
    found["p"], found["comparisons"] = p, made
    over = f"{ADJUSTMENTS[adjust]} over the comparisons of this fate and time point"
    found["method"] = f"{errors.test} on replicates, {over}"
    shown = set(rows["group"])
    found = found[(found["group"].isin(shown) & found["other"].isin(shown)).to_numpy(bool)].reset_index(drop=True)
    lights = _worst(rows)
    keys = zip(found["time_h"].fillna(-1.0), found["group"], found["other"], strict=True)
    found["light"] = [
        max(lights.get((one, hours), "green"), lights.get((other, hours), "green"), key=SEVERITY.__getitem__)
        for hours, one, other in keys
    ]
    return found[list(COMPARED_COLUMNS)]


def _worst(rows: pd.DataFrame) -> dict[tuple[str, float], str]:
    lights: dict[tuple[str, float], str] = {}
    for group, hours, light in zip(rows["group"], rows["time_h"].fillna(-1.0), rows["light"], strict=True):
        key = (str(group), float(hours))
        lights[key] = max(lights.get(key, "green"), str(light), key=SEVERITY.__getitem__)
    return lights

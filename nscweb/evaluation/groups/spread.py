"""Replicates of each group in numbers: mean, spread, interval; Welch's ANOVA; normality and variance, shown only.

Shapiro-Wilk and Levene stand beside the results and decide nothing: with three to six replicates they cannot
see a departure that matters, and choosing the test by them changes its error rate.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import DEFAULT_ADJUST, FEWEST_REPLICATES, spelled
from nscweb.evaluation.groups import p_values
from nscweb.evaluation.groups.means import group_means
from nscweb.evaluation.groups.replicate_rows import (
    all_the_same,
    checked_rows,
    group_words,
    panels,
    same_words,
    uneven_words,
    values_of,
)
from nscweb.evaluation.groups.shared_error import SharedError

Float64 = NDArray[np.float64]

SUMMARY_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "group",
    "n",
    "lost",
    "cells",
    "fewest_cells",
    "mean",
    "sd",
    "sem",
    "low",
    "high",
    "shapiro_p",
    "note",
)
_KEYS = ["time_h", "class", "group"]
ANOVA_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "groups",
    "n",
    "f",
    "df_between",
    "df_within",
    "p",
    "p_adjusted",
    "comparisons",
    "levene_p",
    "method",
    "note",
)


def summary_table(rows: pd.DataFrame, shared: SharedError | None = None) -> pd.DataFrame:
    """Mean, SD, SEM and 95 % t interval over replicates, per time point, class and group.

    Args:
        rows: replicate rows (`replicate_rows.ROW_COLUMNS`).
        shared: error of the correction that all samples have in common, part of the interval; None for
            counted labels.

    Returns:
        Columns `SUMMARY_COLUMNS`. ``n`` replicates with a ratio, ``lost`` without one; ``cells`` counted in all
        of them, ``fewest_cells`` in the smallest. The interval is clipped to 0..1, and NaN with one replicate
        or without spread. ``shapiro_p`` is the p value of Shapiro and Wilk's test of normality (n of 3 or more).
    """
    table = checked_rows(rows)
    lines = []
    for key, part in table.groupby(_KEYS, dropna=False, sort=True):
        hours, name, group = cast("tuple[float, str, str]", key)
        values = values_of(part)
        n = len(values)
        known = part[np.isfinite(part["ratio"].to_numpy())]
        lines.append(
            (
                hours,
                name,
                group,
                n,
                len(part) - n,
                int(known["cells"].sum()),
                int(known["cells"].min()) if n else 0,
                _shapiro(values),
                _note(str(group), values, len(part) - n, known["cells"].to_numpy()),
            )
        )
    means = group_means(table, shared).drop(columns="n")
    own = [name for name in SUMMARY_COLUMNS if name in _KEYS or name not in means]
    return pd.DataFrame(lines, columns=own).merge(means, how="left", on=_KEYS)[list(SUMMARY_COLUMNS)]


def anova_table(rows: pd.DataFrame, adjust: str = DEFAULT_ADJUST, shared: SharedError | None = None) -> pd.DataFrame:
    """Welch's ANOVA over all groups with three or more replicates, per time point and class.

    statsmodels ``anova_oneway(use_var="unequal")``: Welch, Biometrika 38, 330 (1951). Groups whose replicates
    all agree are left out and named, because Welch's weights would be infinite. Welch's F is a Wald statistic of the
    means with their own variances, scaled; with `shared` its covariance is added to them, and F shrinks as that
    statistic does, with Welch's degrees of freedom.

    Args:
        rows: replicate rows.
        adjust: ``holm`` or ``fdr_bh``, over all time points and classes of the table.
        shared: error of the correction that all samples have in common; None for counted labels.

    Returns:
        Columns `ANOVA_COLUMNS`; ``p`` is NaN where the note says why. No row where fewer than two groups have a
        ratio: there is nothing to ask.
    """
    from scipy.stats import f as fisher
    from statsmodels.stats.oneway import anova_oneway

    lines = []
    for hours, name, groups in panels(checked_rows(rows)):
        if sum(len(values) > 0 for values in groups.values()) < 2:
            continue
        few = [group for group, values in groups.items() if len(values) < FEWEST_REPLICATES]
        flat = [group for group, values in groups.items() if len(values) >= FEWEST_REPLICATES and all_the_same(values)]
        used = [groups[group] for group in groups if group not in few and group not in flat]
        f = between = within = p = spread_p = float("nan")
        if len(used) >= 2:
            result = anova_oneway(used, use_var="unequal", welch_correction=True)
            f, p = float(result.statistic), float(result.pvalue)
            between, within = (float(value) for value in result.df)
            names = [group for group in groups if group not in few and group not in flat]
            common = None if shared is None else _shared_covariance(shared, float(hours), str(name), names)
            if common is not None:
                f *= _wald(used, common) / max(_wald(used, np.zeros_like(common)), 1e-300)
                p = float(fisher.sf(f, between, within))
            spread_p = _levene(used)
        size = sum(len(values) for values in used)
        uneven = uneven_words({} if np.isnan(p) else groups, 10)
        note = " ".join(text for text in (_anova_note(few, flat, len(used)), uneven) if text)
        lines.append((hours, name, len(used), size, f, between, within, p, np.nan, 0, spread_p, "Welch ANOVA", note))
    table = pd.DataFrame(lines, columns=list(ANOVA_COLUMNS))
    table["p_adjusted"], table["comparisons"] = adjusted(table["p"].to_numpy(np.float64), adjust)
    return table


def _shared_covariance(shared: SharedError, hours: float, name: str, groups: list[str]) -> Float64 | None:
    """(G, G) covariance of the means of groups from the error that they share; None where it is not known of all."""
    rounds = [shared.rounds(hours, name, group) for group in groups]
    known = [item for item in rounds if item is not None]
    return np.asarray(np.cov(np.stack(known)), np.float64) if len(known) == len(groups) else None


def _wald(groups: list[Float64], common: Float64) -> float:
    """Wald statistic of equal means whose variances are those of replicates plus `common` (G, G)."""
    means = np.array([values.mean() for values in groups])
    own = np.diag([values.var(ddof=1) / len(values) for values in groups])
    apart = np.eye(len(groups))[1:] - np.eye(len(groups))[:1]
    difference = apart @ means
    return float(difference @ np.linalg.solve(apart @ (own + common) @ apart.T, difference))


def adjusted(p: Float64, adjust: str) -> tuple[Float64, int]:
    """p values adjusted over all that are not NaN (`nscweb.evaluation.groups.p_values`), and how many those are."""
    return p_values.adjusted(p, adjust), int(np.isfinite(p).sum())


def _shapiro(values: Float64) -> float:
    from scipy.stats import shapiro

    if len(values) < 3 or all_the_same(values):
        return float("nan")
    return float(shapiro(values).pvalue)


def _levene(groups: list[Float64]) -> float:
    from scipy.stats import levene

    # Where all values of each group lie equally far from its median, Levene's statistic is nought by nought.
    if all(all_the_same(np.abs(values - np.median(values))) for values in groups):
        return float("nan")
    return float(levene(*groups, center="median").pvalue)


def _note(group: str, values: Float64, lost: int, cells: NDArray[np.float64]) -> str:
    sentences = []
    if lost:
        sentences.append(
            f"{lost} of {lost + len(values)} replicates of {group_words(group)} are left out because their ratio "
            "cannot be recovered."
        )
    if len(values) == 1:
        sentences.append("One replicate: nothing is known about how replicates differ.")
    if len(values) >= 2 and all_the_same(values):
        sentences.append(same_words(group_words(group), values))
    if len(cells) >= 2 and cells.min() * 10 < np.median(cells):
        sentences.append(
            f"The smallest replicate has {cells.min():,.0f} cells and the middle one {np.median(cells):,.0f}; "
            "it counts as much as the others here, see the model of cells within replicates."
        )
    return " ".join(sentences)


def _anova_note(few: list[str], flat: list[str], used: int) -> str:
    parts = []
    if few:
        parts.append(
            f"Left out with fewer than {spelled(FEWEST_REPLICATES)} replicates: {', '.join(map(group_words, few))}."
        )
    if flat:
        parts.append(f"Left out without any spread: {', '.join(map(group_words, flat))}.")
    if used < 2:
        parts.append("Fewer than two groups are left, so nothing can be compared.")
    return " ".join(parts)

"""Replicates of each group in numbers: mean, spread, interval; do groups differ at all; tests of normality,
shown only.

Shapiro-Wilk and Levene stand beside the results and decide nothing: with three to six replicates they cannot
see a departure that matters, and choosing the test by them changes its error rate.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, FEWEST_REPLICATES, MANY_GROUPS, spelled
from nscweb.evaluation.groups import p_values
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
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


def summary_table(rows: pd.DataFrame, errors: GroupErrors = ALONE) -> pd.DataFrame:
    """Mean, SD, SEM and 95 % t interval over replicates, per time point, class and group.

    Args:
        rows: replicate rows (`replicate_rows.ROW_COLUMNS`).
        errors: of the whole study (`group_errors.group_errors`), part of the interval.

    Returns:
        Columns `SUMMARY_COLUMNS`. ``n`` replicates with a ratio, ``lost`` without one; ``cells`` counted in all
        of them, ``fewest_cells`` in the smallest. The interval is clipped to 0..1; with one replicate, or
        where all agree, it is that of their cells, and NaN where that is not known. ``shapiro_p`` is the p value of
        Shapiro and Wilk's test of normality (n of 3 or more).
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
                _note((hours, name, group), values, len(part) - n, known["cells"].to_numpy(), errors),
            )
        )
    means = group_means(table, errors).drop(columns="n")
    own = [name for name in SUMMARY_COLUMNS if name in _KEYS or name not in means]
    return pd.DataFrame(lines, columns=own).merge(means, how="left", on=_KEYS)[list(SUMMARY_COLUMNS)]


def anova_table(rows: pd.DataFrame, adjust: str = DEFAULT_ADJUST, errors: GroupErrors = ALONE) -> pd.DataFrame:
    """Do the groups of a time point differ at all: Welch's ANOVA, by the spread that tests of pairs take.

    Welch, Biometrika 38, 330 (1951), on the variances of means and their degrees of freedom: the numbers of statsmodels
    ``anova_oneway(use_var="unequal")`` where each group stands by itself. Where the spread is borrowed, degrees of
    freedom below are at most those of a single group, as in `GroupErrors.degrees`. Groups without any spread are left
    out and named, because their weights would be infinite. F is a Wald statistic of the means with their variances,
    scaled; with the error that samples share its covariance is added to them, and F shrinks as that statistic does.

    Args:
        rows: replicate rows.
        adjust: ``holm`` or ``fdr_bh``, over all time points and classes of the table.
        errors: of the whole study (`group_errors.group_errors`).

    Returns:
        Columns `ANOVA_COLUMNS`; ``p`` is NaN where the note says why. No row where fewer than two groups have a
        ratio: there is nothing to ask.
    """
    from scipy.stats import f as fisher

    lines = []
    for hours, name, groups in panels(checked_rows(rows)):
        if sum(len(values) > 0 for values in groups.values()) < 2:
            continue
        spreads = {group: errors.spread(hours, name, group, values) for group, values in groups.items()}
        few = [group for group, values in groups.items() if len(values) < errors.fewest]
        flat = [group for group in groups if group not in few and not spreads[group][0] > 0]
        names = [group for group in groups if group not in few and group not in flat]
        used = [groups[group] for group in names]
        f = between = within = p = spread_p = float("nan")
        if len(used) >= 2:
            means = np.array([values.mean() for values in used])
            variances, free = np.array([spreads[group] for group in names]).T
            variances = variances / [len(values) for values in used]
            f, between, within = _welch_f(means, variances, free)
            within = within if errors.borrowed is None else min(within, float(free.max()))
            common = None if errors.shared is None else _shared_covariance(errors.shared, hours, name, names)
            if common is not None:
                apart = [_wald(means, variances, part) for part in (common, np.zeros_like(common))]
                f *= apart[0] / max(apart[1], 1e-300)
            p = float(fisher.sf(f, between, within))
            spread_p = _levene(used)
        size = sum(len(values) for values in used)
        uneven = uneven_words({} if np.isnan(p) or errors.borrowed else groups, 10)
        many = "" if np.isnan(p) or errors.borrowed else _many_words(used)
        note = " ".join(text for text in (_anova_note(few, flat, len(used), errors), uneven, many) if text)
        how = "Welch ANOVA" if errors.borrowed is None else "moderated Welch ANOVA"
        lines.append((hours, name, len(used), size, f, between, within, p, np.nan, 0, spread_p, how, note))
    table = pd.DataFrame(lines, columns=list(ANOVA_COLUMNS))
    table["p_adjusted"], table["comparisons"] = adjusted(table["p"].to_numpy(np.float64), adjust)
    return table


def _many_words(groups: list[Float64]) -> str:
    """A sentence where Welch's F finds too much, as measured in ``benchmarks/moderated.py``; "" else."""
    if len(groups) < MANY_GROUPS or min(len(values) for values in groups) > FEWEST_REPLICATES:
        return ""
    return (
        f"With {len(groups)} groups of {spelled(FEWEST_REPLICATES)} replicates Welch's analysis of variance finds too "
        f"much: of 100 studies of eight equal groups about 10 have p below {ALPHA}."
    )


def _welch_f(means: Float64, variances: Float64, free: Float64) -> tuple[float, float, float]:
    """Welch's F and its degrees of freedom, from means, their variances and the degrees of freedom of these."""
    number = len(means)
    weights = 1 / variances
    share = weights / weights.sum()
    apart = float((weights * (means - share @ means) ** 2).sum()) / (number - 1)
    lost = float(((1 - share) ** 2 / free).sum())
    scale = 1 + 2 * (number - 2) / (number**2 - 1) * lost
    return apart / scale, float(number - 1), (number**2 - 1) / (3 * lost)


def _shared_covariance(shared: SharedError, hours: float, name: str, groups: list[str]) -> Float64 | None:
    """(G, G) covariance of the means of groups from the error that they share; None where it is not known of all."""
    rounds = [shared.rounds(hours, name, group) for group in groups]
    known = [item for item in rounds if item is not None]
    return np.asarray(np.cov(np.stack(known)), np.float64) if len(known) == len(groups) else None


def _wald(means: Float64, variances: Float64, common: Float64) -> float:
    """Wald statistic of equal means whose variances are those of replicates plus `common` (G, G)."""
    apart = np.eye(len(means))[1:] - np.eye(len(means))[:1]
    difference = apart @ means
    return float(difference @ np.linalg.solve(apart @ (np.diag(variances) + common) @ apart.T, difference))


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


def _note(
    key: tuple[float, str, str], values: Float64, lost: int, cells: NDArray[np.float64], errors: GroupErrors
) -> str:
    sentences = []
    group = str(key[2])
    if lost:
        sentences.append(
            f"{lost} of {lost + len(values)} replicates of {group_words(group)} are left out because their ratio "
            "cannot be recovered."
        )
    if len(values) == 1:
        sentences.append("One replicate: nothing is known about how replicates differ.")
    if len(values) >= 2 and all_the_same(values):
        sentences.append(same_words(group_words(group), values))
    outlying = errors.outlying(*key)
    if outlying is not None:
        sentences.append(f"{group_words(group)}: {outlying.words}.")
    if len(cells) >= 2 and cells.min() * 10 < np.median(cells):
        sentences.append(
            f"The smallest replicate has {cells.min():,.0f} cells and the middle one {np.median(cells):,.0f}; "
            "it counts as much as the others here, see the model of cells within replicates."
        )
    return " ".join(sentences)


def _anova_note(few: list[str], flat: list[str], used: int, errors: GroupErrors) -> str:
    parts = []
    if few:
        parts.append(
            f"Left out with fewer than {spelled(errors.fewest)} replicates: {', '.join(map(group_words, few))}."
        )
    if flat:
        parts.append(f"Left out without any spread: {', '.join(map(group_words, flat))}.")
    if used < 2:
        parts.append("Fewer than two groups are left, so nothing can be compared.")
    return " ".join(parts)

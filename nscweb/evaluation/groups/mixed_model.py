"""Cells within replicates within groups on the logit scale, for replicates of different size.

Replicate means weigh a replicate of 50 cells like one of 20,000. Here the cells of a replicate share one intra-class
correlation (they are more alike than cells of two replicates), so that a replicate with n cells counts as
n / (1 + (n - 1) rho) independent ones: nearly all replicates alike where rho is large, by cells where it is zero.
These are the weights of the beta-binomial model and of generalised estimating equations with exchangeable cells
(Williams, Appl. Stat. 31, 144 (1982); Liang and Zeger, Biometrika 73, 13 (1986)). rho is Williams's moment estimate
over all groups of a time point; the share of a group is a weighted mean (statsmodels WLS) and its error comes from
its replicates (HC2, which for one row per replicate is Kauermann and Carroll's small-sample correction).

Why not the likelihood of a mixed model: with three replicates in a group its tests are asymptotic and find too much
(a model-based test of these weights: 5 to 9 % false positives), and statsmodels' BinomialBayesMixedGLM reports
posterior deviations of a variational fit, which are too small. With HC2 and degrees of freedom from the effective
number of replicates it is 2 to 5 % (benchmarks/replicates.py).
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import DEFAULT_ADJUST, FEWEST_REPLICATES
from nscweb.evaluation.groups.replicate_rows import (
    SAME,
    all_the_same,
    checked_rows,
    group_words,
    same_words,
    time_words,
    uneven_words,
)
from nscweb.evaluation.groups.shared_error import SharedError, half_width, tail
from nscweb.evaluation.groups.spread import adjusted

Float64 = NDArray[np.float64]
Replicates = tuple[Float64, Float64]  # ratios, cells

MODEL_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "group",
    "control",
    "share",
    "share_control",
    "odds_ratio",
    "low",
    "high",
    "p",
    "p_adjusted",
    "comparisons",
    "rho",
    "degrees",
    "n_group",
    "n_control",
    "cells_group",
    "cells_control",
    "method",
    "note",
)
METHOD = "logit model of cells within replicates within groups (exchangeable, HC2)"


def odds_ratios(
    rows: pd.DataFrame, control: str, *, adjust: str = DEFAULT_ADJUST, shared: SharedError | None = None
) -> pd.DataFrame:
    """Odds of each class in every group against the control, per time point.

    Args:
        rows: replicate rows; ``cells`` are the cells that a ratio was counted on.
        control: group that the others are compared with.
        adjust: ``holm`` or ``fdr_bh``.
        shared: as for `pair_tests.group_tests`; its variance is that of the difference in log odds.

    Returns:
        Columns `MODEL_COLUMNS`. ``odds_ratio`` with its 95 % interval; 1 means no difference. ``share`` are the
        weighted shares, ``rho`` the intra-class correlation, ``degrees`` those of the t distribution
        (Satterthwaite). NaN where ``note`` says why it cannot be computed.

    Raises:
        WrongUse: a control that no row has.
    """
    table = checked_rows(rows)
    if control not in set(table["group"]):
        raise WrongUse(f"The control group {control!r} has no cells here.", "Choose another control group.")
    table = table[np.isfinite(table["ratio"].to_numpy()) & (table["cells"].to_numpy() > 0)]
    lines: list[dict[str, Any]] = []
    for key, part in table.groupby(["time_h", "class"], dropna=False, sort=True):
        hours, name = cast("tuple[float, str]", key)
        groups = {
            str(group): (item["ratio"].to_numpy(np.float64), item["cells"].to_numpy(np.float64))
            for group, item in part.groupby("group", sort=True)
        }
        rho = intraclass_correlation(list(groups.values()))
        second = groups.get(control, (np.zeros(0), np.zeros(0)))
        for group, first in groups.items():
            if group != control:
                line = {"time_h": hours, "class": name, "group": group, "control": control, "rho": rho}
                common = shared.variance(float(hours), name, group, control, logit=True) if shared else 0.0
                lines.append({**line, **_compared(first, second, rho, group, control, float(hours), common)})
    result = pd.DataFrame(lines, columns=list(MODEL_COLUMNS))
    result["p_adjusted"], result["comparisons"] = adjusted(result["p"].to_numpy(np.float64), adjust)
    result["method"] = METHOD
    return result


def intraclass_correlation(groups: list[Replicates]) -> float:
    """Williams's moment estimate of rho over all groups: Pearson's chi-squared equals its degrees of freedom.

    0 where replicates differ by no more than chance between cells allows; NaN where no group has two replicates
    and a share between 0 and 1.
    """
    from scipy.optimize import brentq

    used = [(y, n) for y, n in groups if len(y) >= 2 and 0 < np.average(y, weights=n) < 1]
    if not used:
        return float("nan")
    degrees = sum(len(y) - 1 for y, _ in used)

    def excess(rho: float) -> float:
        total = 0.0
        for y, n in used:
            weight = n / (1 + (n - 1) * rho)
            share = np.average(y, weights=weight)
            total += float((weight * (y - share) ** 2).sum() / (share * (1 - share)))
        return total - degrees

    if excess(0.0) <= 0:
        return 0.0
    return 0.999 if excess(0.999) >= 0 else float(brentq(excess, 0.0, 0.999, xtol=1e-9))


def _compared(
    first: Replicates, second: Replicates, rho: float, group: str, control: str, hours: float, common: float
) -> dict[str, Any]:
    blank = ("share", "share_control", "odds_ratio", "low", "high", "p", "degrees")
    found: dict[str, Any] = dict.fromkeys(blank, float("nan"))
    found |= {"n_group": len(first[0]), "n_control": len(second[0])}
    found |= {"cells_group": int(first[1].sum()), "cells_control": int(second[1].sum()), "note": ""}
    for name, (y, n) in ((group, first), (control, second)):
        share = float(np.average(y, weights=n)) if n.sum() > 0 else float("nan")
        if len(y) < FEWEST_REPLICATES:
            found["note"] = f"Not computable {time_words(hours)}: {group_words(name)} has {len(y)} replicates."
        elif not SAME < share < 1 - SAME:
            cells = "no cell" if share < 0.5 else "every cell"
            found["note"] = f"Not computable: in {group_words(name)} {cells} is this fate."
    if not found["note"] and all_the_same(first[0]) and all_the_same(second[0]):
        same = [same_words(group_words(name), y) for name, (y, _) in ((group, first), (control, second))]
        found["note"] = f"Not computable. {' '.join(same)}"
    if found["note"]:
        return found
    a, b = _share(*first, rho), _share(*second, rho)
    found["share"], found["share_control"] = a[0], b[0]
    log_odds = float(np.log(a[0] / (1 - a[0])) - np.log(b[0] / (1 - b[0])))
    variance = a[1] + b[1]
    degrees = variance**2 / (a[1] ** 2 / a[2] + b[1] ** 2 / b[2])
    half = float(half_width(variance, degrees, common))
    # Beyond e^50 a limit only says that it is not known; infinity says the same and can be shown.
    found["odds_ratio"] = float(np.exp(log_odds))
    found["low"] = float(np.exp(log_odds - half)) if half < 50 else 0.0
    found["high"] = float(np.exp(log_odds + half)) if half < 50 else float("inf")
    p = 2 * float(tail(abs(log_odds), variance, degrees, common))
    found["p"], found["degrees"] = max(p, 1e-300), float(degrees)
    if max(first[1].max() / first[1].sum(), second[1].max() / second[1].sum()) > 0.9 and rho < 0.001:
        found["note"] = "One replicate holds more than nine in ten of the cells of its group."
    uneven = uneven_words({group: first[0], control: second[0]}, 9)
    found["note"] = " ".join(text for text in (found["note"], uneven) if text)
    return found


def _share(y: Float64, n: Float64, rho: float) -> tuple[float, float, float]:
    """Weighted share, variance of its logit, and degrees of freedom (effective number of replicates minus 1)."""
    import statsmodels.api as sm

    weight = n / (1 + (n - 1) * rho)
    weight = weight / weight.mean()
    fitted = sm.WLS(y, np.ones((len(y), 1)), weights=weight).fit(cov_type="HC2")
    share = float(fitted.params[0])
    variance = float(fitted.bse[0]) ** 2 / (share * (1 - share)) ** 2
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    return share, variance, max(effective - 1, 0.1)

"""Groups compared on replicate means: t tests, Hedges g, Games-Howell, adjusted for all comparisons.

A test is Welch's (Biometrika 34, 28 (1947)), or the same with a spread of replicates that is borrowed across groups,
the moderated t test of gene expression, which Phipson et al., Bioinformatics 38, 4720 (2022), took to shares of cell
types. `group_errors.GroupErrors` says which.

Each comparison stands on the biological replicates of one time point and class. Pooled cells never enter: with no
true effect they gave a "significant" difference in about four of five comparisons (benchmarks/replicates.py).

Hedges g is the difference of two groups in units of the spread between replicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import WrongUse, check_choice
from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, TAILS, spelled
from nscweb.evaluation.groups.group_errors import ALONE, GroupErrors
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.evaluation.groups.power import LIMITED, Spread, needed_replicates, out_of_reach
from nscweb.evaluation.groups.replicate_rows import (
    all_the_same,
    checked_rows,
    group_words,
    panels,
    same_words,
    time_words,
    uneven_words,
)
from nscweb.evaluation.groups.shared_error import combined, tail
from nscweb.evaluation.groups.spread import adjusted

Float64 = NDArray[np.float64]
TEST_COLUMNS: tuple[str, ...] = (
    "time_h",
    "class",
    "group",
    "control",
    "difference",
    "low",
    "high",
    "low_all",
    "high_all",
    "g",
    "g_low",
    "g_high",
    "p",
    "p_adjusted",
    "comparisons",
    "n_group",
    "n_control",
    "method",
    "note",
    "p_games_howell",
)
NOTHING_TESTED = "no comparison could be tested"
# Above it replicates differ so little that a difference in units of their spread says nothing.
_LARGEST_G = 100.0
_TINY = 1e-300
# The studentised range is slow to compute (35 ms a pair); above this the page would not answer.
MOST_GAMES_HOWELL = 150


def hedges_g(
    mean_first: ArrayLike,
    sd_first: ArrayLike,
    n_first: ArrayLike,
    mean_second: ArrayLike,
    sd_second: ArrayLike,
    n_second: ArrayLike,
) -> tuple[Float64, Float64, Float64]:
    """Hedges g of first minus second, and its 95 % interval; for numbers or arrays of the same shape.

    g is Cohen's d with the pooled spread times 1 - 3 / (4 N - 9) (Hedges, J. Educ. Stat. 6, 107 (1981);
    statsmodels effectsize_smd). The interval turns the noncentral t distribution round (Hedges and Olkin 1985;
    scipy.special.nctdtrinc), which a normal interval of three replicates would get wrong.

    Returns:
        (g, low, high); NaN where a group has fewer than two replicates or both have no spread.
    """
    from scipy.special import nctdtrinc
    from statsmodels.stats.meta_analysis import effectsize_smd

    m1, s1, n1, m2, s2, n2 = np.broadcast_arrays(
        *(np.asarray(item, np.float64) for item in (mean_first, sd_first, n_first, mean_second, sd_second, n_second))
    )
    usable = (n1 >= 2) & (n2 >= 2) & (np.nan_to_num(s1) + np.nan_to_num(s2) > 0)
    g, low, high = (np.full(m1.shape, np.nan) for _ in range(3))
    if not usable.any():
        return g, low, high
    a = [item[usable] for item in (m1, s1, n1, m2, s2, n2)]
    g[usable] = effectsize_smd(*a)[0]
    total = a[2] + a[5]
    small = 1 - 3 / (4 * total - 9)
    root = np.sqrt(1 / a[2] + 1 / a[5])
    t = g[usable] / small / root
    # Beyond |t| = 1000 (identical replicates but for rounding) the limits mean nothing.
    t = np.where(np.abs(t) < 1000, t, np.nan)
    low[usable] = nctdtrinc(total - 2, TAILS[1], t) * root * small
    high[usable] = nctdtrinc(total - 2, ALPHA / 2, t) * root * small
    return g, low, high


def group_tests(
    rows: pd.DataFrame,
    control: str | None = None,
    *,
    adjust: str = DEFAULT_ADJUST,
    difference: float = 0.1,
    errors: GroupErrors = ALONE,
) -> pd.DataFrame:
    """Every group against the control, or all pairs where there is none, per time point and class.

    Args:
        rows: replicate rows (`replicate_rows.ROW_COLUMNS`), already narrowed to what is shown: the adjustment
            counts every comparison in them.
        control: group that the others are compared with; None compares all pairs.
        adjust: key of `p_values.ADJUSTMENTS`.
        difference: 0..1, the difference for which the note says how many replicates would be needed.
        errors: of the whole study (`group_errors.group_errors`): whether the spread of replicates is borrowed, and
            the error of the correction that the groups have in common, whose variance is added with the degrees of
            freedom of Satterthwaite, Biometrics Bull. 2, 110 (1946). Welch's test on replicates alone without it.

    Returns:
        Columns `TEST_COLUMNS`. ``difference`` is group minus control of the mean ratios, -1..1, with the 95 % interval
        ``low`` to ``high`` of this comparison alone; ``low_all`` to ``high_all`` hold for all comparisons at once
        (Bonferroni). ``p`` is two-sided, ``p_adjusted`` over ``comparisons``. ``p_games_howell`` (all pairs only) is
        adjusted within one time point and class (Games and Howell, J. Educ. Stat. 1, 113 (1976)). Too few replicates
        in a group, or no spread in both: p and intervals are NaN and ``note`` says why. Intervals are cut at -1 and 1.
        Hedges g is about the spread of the replicates of these two groups only; it is NaN where they hardly differ.

    Raises:
        WrongUse: another `adjust`, or a control that no row has.
    """
    check_choice(adjust, ADJUSTMENTS, "way to adjust p values")
    table = checked_rows(rows)
    if control is not None and control not in set(table["group"]):
        raise WrongUse(f"The control group {control!r} has no cells here.", "Choose another control group.")
    lines: list[dict[str, Any]] = []
    samples: list[tuple[Float64, Float64]] = []
    sizes: list[int] = []
    for hours, name, groups in panels(table):
        pairs = _pairs(list(groups), control)
        compared = sum(len(values) >= errors.fewest for values in groups.values())
        sizes += [compared] * len(pairs)
        for first, second in pairs:
            lines.append({"time_h": hours, "class": name, "group": first, "control": second})
            samples.append((groups[first], groups.get(second, np.zeros(0))))
    result = pd.DataFrame(lines, columns=list(TEST_COLUMNS[:4]))
    computed = _tested(lines, samples, errors)
    for column, values in computed.items():
        result[column] = values
    result["p_adjusted"], comparisons = adjusted(computed["p"], adjust)
    result["comparisons"] = comparisons
    result["low_all"], result["high_all"] = _simultaneous(result, comparisons)
    result["p_games_howell"] = np.nan
    if control is None and 0 < len(result) <= MOST_GAMES_HOWELL:
        result["p_games_howell"] = _games_howell(sizes, computed)
    over = f"{ADJUSTMENTS[adjust]} over {comparisons} comparisons"
    result["method"] = f"{errors.test} on replicates, {over if comparisons else NOTHING_TESTED}"
    asked = _Asked(comparisons, difference, errors)
    keys = zip(lines, samples, np.isfinite(computed["g"]), strict=True)
    result["note"] = [_note(line, *pair, asked, bool(known)) for line, pair, known in keys]
    return result[list(TEST_COLUMNS)]


def _pairs(groups: Sequence[str], control: str | None) -> list[tuple[str, str]]:
    if control is None:
        return [(second, first) for first, second in combinations(groups, 2)]
    return [(group, control) for group in groups if group != control]


def _tested(
    lines: Sequence[dict[str, Any]], samples: Sequence[tuple[Float64, Float64]], errors: GroupErrors
) -> dict[str, Any]:
    """Everything about each pair, as columns; NaN where it cannot be tested."""
    count = len(samples)
    n = np.array([(len(a), len(b)) for a, b in samples], np.int64).reshape(count, 2)
    # A group is in many pairs; its mean and spread are made once.
    each: dict[int, tuple[float, ...]] = {}
    for line, pair in zip(lines, samples, strict=True):
        for side, values in zip(("group", "control"), pair, strict=True):
            if id(values) not in each:
                spread = errors.spread(line["time_h"], line["class"], line[side], values)
                each[id(values)] = (values.mean() if len(values) else np.nan, _sd(values), *spread)
    known = np.array([[each[id(x)] for x in pair] for pair in samples], np.float64).reshape(count, 2, 4)
    mean, own, variance, free = np.moveaxis(known, 2, 0)
    testable = (n.min(axis=1, initial=errors.fewest) >= errors.fewest) & errors.testable(*variance.T)
    one, other = np.where(testable[:, None], variance / np.maximum(n, 1), np.nan).T
    degrees = errors.degrees(one, other, *free.T)
    keys = ((line["time_h"], line["class"], line["group"], line["control"]) for line in lines)
    common = np.array([errors.of_difference(*key) for key in keys], np.float64)
    difference = mean[:, 0] - mean[:, 1]
    p, degrees, half = _inferred(difference, one + other, degrees, common)
    # No difference of two shares lies beyond 100 points; a t interval of few replicates knows nothing of that.
    low, high = np.clip(difference - half, -1, 1), np.clip(difference + half, -1, 1)
    g, g_low, g_high = hedges_g(mean[:, 0], own[:, 0], n[:, 0], mean[:, 1], own[:, 1], n[:, 1])
    blank = ~testable | (np.abs(g) > _LARGEST_G)
    for values in (g, g_low, g_high):
        values[blank] = np.nan
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "degrees": degrees,
        "half": half,
        "g": g,
        "g_low": g_low,
        "g_high": g_high,
        "p": p,
        "n_group": n[:, 0],
        "n_control": n[:, 1],
    }


def _inferred(difference: Float64, own: Float64, degrees: Float64, common: Float64) -> tuple[Float64, Float64, Float64]:
    """Two-sided p, degrees of freedom and half of the 95 % interval; NaN where `own` is.

    Args:
        own: variance of each difference from the replicates, with its `degrees` of freedom.
        common: variance from the error that both groups share.
    """
    from scipy.stats import t

    error, free = combined(own, degrees, common)
    alone = t.ppf(TAILS[1], degrees) * np.sqrt(own)
    wide = t.ppf(TAILS[1], free) * error
    # More degrees of freedom must not make an interval narrower, nor a p smaller, than those of the replicates alone.
    p = 2 * tail(np.abs(difference), own, degrees, common)
    # Never a bare zero, however many degrees of freedom there are.
    return np.maximum(p, _TINY), np.where(wide > alone, free, degrees), np.maximum(wide, alone)


def _sd(values: Float64) -> float:
    if len(values) < 2:
        return float("nan")
    return 0.0 if all_the_same(values) else float(values.std(ddof=1))


def _simultaneous(result: pd.DataFrame, comparisons: int) -> tuple[Float64, Float64]:
    """Bonferroni: the 95 % interval stretched to the quantile of 1 - ALPHA / comparisons."""
    from scipy.stats import t

    free = result["degrees"].to_numpy(np.float64)
    difference, half = result["difference"].to_numpy(np.float64), result["half"].to_numpy(np.float64)
    stretch = t.ppf(1 - ALPHA / 2 / max(1, comparisons), free) / t.ppf(TAILS[1], free)
    return np.maximum(difference - half * stretch, -1), np.minimum(difference + half * stretch, 1)


def _games_howell(sizes: Sequence[int], computed: dict[str, Any]) -> Float64:
    """p values within one time point and class: studentised range with the error and degrees of freedom of `_tested`.

    The same numbers as scipy.stats.tukey_hsd(equal_var=False), which computes every pair twice and is slow.
    """
    from scipy.stats import studentized_range, t

    least: Float64 = computed["p"]
    p = np.full(len(sizes), np.nan)
    for row in np.flatnonzero(np.isfinite(least)).tolist():
        free = computed["degrees"][row]
        error = computed["half"][row] / t.ppf(TAILS[1], free)
        p[row] = studentized_range.sf(abs(computed["difference"][row]) / error * np.sqrt(2), sizes[row], free)
    # Far out the range is integrated to zero; it is never below the p of the pair alone.
    return np.where(np.isnan(p), np.nan, np.fmax(p, least))


@dataclass(frozen=True, eq=False)
class _Asked:
    """What notes on comparisons need: how many there are, the difference that is looked for, and how it was tested."""

    comparisons: int
    difference: float
    errors: GroupErrors


def _note(line: dict[str, Any], first: Float64, second: Float64, asked: _Asked, g_known: bool) -> str:
    pairs, fewest = ((line["group"], first), (line["control"], second)), asked.errors.fewest
    short = [f"{group_words(name)} has {len(values)}" for name, values in pairs if len(values) < fewest]
    spreads = [asked.errors.spread(line["time_h"], line["class"], name, values)[0] for name, values in pairs]
    if short:
        when, few = time_words(line["time_h"]), " and ".join(short)
        why = f"No p value {when}: it needs {spelled(fewest)} replicates in each group, {few}."
        where = (line["time_h"], line["class"])
        planned = asked.errors.planned(*where, dict(pairs))
        common = asked.errors.planned_common(*where, [(line["group"], line["control"])])
        return f"{why} {needed_sentence(planned, asked, common)}"
    flat = [same_words(group_words(name), values) for name, values in pairs if all_the_same(values)]
    if not asked.errors.testable(*np.array(spreads)):
        return f"No p value, because the spread between replicates is not known. {' '.join(flat)}"
    uneven = uneven_words(dict(pairs), 7) if asked.errors.borrowed is None else ""
    large = "" if g_known else "No Hedges g: replicates hardly differ, so it would be a number without meaning."
    return " ".join(text for text in [*flat, uneven, *_standing_out(line, asked.errors), large] if text)


def _standing_out(line: dict[str, Any], errors: GroupErrors) -> Iterator[str]:
    for name in (line["group"], line["control"]):
        found = errors.outlying(line["time_h"], line["class"], name)
        if found is not None:
            yield f"{group_words(name)}: {found.words}."


def needed_sentence(spread: Spread, asked: _Asked, common: float = 0.0) -> str:
    """How many replicates would be needed for a difference, from the spread of these groups.

    Args:
        common: variance of their difference from the error that samples share, 0..1 squared.
    """
    points, lent = f"{100 * asked.difference:g} points", asked.errors.lent
    if out_of_reach(asked.difference, common):
        return f"No number of replicates would show a difference of {points}: {LIMITED}."
    if not np.isfinite(spread.sd) or spread.sd == 0:
        assumed = _number(needed_replicates(0.05, asked.difference, borrowed=lent, common=common))
        return (
            f"How replicates differ is not known yet; if by 5 points (standard deviation), {assumed} in each group "
            f"would show a difference of {points} four times in five."
        )
    alone = needed_replicates(spread.sd, asked.difference, borrowed=lent, common=common)
    sentence = (
        f"Replicates differed by {100 * spread.sd:.1f} points (standard deviation); "
        f"{_number(alone)} in each group would show a difference of {points} four times in five"
    )
    if asked.comparisons > 1:
        level = ALPHA / asked.comparisons
        strict = needed_replicates(spread.sd, asked.difference, alpha=level, borrowed=lent, common=common)
        sentence += f", {_number(strict)} when adjusted for {asked.comparisons} comparisons"
    return sentence + "."


def _number(value: int | None) -> str:
    return "more than 1,000" if value is None else f"{value}"

"""Groups compared on replicate means: Welch's t test, Hedges g, Games-Howell, adjusted for all comparisons.

Each comparison stands on the biological replicates of one time point and class. Pooled cells never enter: with no
true effect they gave a "significant" difference in about four of five comparisons (benchmarks/replicates.py).

Hedges g is the difference of two groups in units of the spread between replicates.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from nscweb.core.errors import WrongUse
from nscweb.core.rules import ALPHA, DEFAULT_ADJUST, FEWEST_REPLICATES, LEVEL, TAILS, spelled
from nscweb.evaluation.groups.p_values import ADJUSTMENTS
from nscweb.evaluation.groups.power import needed_replicates, pooled_spread
from nscweb.evaluation.groups.replicate_rows import (
    all_the_same,
    checked_rows,
    group_words,
    panels,
    same_words,
    time_words,
    uneven_words,
)
from nscweb.evaluation.groups.shared_error import SharedError, combined, tail
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
    shared: SharedError | None = None,
) -> pd.DataFrame:
    """Every group against the control, or all pairs where there is none, per time point and class.

    Args:
        rows: replicate rows (`replicate_rows.ROW_COLUMNS`), already narrowed to what is shown: the adjustment
            counts every comparison in them.
        control: group that the others are compared with; None compares all pairs.
        adjust: key of `p_values.ADJUSTMENTS`.
        difference: 0..1, the difference for which the note says how many replicates would be needed.
        shared: error of the correction that the groups have in common; None for counted labels. Its variance is
            added to Welch's, with the degrees of freedom of Satterthwaite, Biometrics Bull. 2, 110 (1946).

    Returns:
        Columns `TEST_COLUMNS`. ``difference`` is group minus control of the mean ratios, -1..1, with the 95 %
        Welch interval ``low`` to ``high`` of this comparison alone; ``low_all`` to ``high_all`` hold for all
        comparisons at once (Bonferroni). ``p`` is two-sided of Welch's t test (Biometrika 34, 28 (1947)),
        ``p_adjusted`` over ``comparisons``. ``p_games_howell`` (all pairs only) is adjusted within one time
        point and class (Games and Howell, J. Educ. Stat. 1, 113 (1976)). Fewer than three replicates in a group,
        or no spread in both: p and intervals are NaN and ``note`` says why. Intervals are cut at -1 and 1. Hedges
        g is about the spread of replicates only; it is NaN where they hardly differ at all.

    Raises:
        WrongUse: another `adjust`, or a control that no row has.
    """
    if adjust not in ADJUSTMENTS:
        raise WrongUse(f"{adjust!r} is not a way to adjust p values.", f"There are: {', '.join(ADJUSTMENTS)}.")
    table = checked_rows(rows)
    if control is not None and control not in set(table["group"]):
        raise WrongUse(f"The control group {control!r} has no cells here.", "Choose another control group.")
    lines: list[dict[str, Any]] = []
    samples: list[tuple[Float64, Float64]] = []
    sizes: list[int] = []
    for hours, name, groups in panels(table):
        pairs = _pairs(list(groups), control)
        compared = sum(len(values) >= FEWEST_REPLICATES for values in groups.values())
        sizes += [compared] * len(pairs)
        for first, second in pairs:
            lines.append({"time_h": hours, "class": name, "group": first, "control": second})
            samples.append((groups[first], groups.get(second, np.zeros(0))))
    result = pd.DataFrame(lines, columns=list(TEST_COLUMNS[:4]))
    common = [shared.variance(*_key(line)) if shared else 0.0 for line in lines]
    computed = _welch(samples, np.asarray(common, np.float64))
    for column, values in computed.items():
        result[column] = values
    result["p_adjusted"], comparisons = adjusted(computed["p"], adjust)
    result["comparisons"] = comparisons
    result["low_all"], result["high_all"] = _simultaneous(result, comparisons)
    result["p_games_howell"] = np.nan
    if control is None and 0 < len(result) <= MOST_GAMES_HOWELL:
        result["p_games_howell"] = _games_howell(samples, sizes, computed)
    over = f"{ADJUSTMENTS[adjust]} over {comparisons} comparisons"
    result["method"] = f"Welch t test on replicates, {over if comparisons else NOTHING_TESTED}"
    keys = zip(lines, samples, np.isfinite(computed["g"]), strict=True)
    result["note"] = [_note(line, *pair, comparisons, difference, bool(known)) for line, pair, known in keys]
    return result[list(TEST_COLUMNS)]


def _pairs(groups: Sequence[str], control: str | None) -> list[tuple[str, str]]:
    if control is None:
        return [(second, first) for first, second in combinations(groups, 2)]
    return [(group, control) for group in groups if group != control]


def _key(line: dict[str, Any]) -> tuple[float, str, str, str]:
    return line["time_h"], line["class"], line["group"], line["control"]


def _welch(samples: Sequence[tuple[Float64, Float64]], common: Float64) -> dict[str, Any]:
    """Everything about each pair; comparisons of the same sizes go to SciPy together, which is quick.

    Args:
        common: variance of each difference from the error that both groups share; 0 leaves SciPy's numbers.
    """
    count = len(samples)
    n = np.array([(len(a), len(b)) for a, b in samples], np.int64).reshape(count, 2)
    # A group is in many pairs; its mean and spread are made once.
    each = {id(x): x for pair in samples for x in pair}
    known = {key: (x.mean() if len(x) else np.nan, _sd(x)) for key, x in each.items()}
    both = np.array([[known[id(x)] for x in pair] for pair in samples], np.float64).reshape(count, 2, 2)
    mean, spread = both[:, :, 0], both[:, :, 1]
    p, degrees, error = (np.full(count, np.nan) for _ in range(3))
    testable = (n.min(axis=1, initial=FEWEST_REPLICATES) >= FEWEST_REPLICATES) & (np.nan_to_num(spread).sum(axis=1) > 0)
    for sizes in sorted(set(map(tuple, n[testable].tolist()))):
        rows = np.flatnonzero(testable & (n == sizes).all(axis=1)).tolist()
        first = np.stack([samples[row][0] for row in rows], axis=1)
        second = np.stack([samples[row][1] for row in rows], axis=1)
        # Replicates that agree but for rounding are made equal, so that SciPy sees a spread of exactly zero.
        first = np.where(spread[rows, 0] == 0, first[:1], first)
        second = np.where(spread[rows, 1] == 0, second[:1], second)
        found = _quiet_welch(first, second)
        between = found.confidence_interval(LEVEL)
        p[rows], degrees[rows] = found.pvalue, found.df
        error[rows] = (np.asarray(between.high) - np.asarray(between.low)) / 2
    difference = mean[:, 0] - mean[:, 1]
    with_shared = np.flatnonzero(testable & (common > 0))
    p[with_shared], degrees[with_shared], error[with_shared] = _widened(
        difference[with_shared], degrees[with_shared], error[with_shared], common[with_shared]
    )
    # No difference of two shares lies beyond 100 points; a t interval of few replicates knows nothing of that.
    low, high = np.clip(difference - error, -1, 1), np.clip(difference + error, -1, 1)
    # Never a bare zero, however many degrees of freedom there are.
    p = np.maximum(p, _TINY)
    arguments = (mean[:, 0], spread[:, 0], n[:, 0], mean[:, 1], spread[:, 1], n[:, 1])
    g, g_low, g_high = hedges_g(*arguments)
    blank = ~testable | (np.abs(g) > _LARGEST_G)
    for values in (g, g_low, g_high):
        values[blank] = np.nan
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "degrees": degrees,
        "half": error,
        "g": g,
        "g_low": g_low,
        "g_high": g_high,
        "p": p,
        "n_group": n[:, 0],
        "n_control": n[:, 1],
        "sd_group": spread[:, 0],
        "sd_control": spread[:, 1],
    }


def _widened(difference: Float64, degrees: Float64, half: Float64, common: Float64) -> tuple[Float64, Float64, Float64]:
    """p, degrees of freedom and half interval of Welch's test when `common` is added to its squared error."""
    from scipy.stats import t

    own = (half / t.ppf(TAILS[1], degrees)) ** 2
    error, free = combined(own, degrees, common)
    # More degrees of freedom must not make an interval narrower, nor a p smaller, than those of the replicates alone.
    wide = np.maximum(t.ppf(TAILS[1], free) * error, half)
    p = 2 * tail(np.abs(difference), own, degrees, common)
    return p, np.where(wide > half, free, degrees), wide


def _quiet_welch(first: Float64, second: Float64) -> Any:
    """scipy.stats.ttest_ind(equal_var=False) over axis 0; one group without any spread is no warning here."""
    from scipy.stats import ttest_ind

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        return ttest_ind(first, second, equal_var=False)


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


def _games_howell(
    samples: Sequence[tuple[Float64, Float64]], sizes: Sequence[int], computed: dict[str, Any]
) -> Float64:
    """p values within one time point and class: studentised range with the error and degrees of freedom of `_welch`.

    The same numbers as scipy.stats.tukey_hsd(equal_var=False), which computes every pair twice and is slow.
    """
    from scipy.stats import studentized_range, t

    p = np.full(len(samples), np.nan)
    for row, ((first, second), groups) in enumerate(zip(samples, sizes, strict=True)):
        if min(len(first), len(second)) < FEWEST_REPLICATES or (all_the_same(first) and all_the_same(second)):
            continue
        free = computed["degrees"][row]
        error = computed["half"][row] / t.ppf(TAILS[1], free)
        p[row] = studentized_range.sf(abs(computed["difference"][row]) / error * np.sqrt(2), groups, free)
    # Far out the range is integrated to zero; it is never below the p of the pair alone.
    least: Float64 = computed["p"]
    return np.where(np.isnan(p), np.nan, np.fmax(p, least))


def _note(line: dict[str, Any], first: Float64, second: Float64, comparisons: int, wanted: float, g_known: bool) -> str:
    short = [
        f"{group_words(name)} has {len(values)}"
        for name, values in ((line["group"], first), (line["control"], second))
        if len(values) < FEWEST_REPLICATES
    ]
    if short:
        when, few = time_words(line["time_h"]), " and ".join(short)
        why = f"No p value {when}: it needs {spelled(FEWEST_REPLICATES)} replicates in each group, {few}."
        return f"{why} {needed_sentence([first, second], wanted, comparisons)}"
    pairs = ((line["group"], first), (line["control"], second))
    flat = [same_words(group_words(name), values) for name, values in pairs if all_the_same(values)]
    if len(flat) == 2:
        return f"No p value, because the spread between replicates is not known. {' '.join(flat)}"
    uneven = [uneven_words(dict(pairs), 7)]
    large = [] if g_known else ["No Hedges g: replicates hardly differ, so it would be a number without meaning."]
    return " ".join(text for text in [*flat, *uneven, *large] if text)


def needed_sentence(groups: Sequence[Float64], difference: float, comparisons: int) -> str:
    """How many replicates would be needed for a `difference` (0..1), from the spread of these groups."""
    spread = pooled_spread(groups)
    points = f"{100 * difference:g} points"
    if not np.isfinite(spread.sd) or spread.sd == 0:
        assumed = needed_replicates(0.05, difference)
        return (
            f"How replicates differ is not known yet; if by 5 points (standard deviation), {assumed} in each group "
            f"would show a difference of {points} four times in five."
        )
    alone = needed_replicates(spread.sd, difference)
    sentence = (
        f"Replicates differed by {100 * spread.sd:.1f} points (standard deviation); "
        f"{_number(alone)} in each group would show a difference of {points} four times in five"
    )
    if comparisons > 1:
        strict = needed_replicates(spread.sd, difference, alpha=ALPHA / comparisons)
        sentence += f", {_number(strict)} when adjusted for {comparisons} comparisons"
    return sentence + "."


def _number(value: int | None) -> str:
    return "more than 1,000" if value is None else f"{value}"

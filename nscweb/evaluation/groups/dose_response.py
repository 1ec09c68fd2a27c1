"""Dose response: a four-parameter logistic curve per fate on replicates, EC50 with a 95 % interval.

Replicates of a share m vary the more, the nearer m is to one half, so they are weighted by 1 / (m (1 - m)) (quasi-
likelihood: Wedderburn, Biometrika 61, 439 (1974)). The interval is the profile one: all EC50 whose best curve fits not
much worse than the best of all, by the F distribution with one and n - 4 degrees of freedom (Bates and Watts 1988,
Nonlinear Regression Analysis, section 6.1). Redrawing three replicates of each dose instead gives intervals that hold
the truth in 83 to 88 % only. See benchmarks/dose_response.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nscweb.core.rules import ALPHA, FEWEST_DOSES, FEWEST_DOSES_ABOVE_ZERO, FEWEST_FOR_CURVE, spelled

Float64 = NDArray[np.float64]

_SHALLOWEST, _STEEPEST = 0.1, 10.0
# Shares nearer to 0 or 1 vary as this one does: corrected ratios keep an error there that counted ones have not.
_LEAST_SHARE = 0.05
# Places of EC50, and slopes, that are tried; the fit goes on from the best.
_PLACES, _SLOPES = 121, 61


@dataclass(frozen=True)
class DoseCurve:
    """A fitted curve, or the reason why there is none.

    Attributes:
        bottom, top: ratio without and with very much of the inducer (``top`` below ``bottom`` means inhibition).
        ec50: dose of half the effect, in the unit of the doses.
        low, high: its 95 % interval; NaN where it cannot be made.
        slope: Hill slope, above 0.
        p: F test of the curve against a flat line.
        n: replicates; doses: number of different doses.
        note: "" or a sentence: why there is no curve, or what to mind.
    """

    bottom: float
    top: float
    ec50: float
    low: float
    high: float
    slope: float
    p: float
    n: int
    doses: int
    note: str = ""

    @property
    def fitted(self) -> bool:
        return bool(np.isfinite(self.slope))


def four_parameters(dose: ArrayLike, bottom: float, top: float, log_ec50: float, slope: float) -> Float64:
    """bottom + (top - bottom) / (1 + (EC50 / dose)^slope); a dose of zero gives exactly ``bottom``."""
    amount = np.asarray(dose, np.float64)
    result = np.full(amount.shape, float(bottom))
    some = amount > 0
    power = np.clip(slope * (log_ec50 - np.log(amount[some])), -60, 60)
    result[some] = bottom + (top - bottom) / (1 + np.exp(power))
    return result


def dose_curve(dose: ArrayLike, ratio: ArrayLike) -> DoseCurve:
    """Fit `four_parameters` to replicates by weighted least squares.

    Args:
        dose: (n,) 0 or more, one per replicate.
        ratio: (n,) 0..1; NaN (not recovered) is left out.

    Returns:
        A `DoseCurve`; not fitted, with a sentence, for fewer than four doses, too few replicates, or a ratio that
        does not change with the dose (F test against a flat line, p above 0.05).
    """
    amount, share = np.asarray(dose, np.float64), np.asarray(ratio, np.float64)
    known = np.isfinite(amount) & np.isfinite(share) & (amount >= 0)
    amount, share = amount[known], share[known]
    levels = np.unique(amount)
    if len(levels) < FEWEST_DOSES or (levels > 0).sum() < FEWEST_DOSES_ABOVE_ZERO:
        return _none(
            amount,
            f"A curve needs {spelled(FEWEST_DOSES)} doses or more, {spelled(FEWEST_DOSES_ABOVE_ZERO)} of them above "
            f"zero; there are {len(levels)}.",
        )
    if len(amount) < FEWEST_FOR_CURVE:
        return _none(
            amount, f"A curve with four parameters needs {spelled(FEWEST_FOR_CURVE)} replicates or more over all doses."
        )
    weight = np.ones(len(share))
    fitted = _fit(amount, share, weight)
    p = _against_flat(amount, share, fitted)
    if not p < ALPHA:
        return _none(amount, "The ratio does not change with the dose beyond chance, so there is no EC50.", p)
    middle = np.clip(four_parameters(amount, *fitted), _LEAST_SHARE, 1 - _LEAST_SHARE)
    weight = 1 / (middle * (1 - middle))
    fitted = _fit(amount, share, weight)
    bottom, top, log_ec50, slope = (float(value) for value in fitted)
    low, high, note = _interval(amount, share, weight, fitted)
    smallest, largest = float(levels[levels > 0][0]), float(levels[-1])
    ec50 = float(np.exp(log_ec50))
    if not smallest <= ec50 <= largest:
        side = "below the smallest" if ec50 < smallest else "above the largest"
        note = f"EC50 lies {side} dose, where nothing was measured; take it as a bound only. {note}".strip()
    return DoseCurve(bottom, top, ec50, low, high, slope, p, len(amount), len(levels), note)


def _none(amount: Float64, note: str, p: float = float("nan")) -> DoseCurve:
    nothing = float("nan")
    return DoseCurve(nothing, nothing, nothing, nothing, nothing, nothing, p, len(amount), len(np.unique(amount)), note)


def _ends(amount: Float64) -> tuple[float, float]:
    """Logarithms between which EC50 is looked for: the doses and as much again on both sides."""
    doses = np.log(amount[amount > 0])
    spread = max(1.0, float(np.ptp(doses)))
    return float(doses.min()) - spread, float(doses.max()) + spread


def _fit(amount: Float64, share: Float64, weight: Float64) -> Float64:
    """(4,) bottom, top, logarithm of EC50, slope: the best of a grid, then improved."""
    from scipy.optimize import least_squares

    low, high = _ends(amount)
    places, slopes = np.linspace(low, high, 2 * _PLACES), np.geomspace(_SHALLOWEST, _STEEPEST, _SLOPES)
    cost, bottom, top = _levels(amount, share, weight, places, slopes)
    best = np.unravel_index(int(cost.argmin()), cost.shape)
    start = np.array([bottom[best], top[best], places[best[0]], slopes[best[1]]])
    lower, upper = [0.0, 0.0, low, _SHALLOWEST], [1.0, 1.0, high, _STEEPEST]
    root = np.sqrt(weight)

    def errors(now: Float64) -> Float64:
        return np.asarray(root * (share - four_parameters(amount, *now)), np.float64)

    found = least_squares(
        errors, np.clip(start, lower, upper), bounds=(lower, upper), max_nfev=100, ftol=1e-9, xtol=1e-9
    )
    better = 2 * float(found.cost) < float((errors(start) ** 2).sum())
    return np.asarray(found.x if better else start, np.float64)


def _levels(
    amount: Float64, share: Float64, weight: Float64, places: Float64, slopes: Float64
) -> tuple[Float64, Float64, Float64]:
    """Weighted sum of squares (P, S) of the best bottom and top for each place of EC50 and slope, and these two.

    With both given the curve is linear in bottom and top, so the best ones are known at once; where they leave 0..1
    the best on the border is taken.
    """
    doses, code = np.unique(amount, return_inverse=True)
    each = np.bincount(code, weight)
    mean = np.bincount(code, weight * share) / each
    rest = float((weight * (share - mean[code]) ** 2).sum())
    part = np.zeros((len(places), len(slopes), len(doses)))
    some = doses > 0
    power = slopes[None, :, None] * (places[:, None, None] - np.log(doses[some]))
    part[..., some] = 1 / (1 + np.exp(np.clip(power, -60, 60)))
    other = 1 - part
    uu, vv, uv = (other**2 @ each, part**2 @ each, (other * part) @ each)
    u, v = other @ (each * mean), part @ (each * mean)

    def cost(bottom: Float64, top: Float64) -> Float64:
        square = bottom**2 * uu + 2 * bottom * top * uv + top**2 * vv - 2 * (bottom * u + top * v)
        return np.asarray(square + float(each @ mean**2) + rest, np.float64)

    det = np.maximum(uu * vv - uv**2, 1e-12)
    bottom, top = (u * vv - v * uv) / det, (v * uu - u * uv) / det
    inside = (bottom >= 0) & (bottom <= 1) & (top >= 0) & (top <= 1)
    best = np.where(inside, cost(bottom, top), np.inf)
    for border in (0.0, 1.0):
        fixed = np.full(best.shape, border)
        for one, two in (
            (fixed, np.clip((v - border * uv) / np.maximum(vv, 1e-12), 0, 1)),
            (np.clip((u - border * uv) / np.maximum(uu, 1e-12), 0, 1), fixed),
        ):
            now = cost(one, two)
            better = now < best
            best = np.where(better, now, best)
            bottom, top = np.where(better, one, bottom), np.where(better, two, top)
    return best, bottom, top


def _against_flat(amount: Float64, share: Float64, fitted: Float64) -> float:
    """Extra sum of squares: three more parameters than a flat line."""
    from scipy.stats import f

    left = float(((share - four_parameters(amount, *fitted)) ** 2).sum())
    flat = float(((share - share.mean()) ** 2).sum())
    free = len(share) - 4
    if flat < 1e-12:
        return 1.0
    return float(f.sf(max(flat - left, 0.0) / 3 / max(left / free, 1e-15), 3, free))


def _interval(amount: Float64, share: Float64, weight: Float64, fitted: Float64) -> tuple[float, float, str]:
    from scipy.stats import f

    if min(np.unique(amount, return_counts=True)[1]) < 2:
        return float("nan"), float("nan"), "No interval: it needs two replicates or more at every dose."
    free = len(share) - 4
    least = float((weight * (share - four_parameters(amount, *fitted)) ** 2).sum())
    limit = np.sqrt(least * float(f.isf(ALPHA, 1, free)) / free)
    slopes = np.geomspace(_SHALLOWEST, _STEEPEST, _SLOPES)
    ends = _ends(amount)
    found: list[float] = []
    notes = []
    for end, side, word in zip(ends, ("lower", "upper"), ("small", "large"), strict=True):
        start = float(fitted[2])
        for _ in range(2):
            # Once over the whole side, once more where the border was crossed.
            places = np.linspace(start, end, _PLACES)
            worse = np.sqrt(np.maximum(_levels(amount, share, weight, places, slopes)[0].min(axis=1) - least, 0))
            inside = np.flatnonzero(worse <= limit)
            last = int(inside[-1]) if len(inside) else 0
            if last + 1 == len(places):
                break
            start, end = float(places[last]), float(places[last + 1])
        found.append(start if last + 1 < len(places) else end)
        if last + 1 == len(places) and end in ends:
            notes.append(f"The interval has no {side} end: these doses do not tell how {word} EC50 may be.")
    low, high = np.exp(found)
    return float(low), float(high), " ".join(notes)

"""Dose response: a four-parameter logistic curve per fate on replicates, EC50 with a bootstrap interval."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

FEWEST_DOSES = 4
_STEEPEST = 10.0


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


def dose_curve(dose: ArrayLike, ratio: ArrayLike, *, rounds: int = 200, seed: int = 0) -> DoseCurve:
    """Fit `four_parameters` to replicates (scipy curve_fit on the logarithm of EC50).

    Args:
        dose: (n,) 0 or more, one per replicate.
        ratio: (n,) 0..1; NaN (not recovered) is left out.
        rounds: bootstrap over replicates within each dose, for the interval of EC50.

    Returns:
        A `DoseCurve`; not fitted, with a sentence, for fewer than four doses, too few replicates, or a ratio that
        does not change with the dose (F test against a flat line, p above 0.05).
    """
    amount, share = np.asarray(dose, np.float64), np.asarray(ratio, np.float64)
    known = np.isfinite(amount) & np.isfinite(share) & (amount >= 0)
    amount, share = amount[known], share[known]
    levels = np.unique(amount)
    if len(levels) < FEWEST_DOSES or (levels > 0).sum() < 3:
        return _none(
            amount, f"A curve needs four doses or more, three of them above zero; there are {len(levels)}."
        )
    if len(amount) < 6:
        return _none(amount, "A curve with four parameters needs six replicates or more over all doses.")
    fitted = _fit(amount, share)
    if fitted is None:
        return _none(amount, "No curve of this form fits these ratios.")
    p = _against_flat(amount, share, fitted)
    if not p < 0.05:
        return _none(amount, "The ratio does not change with the dose beyond chance, so there is no EC50.", p)
    bottom, top, log_ec50, slope = (float(value) for value in fitted)
    low, high, note = _interval(amount, share, fitted, rounds, seed)
    smallest, largest = float(levels[levels > 0][0]), float(levels[-1])
    ec50 = float(np.exp(log_ec50))
    if not smallest <= ec50 <= largest:
        side = "below the smallest" if ec50 < smallest else "above the largest"
        note = f"EC50 lies {side} dose, where nothing was measured; take it as a bound only. {note}".strip()
    return DoseCurve(bottom, top, ec50, low, high, slope, p, len(amount), len(levels), note)


def _none(amount: Float64, note: str, p: float = float("nan")) -> DoseCurve:
    nothing = float("nan")
    return DoseCurve(
        nothing, nothing, nothing, nothing, nothing, nothing, p, len(amount), len(np.unique(amount)), note
    )


def _fit(amount: Float64, share: Float64, start: Float64 | None = None) -> Float64 | None:
    from scipy.optimize import OptimizeWarning, curve_fit

    doses = np.log(amount[amount > 0])
    spread = max(1.0, float(np.ptp(doses)))
    lower = [0.0, 0.0, doses.min() - spread, 0.1]
    upper = [1.0, 1.0, doses.max() + spread, _STEEPEST]
    levels = np.unique(amount)
    means = [float(share[amount == level].mean()) for level in levels]
    starts = [start] if start is not None else [
        np.array([means[0], means[-1], middle, slope])
        for middle in np.quantile(doses, [0.25, 0.5, 0.75])
        for slope in (1.0, 3.0)
    ]  # fmt: skip
    best: Float64 | None = None
    error = np.inf
    for guess in starts:
        begin = np.clip(guess, lower, upper)
        try:
            with warnings.catch_warnings():
                # The covariance is not used: the interval comes from the bootstrap.
                warnings.simplefilter("ignore", OptimizeWarning)
                found, _ = curve_fit(
                    four_parameters,
                    amount,
                    share,
                    begin,
                    bounds=(lower, upper),
                    max_nfev=200,
                    ftol=1e-6,
                    xtol=1e-6,
                )
        except (RuntimeError, ValueError):
            continue
        left = float(((share - four_parameters(amount, *found)) ** 2).sum())
        if left < error:
            best, error = np.asarray(found, np.float64), left
    return best


def _against_flat(amount: Float64, share: Float64, fitted: Float64) -> float:
    """Extra sum of squares: three more parameters than a flat line."""
    from scipy.stats import f

    left = float(((share - four_parameters(amount, *fitted)) ** 2).sum())
    flat = float(((share - share.mean()) ** 2).sum())
    free = len(share) - 4
    if flat < 1e-12:
        return 1.0
    return float(f.sf(max(flat - left, 0.0) / 3 / max(left / free, 1e-15), 3, free))


def _interval(
    amount: Float64, share: Float64, fitted: Float64, rounds: int, seed: int
) -> tuple[float, float, str]:
    groups = [np.flatnonzero(amount == level) for level in np.unique(amount)]
    if min(len(rows) for rows in groups) < 2:
        return float("nan"), float("nan"), "No interval: it needs two replicates or more at every dose."
    rng = np.random.default_rng(seed)
    centre = four_parameters(amount, *fitted)
    drawn = []
    for _ in range(rounds):
        # Deviations from the mean of a dose, stretched because few replicates understate their spread.
        again = np.empty(len(share))
        for rows in groups:
            deviation = share[rows] - share[rows].mean()
            stretch = np.sqrt(len(rows) / (len(rows) - 1))
            again[rows] = centre[rows] + stretch * deviation[rng.integers(0, len(rows), len(rows))]
        found = _fit(amount, again, fitted)
        if found is not None:
            drawn.append(found[2])
    if len(drawn) < 0.9 * rounds:
        return (
            float("nan"),
            float("nan"),
            "No interval: the curve does not fit again when replicates are redrawn.",
        )
    low, high = np.exp(np.percentile(drawn, [2.5, 97.5]))
    return float(low), float(high), ""

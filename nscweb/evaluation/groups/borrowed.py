"""How replicates vary, borrowed across groups: three values alone hardly tell.

The interval of three replicates is 4.30 standard errors long to each side, because a spread guessed from three numbers
may be far too small. But replicates of all groups are made by the same hands in the same way: a fate ratio p varies by
about p (1 - p), times a factor that groups have in common. So each variance is divided by that weight and drawn to the
others in two steps, each by `squeezed.squeezed`: the spread of a group, over all its time points and fates, towards
that of all groups; then the spread at one time point and fate towards that of its group. A group that varies more does
so at all its times, which shows in many values, and so keeps its spread; one failed day keeps its own as well.

On drawn studies (benchmarks/moderated.py, docs/measured/MODERATED.md) one step, as is usual for genes, covered the
most variable of eight groups in 80 to 87 %, because nine variances of two degrees of freedom often look alike when
they are not. Logits and arcsines in the place of the weight did no better by the same bars, and differences would no
longer be in points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.rules import ALPHA
from nscweb.evaluation.groups.replicate_rows import all_the_same, at_the_end, checked_rows, panels
from nscweb.evaluation.groups.squeezed import squeezed

Float64 = NDArray[np.float64]

# The spread of ratios near 0 and 1 does not vanish as p (1 - p) does: the correction adds its part.
LEAST_WEIGHT = 0.03
# However alike variances look, no more degrees of freedom than these are borrowed in one step. Few variances often look
# alike by chance; without the bound intervals of the most variable group would be too short.
MOST_BORROWED = 8.0
# With one or two groups there is nobody to borrow from.
FEWEST_GROUPS = 3
# Nor is a spread lent that few values tell: with three groups of three replicates, one time point and two classes,
# six independent degrees of freedom, 90 % of intervals held their mean and any pair was false in 6 to 7 % of studies;
# with eight 92 to 93 % held it, with twelve 95 %.
FEWEST_DEGREES = 10.0
# A spread stands out when one of a hundred studies without such a group would have one as large; that of a group over
# all its time points also has to be twice the usual.
_RARE, _TIMES = ALPHA / 5, 2.0

Key = tuple[float, str, str]


def key_of(time_h: float, name: str, group: str) -> Key:
    """Time point, class and group; -1 for cells without a time, because NaN is not equal to itself."""
    return (-1.0 if np.isnan(time_h) else float(time_h), str(name), str(group))


@dataclass(frozen=True)
class Outlying:
    """A group whose replicates vary more than those of other groups.

    Attributes:
        sd, usual: standard deviation of its replicates, and what other groups would have there, 0..1.
    """

    sd: float
    usual: float

    @property
    def words(self) -> str:
        """Beside its interval."""
        return (
            f"its replicates vary more than those of other groups (standard deviation {100 * self.sd:.1f} points, "
            f"usually {100 * self.usual:.1f})"
        )


@dataclass(frozen=True, eq=False)
class BorrowedSpread:
    """What replicates of each group vary by.

    Attributes:
        spreads: (hours; -1 where not known, class, group) -> variance of one replicate, 0..1 squared, and its degrees
            of freedom.
        outlying: the same keys -> groups that stand out.
        groups: how many groups it comes from.
        degrees: degrees of freedom that most of them borrow: the middle one.
    """

    spreads: dict[Key, tuple[float, float]]
    outlying: dict[Key, Outlying]
    groups: int
    degrees: float


def borrowed_spread(rows: pd.DataFrame) -> BorrowedSpread | None:
    """The spread of replicates of every time point, class and group, from all of them together.

    Args:
        rows: replicate rows of the whole study, hidden groups among them: what is looked at must not move a number.

    Returns:
        None where fewer than three groups have two replicates that differ, or all of them together say too little.
        Replicates that all have 0 or 1 take the spread of their group; those that agree elsewhere may be copies of a
        file and are left out.
    """
    keys: list[Key] = []
    values: list[Float64] = []
    for hours, name, groups in panels(checked_rows(rows)):
        for group, found in groups.items():
            if len(found) >= 2 and (not all_the_same(found) or at_the_end(found)):
                keys.append(key_of(hours, name, group))
                values.append(found)
    if not keys:
        return None
    means = np.array([found.mean() for found in values])
    weight = np.maximum(means * (1 - means), LEAST_WEIGHT)
    flat = np.array([all_the_same(found) for found in values])
    own = np.where(flat, 0.0, [found.var(ddof=1) for found in values]) / weight
    free = np.where(flat, 0.0, [len(found) - 1.0 for found in values])
    _, place = np.unique([key[2] for key in keys], return_inverse=True)
    level = _levels(own, free, place, len({key[1] for key in keys}))
    if level is None:
        return None
    known = np.flatnonzero(free > 0)
    steps = squeezed(own[known] / level.variance[place[known]], free[known])
    borrowed = np.full(len(keys), min(float(steps.prior.max()), MOST_BORROWED))
    borrowed[known] = np.minimum(steps.prior, MOST_BORROWED)
    towards = level.variance[place] * steps.scale
    variance = (free * own + borrowed * towards) / np.maximum(free + borrowed, 1e-12) * weight
    degrees = np.minimum(free + borrowed, level.degrees[place])
    far = level.far[place] | _rare(own / towards, free)
    return BorrowedSpread(
        {key: (float(v), float(d)) for key, v, d in zip(keys, variance, degrees, strict=True)},
        {
            keys[row]: Outlying(float(np.sqrt(own[row] * weight[row])), float(np.sqrt(level.usual * weight[row])))
            for row in np.flatnonzero(far & (own > level.usual))
        },
        level.groups,
        float(np.median(borrowed)),
    )


@dataclass(frozen=True, eq=False)
class _Levels:
    """Spread of each group over all its time points and classes, in units of the weight.

    Attributes:
        usual: that of all groups; of groups that nothing is known of as well.
        variance, degrees: (G,) drawn to it, and degrees of freedom.
        far: (G,) True where a group stands out.
        groups: with a spread of their own.
    """

    usual: float
    variance: Float64
    degrees: Float64
    far: NDArray[np.bool_]
    groups: int


def _levels(own: Float64, free: Float64, place: NDArray[np.int64], classes: int) -> _Levels | None:
    number = int(place.max()) + 1
    total = np.bincount(place, free, number)
    known = np.flatnonzero(total > 0)
    if len(known) < FEWEST_GROUPS or classes < 2:
        return None
    pooled = np.bincount(place, free * own, number)[known] / total[known]
    # Shares add up to one, so the last class says nothing that the others have not said.
    degrees = total[known] * (classes - 1) / classes
    if degrees.sum() < FEWEST_DEGREES:
        return None
    found = squeezed(pooled, degrees)
    # The spread of few groups is not known with more degrees of freedom than there are other groups.
    prior = np.minimum(found.prior, min(MOST_BORROWED, len(known) - 1))
    variance, all_degrees, far = np.full(number, found.scale), np.full(number, prior.max()), np.zeros(number, bool)
    variance[known] = (degrees * pooled + prior * found.scale) / (degrees + prior)
    all_degrees[known] = np.minimum(degrees + prior, degrees.sum())
    far[known] = _rare(pooled / found.scale, degrees) & (pooled > _TIMES**2 * found.scale)
    return _Levels(found.scale, variance, all_degrees, far, len(known))


def _rare(ratios: Float64, free: Float64) -> NDArray[np.bool_]:
    """True for ratios of a variance to the usual one that are too large for chance, all of them taken together."""
    from scipy.stats import f

    chance = np.asarray(f.sf(ratios, np.maximum(free, 1e-9), MOST_BORROWED), np.float64)
    return chance < _RARE / len(ratios)

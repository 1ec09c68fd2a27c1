"""What the error of a group mean is made of, and that of a difference: one place for intervals, tests and files.

Two parts. How replicates vary: by their own spread alone (Welch, Biometrika 34, 28 (1947)), or with a spread borrowed
across groups (`borrowed`). And the error of the correction, which all samples have in common (`shared_error`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nscweb.core.errors import check_choice
from nscweb.core.rules import DEFAULT_VARIANCE, FEWEST_BORROWING, FEWEST_REPLICATES
from nscweb.evaluation.groups.borrowed import BorrowedSpread, Outlying, borrowed_spread, key_of
from nscweb.evaluation.groups.power import Spread, pooled_spread, spread_of
from nscweb.evaluation.groups.replicate_rows import all_the_same
from nscweb.evaluation.groups.shared_error import SharedError

Float64 = NDArray[np.float64]

# Where the spread of replicates comes from, by key, and what it is called in tables and sentences.
VARIANCES: dict[str, str] = {
    "moderated": "spread of replicates borrowed across groups (moderated)",
    "own": "spread of replicates of each group by itself (Welch)",
}


@dataclass(frozen=True, eq=False)
class GroupErrors:
    """What is known of the error of group means besides the replicates of the group itself.

    Attributes:
        shared: error of the correction that all samples have in common; None for counted labels.
        borrowed: spread of replicates from all groups; None where each group stands by itself.
    """

    shared: SharedError | None = None
    borrowed: BorrowedSpread | None = None

    @property
    def fewest(self) -> int:
        """Replicates that a group needs for a test: with a borrowed spread two are enough."""
        return FEWEST_REPLICATES if self.borrowed is None else FEWEST_BORROWING

    @property
    def test(self) -> str:
        """The test, by its name."""
        return "Welch t test" if self.borrowed is None else "moderated t test"

    @property
    def lent(self) -> float:
        """Degrees of freedom that a group borrows; 0 where each stands by itself."""
        return 0.0 if self.borrowed is None else self.borrowed.degrees

    @property
    def how(self) -> str:
        """Where the spread of replicates comes from, in words; what was asked for may not have been possible."""
        return VARIANCES["own" if self.borrowed is None else "moderated"]

    def of_mean(self, time_h: float, name: str, group: str) -> float:
        """Variance of the mean ratio of a group from the error that samples share; 0 where nothing is known of it."""
        return self.shared.variance_of(time_h, name, group) if self.shared else 0.0

    def of_difference(self, time_h: float, name: str, group: str, other: str) -> float:
        """The same of the difference of two groups."""
        return self.shared.variance(time_h, name, group, other) if self.shared else 0.0

    def spread(self, time_h: float, name: str, group: str, values: Float64) -> tuple[float, float]:
        """Variance of one replicate and its degrees of freedom.

        Args:
            values: ratios of the replicates, 0..1, for groups that nothing is borrowed for.

        Returns:
            NaN and 0 with one replicate; 0 and their number less one where all agree but for rounding.
        """
        found = self.borrowed.spreads.get(key_of(time_h, name, group)) if self.borrowed else None
        if found is not None:
            return found
        if len(values) < 2:
            return float("nan"), 0.0
        return 0.0 if all_the_same(values) else float(values.var(ddof=1)), float(len(values) - 1)

    def planned(self, time_h: float, name: str, groups: Mapping[str, Float64]) -> Spread:
        """What one replicate of these groups varies by: the spread that numbers of replicates needed are made from.

        Where it is borrowed, the mean of the variances that the tests take. What groups borrow is the same for all, so
        degrees of freedom do not add up: those of the replicates do, and a single group may have more.

        Args:
            groups: name -> ratios of its replicates, 0..1, of one time point and class.
        """
        lent = [self.spread(time_h, name, group, x) for group, x in groups.items() if self.known(time_h, name, group)]
        if not lent:
            return pooled_spread(list(groups.values()))
        variances, free = np.array(lent).T
        own = sum(max(0, len(values) - 1) for values in groups.values())
        return spread_of(float(variances.mean()), max(own, int(free.max())))

    def planned_common(self, time_h: float, name: str, pairs: Iterable[tuple[str, str]]) -> float:
        """What a planned difference keeps of the error that samples share: the mean of its variance in these pairs.

        The same error as in the intervals of the differences; more replicates do not lessen it.
        """
        found = [self.of_difference(time_h, name, *pair) for pair in pairs]
        return float(np.mean(found)) if found else 0.0

    def testable(self, one: Float64, other: Float64) -> NDArray[np.bool_]:
        """True where the spreads of two groups allow a test of their difference, elementwise.

        Welch's test needs one that varies. Where spreads are borrowed, a group without one has replicates that agree
        away from 0 and 1: copies of a file, whose part of the variance is not nought but unknown. Tested nevertheless,
        35 % of 150 simulated studies of six equal groups showed a false difference from such a control.

        Args:
            one, other: variance of one replicate of each group; NaN where it is not known.
        """
        some, both = (one > 0) | (other > 0), (one > 0) & (other > 0)
        return np.asarray(some if self.borrowed is None else both, bool)

    def known(self, time_h: float, name: str, group: str) -> bool:
        """True where the spread of a group is a borrowed one."""
        return self.borrowed is not None and key_of(time_h, name, group) in self.borrowed.spreads

    def outlying(self, time_h: float, name: str, group: str) -> Outlying | None:
        """What is to be told of a group whose replicates vary more than those of other groups."""
        return self.borrowed.outlying.get(key_of(time_h, name, group)) if self.borrowed else None

    def degrees(self, one: Float64, other: Float64, free: Float64, free_other: Float64) -> Float64:
        """Degrees of freedom of the sum of two variances of means, elementwise.

        Satterthwaite, Biometrics Bull. 2, 110 (1946). Where both were drawn to the same spread they are not
        independent, so degrees of freedom do not add up beyond those of one group.
        """
        both = np.maximum(one + other, 1e-300)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = (one / both) ** 2 / free + (other / both) ** 2 / free_other
            found = 1 / parts
        return found if self.borrowed is None else np.minimum(found, np.maximum(free, free_other))


def group_errors(
    rows: pd.DataFrame, shared: SharedError | None = None, variance: str = DEFAULT_VARIANCE
) -> GroupErrors:
    """What the error of group means is made of, from all replicates of a study.

    Args:
        rows: replicate rows (`replicate_rows.ROW_COLUMNS`), hidden groups among them.
        shared: error of the correction; None for counted labels.
        variance: key of `VARIANCES`. With fewer than three groups each stands by itself, whatever is asked for.

    Raises:
        WrongUse: another `variance`.
    """
    check_choice(variance, VARIANCES, "spread of replicates")
    return GroupErrors(shared, borrowed_spread(rows) if variance == "moderated" else None)


# Replicates alone: what groups are compared with where nothing is known of a correction.
ALONE = GroupErrors()

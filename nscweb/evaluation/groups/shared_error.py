"""What the held-out cells leave uncertain is the same for all samples: its part in a difference of two groups.

All samples of a time point are corrected by one matrix. Its error moves them together and so never shows in the
spread between replicates. It cancels where two groups hold the same fates, and grows with what they differ in: a
matrix that is wrong by a tenth makes a difference of 40 points wrong by up to 4, and lets a part of a difference in
one fate appear in another that does not differ at all. Left out, 95 % intervals of five replicates held 91 % of
differences of 30 points and 75 % of 60 points, and an equal fate had p < 0.05 in 11 and 22 %; with it they hold 95 and
95 %, with p < 0.05 in 6 and 5 % (300 held-out cells per class, a model that tells fates apart badly; 200 experiments
each, benchmarks/shared_error.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.rules import TAILS
from nscweb.evaluation.groups.replicate_join import joined_replicates
from nscweb.evaluation.ratios.estimates import Estimates

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SharedError:
    """Mean ratios of groups when only the held-out cells are drawn again.

    Attributes:
        classes: names in order.
        means: (group, hours; -1 where not known) -> (B, K) mean over the replicates of the group, per round.
    """

    classes: tuple[str, ...]
    means: dict[tuple[str, float], NDArray[np.float32]]
    _known: dict[tuple[str, str, float, bool], Float64] = field(default_factory=dict)

    def rounds(self, time_h: float, name: str, group: str) -> Float64 | None:
        """(B,) mean ratio of a class in a group, per round; None where nothing is known of it."""
        found = self.means.get((group, -1.0 if np.isnan(time_h) else float(time_h)))
        if found is None or name not in self.classes:
            return None
        return found[:, self.classes.index(name)].astype(np.float64)

    def variance_of(self, time_h: float, name: str, group: str) -> float:
        """Variance of the mean ratio of a group; 0 where nothing is known of it."""
        rounds = self.rounds(time_h, name, group)
        return 0.0 if rounds is None else float(rounds.var(ddof=1))

    def variance(self, time_h: float, name: str, group: str, other: str, *, logit: bool = False) -> float:
        """Variance of the difference of two groups, 0..1 squared or of log odds; 0 where nothing is known of it."""
        hours = -1.0 if np.isnan(time_h) else float(time_h)
        key = (group, other, hours, logit)
        if key not in self._known:
            one, two = self.means.get((group, hours)), self.means.get((other, hours))
            if one is None or two is None or name not in self.classes:
                return 0.0
            both = [part.astype(np.float64) for part in (one, two)]
            if logit:
                both = [np.log(part / (1 - part)) for part in (np.clip(x, 0.001, 0.999) for x in both)]
            self._known[key] = (both[0] - both[1]).var(axis=0, ddof=1)
        return float(self._known[key][self.classes.index(name)]) if name in self.classes else 0.0


def combined(own: Any, degrees: Any, common: Any) -> tuple[Any, Any]:
    """Standard error and degrees of freedom when variances add, for numbers or arrays.

    Args:
        own: variance of a difference from the spread of replicates, with its `degrees` of freedom.
        common: variance from the error that both groups share, known from many rounds.
    """
    both = own + common
    # Satterthwaite: the smaller the part of the replicates, the more degrees of freedom.
    return np.sqrt(both), degrees / np.maximum(own / np.maximum(both, 1e-300), 1e-3) ** 2


def half_width(own: Any, degrees: Any, common: Any, chance: float = TAILS[1]) -> Any:
    """Half of an interval of Student's t, for numbers or arrays; arguments as for `combined`.

    More degrees of freedom must not make it narrower than by the replicates alone: of two replicates, only 87 to 93 %
    of such intervals would hold the truth.

    Args:
        chance: one-sided chance, 0.975 for a 95 % interval, 0.95 for a 90 % one.
    """
    from scipy.stats import t

    ways = (combined(own, degrees, part) for part in (0.0, common))
    return np.maximum(*(t.ppf(chance, free) * error for error, free in ways))


def tail(distance: Any, own: Any, degrees: Any, common: Any) -> Any:
    """One-sided p value of a `distance` from what is tested; never smaller than by the replicates alone."""
    from scipy.stats import t

    ways = (combined(own, degrees, part) for part in (0.0, common))
    return np.maximum(*(t.sf(distance / error, free) for error, free in ways))


def shared_error(estimates: Estimates) -> SharedError | None:
    """The rounds of the held-out cells, averaged over the replicates of each group; None for counted labels."""
    if estimates.table.empty or len(estimates.shared) < 2:
        return None
    joined = joined_replicates(estimates)
    rounds = joined.rounds(estimates.shared)
    usable = np.isfinite(joined.ratio).min(axis=1)
    groups = joined.about["group"].astype(str).to_numpy(object)
    hours = joined.about["time_h"].fillna(-1.0).to_numpy(np.float64)
    means = {}
    for key in dict.fromkeys(zip(groups.tolist(), hours.tolist(), strict=True)):
        rows = np.flatnonzero((groups == key[0]) & (hours == key[1]) & usable)
        if len(rows):
            means[key] = rounds[:, rows].mean(axis=1)
    return SharedError(joined.classes, means)

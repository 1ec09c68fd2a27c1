"""Few replicates that vary more beside many that vary less: no test for unequal spread holds its 5 % there."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nscweb.evaluation.replicate_rows import FEWEST, all_the_same, group_words

Float64 = NDArray[np.float64]

# So many times the replicates of the other.
_UNEVEN = 2


def uneven_words(groups: Mapping[str, Float64], false_positives: int) -> str:
    """A sentence about the most uneven pair of groups that are compared; "" where there is none.

    Args:
        groups: name -> ratios of replicates; groups under three replicates are passed over.
        false_positives: of 100 comparisons without a difference those with p below 0.05, as measured in
            ``benchmarks/replicates.py`` for 3 against 6 replicates of half the standard deviation.
    """
    found: tuple[float, str] = (0.0, "")
    known = {name: values for name, values in groups.items() if len(values) >= FEWEST}
    for pair in combinations(known.items(), 2):
        (small, few), (large, many) = sorted(pair, key=lambda item: len(item[1]))
        if len(many) < _UNEVEN * len(few) or all_the_same(few) or all_the_same(many):
            continue
        times = float(few.std(ddof=1) / many.std(ddof=1))
        if times > max(1.0, found[0]):
            found = (
                times,
                f"{group_words(small)} has {len(few)} replicates that vary more than the {len(many)} of "
                f"{group_words(large)}. The p value can be too small then: of 100 such comparisons without any "
                f"difference, about {false_positives} instead of 5 can have p below 0.05.",
            )
    return found[1]

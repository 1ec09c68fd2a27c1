"""The rule of the earliest reliable day, without any table or words."""

from __future__ import annotations

import numpy as np
import pytest

from nscweb.evaluation.groups.earliest import earliest


@pytest.mark.parametrize(
    ("states", "hours", "side"),
    [
        ([1, 1, 1], 24.0, 1),
        ([0, 1, 1], 72.0, 1),
        ([1, 0, 1], 120.0, 1),
        ([1, 1, 0], np.nan, 0),
        ([0, 0, 0], np.nan, 0),
        ([1, 0, -1], 120.0, -1),
        ([1, -1, -1], 72.0, -1),
        # What could not be tested is passed over and named.
        ([1, None, 1], 24.0, 1),
        ([None, 1, None], 72.0, 1),
        ([0, 1, None], 72.0, 1),
        ([1, 0, None], np.nan, 0),
        ([None, None, None], np.nan, 0),
    ],
)
def test_the_earliest_day_holds_at_every_later_one_that_was_tested(states, hours, side) -> None:
    found = earliest(dict(zip((120.0, 24.0, 72.0), (states[2], states[0], states[1]), strict=True)))
    assert found.time_h == pytest.approx(hours, nan_ok=True) and found.side == side
    assert found.times == (24.0, 72.0, 120.0) and list(found.states) == states


def test_what_was_not_tested_is_known() -> None:
    found = earliest({1.0: None, 2.0: 1, 3.0: None, 4.0: 1})
    assert (found.time_h, found.tested, found.untested) == (2.0, (2.0, 4.0), (3.0,))
    assert earliest({}).side == 0 and earliest({1.0: 0, 2.0: None}).untested == (2.0,)


def test_any_false_day_is_rare_where_no_group_differs() -> None:
    """Holm within each time point holds the last step, whatever happens at the earlier ones."""
    rng = np.random.default_rng(1)
    p = rng.uniform(size=(4000, 3, 4))  # experiments, times, groups
    smallest = p.min(axis=2) * p.shape[2]  # the first step of Holm: any group at all
    wrong = sum(earliest({t: int(row[t] < 0.05) for t in range(3)}).side != 0 for row in smallest)
    assert wrong <= 4000 * 0.05 + 2 * np.sqrt(4000 * 0.05 * 0.95)

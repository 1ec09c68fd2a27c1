"""Since when a group differs from what it is compared with: one rule for sentence, table and file.

The tests are those of ``tests.csv``: p values adjusted (Holm or Benjamini-Hochberg) over the comparisons of one fate at
one time point, hidden groups among them. Adjusting over all time points as well, as a second code did, answers another
question and gives another verdict under the same name; and it is not needed. "Since when" is asked backwards: a time
point counts only if the group differs there and at every later time point that was tested. Such a fixed order needs
no further adjustment (Maurer, Hothorn and Lehmacher, in Biometrie in der chemisch-pharmazeutischen Industrie 6, 3
(1995)): the first false step is always at the last time point at which the group does not truly differ, and that is
one test, whose p value holds its 5 %. So a group is given a day that is too early in at most 5 % of studies, and where
no group differs at all, any of them is given a day in at most 5 %, because Holm holds at the last time point. Groups
that truly differ from different days on may add up to more. The interval must show the same side, which only makes a
claim rarer. Whether a time point can be tested depends on replicates, cells and trust lights, never on p: passing over
one that cannot be tested chooses nothing by its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Earliest:
    """The answer of `earliest`.

    Attributes:
        time_h: hours of the first time point from which on the group differs; NaN where there is none.
        side: 1 higher, -1 lower, 0 where there is no such time point.
        times: all time points asked, in order.
        states: what was found at each of them, see `earliest`.
    """

    time_h: float
    side: int
    times: tuple[float, ...]
    states: tuple[int | None, ...]

    @property
    def tested(self) -> tuple[float, ...]:
        """Time points that could be tested."""
        return tuple(hours for hours, state in zip(self.times, self.states, strict=True) if state is not None)

    @property
    def untested(self) -> tuple[float, ...]:
        """Time points after `time_h` that could not be tested; after the first one where there is no `time_h`."""
        known = set(self.tested)
        return tuple(hours for hours in self.times if hours not in known and not hours < self.time_h)

    def shown_at(self, side: int) -> tuple[float, ...]:
        """Time points at which the group is shown to lie on that side."""
        return tuple(hours for hours, state in zip(self.times, self.states, strict=True) if state == side)


def earliest(states: Mapping[float, int | None]) -> Earliest:
    """First time point at which a group differs, and does so to the same side at every later one that was tested.

    Args:
        states: hours -> 1 where a test and its interval show that the group is higher, -1 lower, 0 neither, None where
            nothing could be tested.
    """
    times = tuple(sorted(states))
    found = tuple(states[hours] for hours in times)
    side, since = 0, np.nan
    for hours, state in zip(reversed(times), reversed(found), strict=True):
        if state is None:
            continue
        if state == 0 or state != (side or state):
            break
        side, since = state, hours
    return Earliest(float(since), side, times, found)

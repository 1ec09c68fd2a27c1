"""Compare: a request answered, for page, command line and report alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nscweb.core.errors import WrongUse
from nscweb.core.run_record import Run
from nscweb.core.timepoint import TimePoint
from nscweb.services.compare.compare_request import CompareRequest
from nscweb.services.compare.comparison import comparison, default_fate, default_time, sentences
from nscweb.services.compare.result import Comparison
from nscweb.services.predict.runs import get_run

if TYPE_CHECKING:
    from nscweb.services.context import App


@dataclass(frozen=True, eq=False)
class Compared:
    """A comparison, whose sentences are about `fate` at `time_h` (NaN for cells without a time)."""

    found: Comparison
    fate: str
    time_h: float


def compare_groups(app: App, run: Run | str, request: CompareRequest) -> Compared:
    """Groups of a run compared as asked.

    Raises:
        StoreError: there is no such run or its table is damaged.
        WrongUse: an unknown class, control or time point.
    """
    found = comparison(app, get_run(app, run), request)
    if request.control and found.control != request.control:
        raise WrongUse(f"No counted cell is of the group {request.control!r}.", "Name a group of the sample sheet.")
    names = found.classes.names
    if request.fate and request.fate not in names:
        raise WrongUse(f"The model of this run has no class {request.fate!r}.", f"There are: {', '.join(names)}.")
    known = found.data.options.times_h
    if request.time_h is not None and math.isfinite(request.time_h) and request.time_h not in known:
        there = f"There are: {', '.join(TimePoint(hours).label() for hours in known)}." if known else "None has a time."
        raise WrongUse(f"No sample of this study is of {TimePoint(request.time_h).label()}.", there)
    fate = request.fate or default_fate(found.classes)
    hours = default_time(found) if request.time_h is None else request.time_h
    if (request.fate or request.time_h is not None) and not found.groups.empty:
        found = replace(found, sentences=sentences(found, fate, hours))
    return Compared(found, fate, hours)

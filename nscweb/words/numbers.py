"""Numbers in sentences: shares, differences, p values and moments, never rounded towards a stronger claim."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from nscweb.core.rules import ALPHA
from nscweb.core.timepoint import TimePoint

_MINUS = "−"


def count(number: int, one: str, many: str = "") -> str:
    """ "1 cell", "12,000 cells": numbers with thousands separators and the right word."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def share_with_interval(mean: float, low: float, high: float) -> str:
    """ "74 % [70, 78]": per cent, the interval rounded outwards, so that it never looks narrower than it is."""
    shown = _percent(mean)
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{shown} %"
    return f"{shown} % [{math.floor(100 * low + 1e-9)}, {math.ceil(100 * high - 1e-9)}]"


def points(difference: float, low: float = math.nan, high: float = math.nan) -> str:
    """ "6 points [1, 11]": a difference in percentage points; the interval keeps its side of zero in print."""
    digits = 0
    # No difference of two shares lies beyond 100 points; a t interval of few replicates knows nothing of that.
    ends = [100 * min(max(end, -1.0), 1.0) for end in (low, high) if np.isfinite(end)]
    # Rounding outwards must not move an end onto zero, which would read as "no difference".
    if any(end != 0 and abs(end) < 1 for end in ends) or 0 < abs(100 * difference) < 0.95:
        digits = 1
    value = _signed(round(100 * difference, digits), digits)
    word = "point" if value.lstrip(_MINUS) in ("1", "1.0") else "points"
    if len(ends) < 2:
        return f"{value} {word}"
    step = 10**digits
    below, above = math.floor(ends[0] * step + 1e-9) / step, math.ceil(ends[1] * step - 1e-9) / step
    return f"{value} {word} [{_signed(below, digits)}, {_signed(above, digits)}]"


def p_value(p: float) -> str:
    """ "p = 0.03", "p < 0.001", "p > 0.99"; as many digits as it takes to stay on its side of 0.05."""
    if not np.isfinite(p):
        return "no p value"
    if p < 0.001:
        return "p < 0.001"
    if p > 0.99:
        return "p > 0.99"
    for digits in range(2, 9):
        text = f"{p:.{digits}f}"
        if float(text) > 0 and (float(text) < ALPHA) == (p < ALPHA):
            return f"p = {text}"
    return f"p = {p:.9f}"


def when(time_h: float) -> str:
    """ "at day 1", "at 12 h"; "" where no time is known."""
    if not np.isfinite(time_h):
        return ""
    if time_h >= 24 and time_h % 12 == 0:
        return f"at day {time_h / 24:g}"
    return f"at {TimePoint(float(time_h)).label()}"


def plural(fate: str) -> str:
    """ "neurons" for "neuron"; names that are not one plain word stand in quotes."""
    if re.fullmatch(r"[A-Za-z]*[a-rt-z]", fate):
        return f"{fate}s"
    return fate if re.fullmatch(r"[A-Za-z]+", fate) else f'cells of class "{fate}"'


def listed(names: Sequence[str], most: int = 4) -> str:
    """ "A", "A and B", "A, B and C", "A, B, C and 5 more"."""
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def sentence_start(text: str) -> str:
    """With a capital first letter."""
    return text[:1].upper() + text[1:]


def _percent(share: float) -> str:
    """Whole per cent, but never 0 or 100 for a share that is neither."""
    value = 100 * float(share)
    whole = round(value)
    if (whole == 0 and value > 0) or (whole == 100 and value < 100):
        return "less than 1" if whole == 0 else "more than 99"
    return str(whole)


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return f"{_MINUS}{text}" if value < 0 and float(text) else text

"""How numbers are written in the HTML report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nscweb.core.rules import ALPHA
from nscweb.words.marks import mark
from nscweb.words.numbers import p_value


def percent(value: float, *, sign: bool = False) -> str:
    """ "12.30" for 0.123, as in all files; with a sign for differences; "–" where there is none."""
    if not math.isfinite(value):
        return "–"
    text = f"{100 * value:+.2f}" if sign else f"{100 * value:.2f}"
    return "0.00" if text in ("-0.00", "+0.00") else text


def interval(low: float, high: float) -> str:
    """ "[1.20, 3.40]" in per cent; "" where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"[{100 * low:.2f}, {100 * high:.2f}]".replace("-0.00,", "0.00,").replace("-0.00]", "0.00]")


def share(row: Mapping[Any, Any], mean: str = "mean", low: str = "low", high: str = "high") -> str:
    """ "12.30 [10.10, 14.50]"; "–" where the ratio cannot be recovered."""
    return f"{percent(row[mean])} {interval(row[low], row[high])}".strip()


def number(value: float) -> str:
    """Two digits; "–" where there is none."""
    return "–" if not math.isfinite(value) else f"{value:.2f}".replace("-0.00", "0.00")


def p_text(value: float) -> str:
    """ "0.031"; "< 0.001"; "> 0.99"; "–" where no p value is given."""
    if not math.isfinite(value):
        return "–"
    if value > 0.99:
        return "> 0.99"
    if value < 0.001:
        return "< 0.001"
    text = f"{value:.3f}"
    # No p value is rounded over the line that decides: 0.0496 is not 0.050.
    return text if (float(text) < ALPHA) == (value < ALPHA) else p_value(value).removeprefix("p = ")


def light(value: object) -> str:
    """The mark of a trust light for a narrow column: the symbol stays with its first word."""
    return mark(str(value)).replace(" ", "\u00a0", 1)


def classes_in_threes(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Classes that stand beside each other in one table: at most three, or four where that saves a table of one."""
    if len(names) == 4:
        return [tuple(names[:2]), tuple(names[2:])]
    return [tuple(names[start : start + 3]) for start in range(0, len(names), 3)]

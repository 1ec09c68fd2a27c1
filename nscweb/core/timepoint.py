"""Time in culture: parsed from what people write, kept in hours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_NUMBER = r"(\d+(?:[.,]\d+)?)"
_HOURS = re.compile(rf"^{_NUMBER}\s*(?:h|hr|hrs|hour|hours)$", re.IGNORECASE)
_DAYS = re.compile(rf"^{_NUMBER}\s*(?:d|day|days)$", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"^(?:d|day)\s*{_NUMBER}$", re.IGNORECASE)
_HOUR_FIRST = re.compile(rf"^(?:h|hour)\s*{_NUMBER}$", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class TimePoint:
    """Time since induction.

    Attributes:
        hours: 0 or more.
    """

    hours: float

    def __post_init__(self) -> None:
        if not 0 <= self.hours < 24 * 3650:
            raise ValueError(f"a time point lies between 0 hours and 10 years, got {self.hours} hours")

    @classmethod
    def parse(cls, text: str) -> TimePoint:
        """Read "12 h", "0.5 d", "day 3", "d3", "1,5 days". A bare number has no unit and is refused.

        Raises:
            ValueError: with a sentence for the sample sheet.
        """
        cleaned = text.strip()
        for pattern, factor in ((_HOURS, 1.0), (_DAYS, 24.0), (_DAY_FIRST, 24.0), (_HOUR_FIRST, 1.0)):
            match = pattern.match(cleaned)
            if match:
                return cls(float(match.group(1).replace(",", ".")) * factor)
        raise ValueError(f'"{cleaned}" is not a time with a unit; write for example 12 h, 0.5 d or day 3')

    def label(self) -> str:
        """Shortest exact text that `parse` reads back: "12 h", "1 d", "0.25 h"."""
        if self.hours >= 24 and self.hours % 12 == 0:
            return f"{self.hours / 24:g} d"
        # Decimal of the shortest repr, so that 0.1 stays "0.1 h" and 1e-05 is written without an exponent.
        text = format(Decimal(repr(float(self.hours))), "f")
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} h"

    @property
    def days(self) -> float:
        return self.hours / 24

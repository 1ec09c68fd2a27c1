"""Time in culture: parsed from what people write, kept in hours.

Read are a number and a unit in either order ("12 h", "day 3", "Tag 0,5", "J2", "DIV7", "T=24h"), several parts
("00d06h00m"), durations of ISO 8601 ("PT24H") and of three parts with colons ("24:00:00"), in the words of the table
`UNITS`. What may follow ("post induction", "in vitro") changes nothing: every time here is counted from the induction.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

# Hours of each unit -> how it is written: English, German, French, Spanish, Italian, Dutch, Chinese, Japanese, Russian.
UNITS: dict[float, tuple[str, ...]] = {
    1 / 60: ("min", "mins", "minute", "minutes", "minuten", "minuto", "minutos", "minuti", "分钟", "分", "мин"),
    1.0: (
        *("h", "hr", "hrs", "hour", "hours", "hpi", "hpt", "std", "stunde", "stunden", "heure", "heures"),
        *("hora", "horas", "ora", "ore", "uur", "小时", "时", "時間", "時", "ч", "час", "часа", "часов"),
    ),
    24.0: (
        *("d", "day", "days", "dpi", "dpt", "dpd", "div", "tag", "tage", "tagen", "j", "jour", "jours", "dia", "dias"),
        *("día", "días", "giorno", "giorni", "dag", "dagen", "天", "日", "日目", "день", "дня", "дней", "сут"),
    ),
    168.0: (
        *("w", "wk", "wks", "week", "weeks", "wpi", "woche", "wochen", "sem", "semaine", "semaines", "semana"),
        *("semanas", "settimana", "settimane", "weken", "周", "週", "週目", "星期", "нед", "неделя", "недели"),
    ),
}
_HOURS_OF = {word: hours for hours, words in UNITS.items() for word in words}
_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = "|".join(sorted(map(re.escape, _HOURS_OF), key=len, reverse=True))
_AFTER = (
    r"(?:\s*(?:post|after|since|p\.?\s?i\.?|in\s+(?:vitro|culture|kultur)|nach|après|apres|de\s+culture|of)\b.{0,40})?"
)
_BEFORE = r"(?:(?:t|time|zeit|temps)\s*[=:_\-]?\s*)?"
# "Day-3" is day 3, but "day -1" and "D-1" are days before the induction for many.
_BETWEEN = r"(?:\s?[_.:=+]?\s?|(?<=[^\W\d_]{2})-)"
_NUMBER_FIRST = re.compile(rf"^{_BEFORE}({_NUMBER})[\s_\-]{{0,2}}({_UNIT})\.?{_AFTER}$")
_UNIT_FIRST = re.compile(rf"^({_UNIT}){_BETWEEN}({_NUMBER}){_AFTER}$")
_PARTS = re.compile(rf"^(?:{_NUMBER}\s*(?:{_UNIT})\s*(?:and|und|et)?\s*){{2,4}}$")
_PART = re.compile(rf"({_NUMBER})\s*({_UNIT})")
# In a time of several parts, and only there, m is minutes.
_MINUTES = re.compile(r"(?<=\d)\s*m$")
_ISO = re.compile(r"^p(?:(\d+)w)?(?:(\d+)d)?(?:t(?:(\d+)h)?(?:(\d+)m)?)?$")
_COLONS = re.compile(r"^(\d{1,3}):([0-5]\d):([0-5]\d)$")
_ORDINAL = re.compile(r"^第(?=\d)")
_CLOCK = re.compile(r"^\d{1,2}:\d{2}$")
_FRACTIONS = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅓": "0.333333", "⅔": "0.666667"}
# A label of many digits is read back; a sentence that quotes it is kept short.
_MOST_TEXT, _MOST_SHOWN = 1000, 100


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
        """Read "12 h", "0.5 d", "day 3", "1,5 days", "DIV7", "2 weeks". A bare number has no unit and is refused.

        Raises:
            ValueError: with a sentence for the sample sheet.
        """
        hours = _hours(text)
        if hours is None:
            shown = text.strip()[:_MOST_SHOWN]
            if _CLOCK.match(shown):
                raise ValueError(
                    f'"{shown}" may be hours and minutes or minutes and seconds; write for example 12 h, 0.5 d or day 3'
                )
            raise ValueError(f'"{shown}" is not a time with a unit; write for example 12 h, 0.5 d or day 3')
        return cls(hours)

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


def unit_hours(word: str) -> float | None:
    """Hours of a unit as it is written, such as 24 for "Tage"; None for any other word."""
    return _HOURS_OF.get(word.casefold().rstrip("."))


def _hours(text: str) -> float | None:
    if len(text) > _MOST_TEXT:
        return None
    for sign, number in _FRACTIONS.items():
        text = text.replace(sign, number)
    plain = _ORDINAL.sub("", " ".join(unicodedata.normalize("NFKC", text).casefold().split()))
    if match := _NUMBER_FIRST.match(plain):
        return _number(match[1]) * _HOURS_OF[match[2]]
    if match := _UNIT_FIRST.match(plain):
        return _number(match[2]) * _HOURS_OF[match[1]]
    if match := _ISO.match(plain):
        weeks, days, hours, minutes = (int(part or 0) for part in match.groups())
        return weeks * 168.0 + days * 24.0 + hours + minutes / 60 if any(match.groups()) else None
    if match := _COLONS.match(plain):
        return int(match[1]) + int(match[2]) / 60 + int(match[3]) / 3600
    several = _MINUTES.sub("min", plain)
    if _PARTS.match(several):
        parts = [(_number(number), _HOURS_OF[unit]) for number, unit in _PART.findall(several)]
        sizes = [size for _, size in parts]
        # "3 d 2 h", not "2 h 3 d" or "3 d 4 d".
        return sum(number * size for number, size in parts) if sizes == sorted(set(sizes), reverse=True) else None
    return None


def _number(text: str) -> float:
    return float(text.replace(",", "."))

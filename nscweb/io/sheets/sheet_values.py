"""What a value of the sample sheet means: the same for an uploaded file and for the table that is edited on the page.

A value that cannot be understood is said with its row and left as it was; it never stops the rest of the sheet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nscweb.core.findings import FindingLog
from nscweb.core.look_alikes import plain_text, unseen
from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint
from nscweb.io.names.name_words import is_control
from nscweb.io.sheets.sheet_columns import LABELS, NO, TEXT_FIELDS, YES, bare_number

LONGEST_VALUE = 200
# "1,500 h" is 1.5 hours here and 1500 hours there; "0,125" can only be a fraction.
_THOUSANDS = re.compile(r"(?<!\d)[1-9]\d{0,2},\d{3}(?!\d)")
# What a spreadsheet shows instead of a value that it could not compute, also in German, French and Spanish.
_ERROR = re.compile(r"^#(?:[A-ZÀ-Ü0/]{2,14}[!?]|N/?[ADV]|N/D)$|^Err:\d{3}$")
# 1/2 becomes a date in a spreadsheet: "2021-01-02", "02-Jan", "Jan 02", "1. Feb".
_MONTH = r"(?:jan|feb|m[aä]r|apr|ma[yi]|jun|jul|aug|sept?|oct|okt|nov|de[cz])\.?"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH = {"mär": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
_YEAR = 4
_DATE = re.compile(
    rf"^(?:(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?: 00:00:00)?|"
    rf"\d{{1,2}}[-. ]{{1,2}}{_MONTH}(?:[- ]\d{{2,4}})?|"
    rf"{_MONTH}[- ]\d{{1,2}}|\d{{1,2}}([/.])\d{{1,2}}\1(?:\d\d|\d{{4}}))$",
    re.IGNORECASE,
)


def filled(
    sample: Sample, values: Mapping[str, str], extra: Sequence[tuple[str, str]], where: str, log: FindingLog
) -> Sample:
    """The sample as its row says.

    Args:
        values: field of `SHEET_COLUMNS` -> text. A field that is there decides, also where it is empty.
        extra: further columns (title, text); those of the sample that are not named stay.
        where: the row, for findings.
    """
    changes: dict[str, Any] = {}
    for field, raw in values.items():
        text = plain_text(raw)
        if field in TEXT_FIELDS and text and (hidden := unseen(raw.strip(" "))):
            message = f"The {LABELS[field]} holds what cannot be seen ({hidden}); it was taken without."
            log.add("note", "N-SHEET-UNSEEN", message, f"{where}: {text}")
        if _ERROR.match(text):
            message = "The cell shows an error of the spreadsheet instead of a value; it was left as it was."
            log.add("warn", "E-SHEET-CELL-ERROR", message, f"{where}: {LABELS[field]} {text}")
        elif field in TEXT_FIELDS:
            changes |= {} if text == getattr(sample, field) else _text(field, text, where, log)
        elif field == "time":
            changes |= _time(text, where, log)
        elif field == "control":
            changes |= _control(text, where, log)
    if extra:
        changes["extra"] = tuple((dict(sample.extra) | {title: plain_text(text) for title, text in extra}).items())
    return sample.with_changes(**changes)


def before_date(text: str) -> tuple[str, ...]:
    """What a value likely was before a spreadsheet made a date of it: "1/2" and "2/1" for 2021-01-02; () for others."""
    plain = plain_text(text).casefold()
    if not _DATE.match(plain):
        return ()
    numbers = [int(number) for number in re.findall(r"\d+", plain.removesuffix(" 00:00:00"))]
    letters = re.search(r"[^\W\d_]+", plain)
    if letters:
        month, day = _MONTHS.index(_ENGLISH.get(letters.group()[:3], letters.group()[:3])) + 1, numbers[0]
    elif len(str(numbers[0])) == _YEAR:
        month, day = numbers[1:3]
    else:
        month, day = numbers[0], numbers[1]
    return tuple(dict.fromkeys((f"{month}/{day}", f"{day}/{month}")))


def bare_time(sample: str, values: Mapping[str, str]) -> dict[str, str]:
    """Sample -> number when its time is a number without a unit, which may be hours or days; else empty."""
    number = bare_number(values.get("time", ""))
    return {sample: number} if number else {}


def _text(field: str, text: str, where: str, log: FindingLog) -> dict[str, Any]:
    label = LABELS[field]
    if len(text) > LONGEST_VALUE:
        message = f"The {label} has more than {LONGEST_VALUE} characters; it was left as it was."
        log.add("warn", "E-SHEET-LONG", message, where)
        return {}
    if _DATE.match(text):
        before = before_date(text)
        likely = f" It likely was {' or '.join(before)}." if before else ""
        message = (
            f"The value is a date. Spreadsheets make dates of values such as 1/2 or 1-2.{likely} Format the column as "
            "text and write it again, or take what the understanding card of the study offers."
        )
        log.add("warn", "W-SHEET-DATE", message, f"{where}: {label} {text}")
    return {field: text}


def _time(text: str, where: str, log: FindingLog) -> dict[str, Any]:
    if not text:
        return {"time_h": None}
    try:
        if _THOUSANDS.search(text):
            raise ValueError(f"{text!r} may mean a decimal comma or thousands; write it without a comma")
        return {"time_h": TimePoint.parse(text).hours}
    except ValueError as error:
        code = "E-SHEET-TIME-UNIT" if bare_number(text) else "E-SHEET-TIME"
        log.add("warn", code, f"The time was left as it was: {error}.", f"{where}: {text}")
        return {}


def _control(text: str, where: str, log: FindingLog) -> dict[str, Any]:
    word = text.casefold()
    if word in YES or is_control(word):
        return {"control": True}
    if word in NO:
        return {"control": False}
    message = "Control is answered with yes or no; it was left as it was."
    log.add("warn", "E-SHEET-CONTROL", message, f"{where}: {text}")
    return {}

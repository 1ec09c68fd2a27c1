"""Columns of the sample sheet: what they may be called, and what their values mean."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nscweb.core.errors import InputRefused

# Written in this order; `cells` is for the reader and is not read back.
SHEET_COLUMNS: tuple[str, ...] = (
    "sample",
    "group",
    "time",
    "replicate",
    "donor",
    "instrument",
    "control",
    "true_class",
    "cells",
)
# Written for the reader and never read back; the sample is what rows are joined by.
NOT_READ: tuple[str, ...] = ("sample", "cells")
# Fields that are read -> how a sentence calls them.
LABELS: dict[str, str] = {
    "group": "inducer group",
    "time": "time",
    "replicate": "replicate",
    "donor": "donor",
    "instrument": "instrument",
    "control": "control",
    "true_class": "true class",
}
TEXT_FIELDS: tuple[str, ...] = ("group", "replicate", "donor", "instrument", "true_class")
_ALIASES: dict[str, str] = {
    "sample": "sample",
    "sample name": "sample",
    "sample id": "sample",
    "samplename": "sample",
    "group": "group",
    "inducer group": "group",
    "inducer": "group",
    "time": "time",
    "time point": "time",
    "timepoint": "time",
    "replicate": "replicate",
    "rep": "replicate",
    "biological replicate": "replicate",
    "donor": "donor",
    "animal": "donor",
    "instrument": "instrument",
    "cytometer": "instrument",
    "control": "control",
    "is control": "control",
    "true class": "true_class",
    "class": "true_class",
    "trueclass": "true_class",
    "cells": "cells",
}
_HOURS = frozenset({"time h", "hours", "time hours", "time hour", "hour", "time in hours"})
_DAYS = frozenset({"time d", "day", "days", "time days", "time day", "time in days"})
# A well holds one sample, so its name must not come twice either.
KEYS: tuple[str, ...] = ("sample", "well")
YES = frozenset({"yes", "y", "true", "1", "x", "control", "ja"})
NO = frozenset({"no", "n", "false", "0", "", "nein"})


@dataclass(frozen=True)
class Column:
    """Attributes:
    field: name in `SHEET_COLUMNS`, "" for a further column.
    title: as written.
    unit: "h" or "d" when the title says it.
    named: False for a column without a title; it counts only where it holds a value.
    """

    field: str
    title: str
    unit: str = ""
    named: bool = True


def understand_header(header: Sequence[str], name: str) -> list[Column]:
    """What each column is. Without a column for the sample the first one takes its place.

    Raises:
        InputRefused: two columns of one name or one meaning.
    """
    titles = [title.strip() for title in header]
    _refuse_twice(Counter(title.casefold() for title in titles if title), name, "The column")
    columns = [
        _column(title) if title else Column("", f"column {number}", named=False)
        for number, title in enumerate(titles, start=1)
    ]
    _refuse_twice(Counter(column.field for column in columns if column.field), name, "A column for the")
    if all(column.field != "sample" for column in columns):
        columns[0] = Column("sample", columns[0].title)
    return columns


def known_titles(header: Sequence[str]) -> int:
    """How many titles name a column of the sample sheet."""
    return sum(bool(_column(title.strip()).field) for title in header)


def _refuse_twice(counts: Counter[str], name: str, what: str) -> None:
    twice = {title: count for title, count in counts.items() if count > 1}
    if twice:
        told = ", ".join(f"{title!r} ({count} times)" for title, count in twice.items())
        raise InputRefused(
            f"{what} {told} comes more than once in {name}.", "Remove or rename one.", "E-SHEET-DUPLICATE-COLUMN"
        )


def _column(title: str) -> Column:
    plain = " ".join(re.sub(r"[_()\[\]/.\-]+", " ", title.casefold()).split())
    if plain in _HOURS:
        return Column("time", title, "h")
    if plain in _DAYS:
        return Column("time", title, "d")
    return Column(_ALIASES.get(plain, ""), title)

"""Every column of a table has a row in the dictionary, or is one of the user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from nscweb.core.columns import COLUMNS, pattern_of
from nscweb.core.flags import FLAG_NAMES

MADE = ["model", "run", "simulated"]


def unknown(columns: Iterable[str], stems: Iterable[str]) -> list[str]:
    """Columns without a row; `stems`: classes and the like that a pattern may hold for."""
    known = {*stems, *FLAG_NAMES}
    lacking = []
    for name in columns:
        found = pattern_of(name)
        if name not in COLUMNS and not (found and (found[1] in known or found[0].name.startswith("file: "))):
            lacking.append(name)
    return lacking


def heads(content: bytes) -> list[str]:
    """The names of the columns of a CSV file."""
    return next(csv.reader(io.StringIO(content.decode("utf-8-sig"))))

"""Names of wells: A1 to P24, of plates with 1,536 wells A01 to AF48."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Of two letters only with two digits, because "AB1" is a name of its own.
WELL = re.compile(r"^(?:[A-Pa-p]-?(?:0?[1-9]|1\d|2[0-4])|A[A-F]-?(?:0[1-9]|[1-3]\d|4[0-8]))$")
# Rows Q to Z and columns 25 to 48, which only the largest plates have, beside wells of two letters.
_LARGE = re.compile(r"^([A-Za-z]|A[A-F])-?(0?[1-9]|[1-3]\d|4[0-8])$")
_TWO_LETTERS = re.compile(r"^A[A-F]-?\d\d$")


def well_words(names: Sequence[Sequence[str]]) -> list[str]:
    """The word of each name that is a well, "" where it has none.

    Where names have several such words ("NT3_B02_d1"), it is the last place at which rows differ, else the last one.

    Args:
        names: words of each name; wells of two letters in one of them say how large the plate of all is.
    """
    large = any(_TWO_LETTERS.match(word) for words in names for word in words)
    pattern = _LARGE if large else WELL
    found = [[word for word in reversed(words) if pattern.match(word)] for words in names]
    places = range(min(map(len, found), default=0))
    place = next((at for at in places if len({well_row(own[at]) for own in found}) > 1), 0)
    return [own[place] if own else "" for own in found]


def well_name(word: str) -> str:
    """A well with capitals and two digits, "B02"; other words stay."""
    match = _LARGE.match(word)
    return f"{match[1].upper()}{int(match[2]):02d}" if match else word


def well_row(word: str) -> str:
    """The letters of a well."""
    return word.rstrip("0123456789").rstrip("-").upper()

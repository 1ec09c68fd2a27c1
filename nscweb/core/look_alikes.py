"""Text that looks the same and is not: invisible characters, kinds of spaces and dashes, composed letters, µ and μ.

`plain_text` makes of a value what a person sees; `look` makes equal what a person would take for equal, so that two
groups that differ in nothing one can see are found.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'", "`": "'"})
# Letters of other alphabets that are drawn like Latin ones.
_DRAWN_ALIKE = str.maketrans(
    "АВЕКМНОРСТХаеорсухіјΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "\u03bc\u2126\u212b",
    "ABEKMHOPCTXaeopcyxijABEZHIKMNOPTYX" + "\u00b5\u03a9\u00c5",
)


def plain_text(text: str) -> str:
    """A value as it is seen: letters composed, no invisible characters, each run of spaces one space, none at the ends.

    The micro sign and the Greek letter become one; everything else that can be seen stays.
    """
    if text.isascii() and "  " not in text and text == text.strip() and not ({"\t", "\n", "\r"} & set(text)):
        return text
    composed = unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).replace("\u03bc", "\u00b5")
    return " ".join(composed.split())


def look(text: str) -> str:
    """A key that is equal for texts that look alike: also without regard to capitals, kinds of dashes and alphabets."""
    seen = unicodedata.normalize("NFKC", plain_text(text)).translate(_DRAWN_ALIKE).translate(_QUOTES)
    return re.sub(r"\s*[-_\s]\s*", " ", _DASHES.sub("-", seen)).casefold().strip()


def unseen(text: str) -> str:
    """What `plain_text` takes out of a text, in words: "no-break space", "two spaces"; "" when it takes out nothing."""
    left = plain_text(text)
    if left == text:
        return ""
    gone = dict.fromkeys(letter for letter in text if letter not in left and not letter.isascii())
    parts = any(unicodedata.combining(letter) for letter in gone)
    names = [
        unicodedata.name(letter, "a control character").lower() for letter in gone if not unicodedata.combining(letter)
    ]
    names += ["a letter written in two parts"] if parts else []
    names += ["a tab or line end"] if set(text) & {"\t", "\n", "\r"} else []
    return ", ".join(names[:3]) or "more than one space"


def alike_sets(texts: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Sets of different texts that look alike: (the most frequent one, the others); the first wins among equals."""
    counts = Counter(texts)
    sets: dict[str, list[str]] = {}
    for text in counts:
        sets.setdefault(look(text), []).append(text)
    found = []
    for members in sets.values():
        if len(members) > 1:
            kept = max(members, key=lambda text: counts[text])
            found.append((kept, tuple(text for text in members if text != kept)))
    return found

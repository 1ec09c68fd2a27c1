"""What the words of a sample's name may say: one table, in order, each row with an example.

A row is asked about up to three words that follow one another ("Tag 0,5", "50 ng ml"), the longest run first. What no
row knows names the inducer group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nscweb.core.timepoint import TimePoint

_NUMBER = r"\d+(?:[.,]\d+)?"
_POWER = rf"{_NUMBER}(?:(?:e|\^)[-+]?|-)\d+"
# Number first, or a unit first that is more than a letter; of single letters only day (d3, J2), because H6 is a well.
_TIME_FIRST = re.compile(rf"^第?{_NUMBER} ?-?[^\W\d_]{{1,12}}\.?$")
_UNIT_FIRST = re.compile(
    rf"^(?:[^\W\d_]{{2,12}}|d|j)[ +.:=\-]?{_NUMBER}$|^t ?= ?{_NUMBER} ?[^\W\d_]{{1,12}}$", re.IGNORECASE
)
_PARTS = re.compile(r"^\d+d\d+h(?:\d+m)?$", re.IGNORECASE)
# `a_1d1` of Zhu et al. 2021: "day 1, replicate 1" is an assumption (FACTS section 2), shown and editable.
_TIME_REPLICATE = re.compile(r"^(\d+(?:[.,]\d+)?(?:h|d)|d\d+(?=r))r?(\d{1,2})$", re.IGNORECASE)
_REPLICATE = re.compile(
    r"^(?:(?:bio(?:logical)?[ .-]?|tech(?:nical)?[ .-]?)?"
    r"(?:replicates?|repl?|r[ée]plicats?|r[ée]petitions?|répétitions?|r[ée]plicas?|replikate?|wdh|wiederholung(?:en)?|wh"
    r"|repeti[cç](?:[aã]o|[oõ]es)|repetici[oó]n(?:es)?|ripetizion[ei]|herhaling(?:en)?|repeats?|重复|重複|反復|повтор)"
    r"[ .#:-]?(\d+|[a-h])|(?:#|n°|nº|no\.|nr\.) ?(\d+)|[rn][.#-]?(\d{1,2}))$",
    re.IGNORECASE,
)
_EXPERIMENT = re.compile(
    r"^(?:exp(?:eriment)?|expt|versuch|essai|exp[ée]rience|run|batch|charge)[ .#:-]?(\d+|[a-h])$", re.IGNORECASE
)
_COUNT = re.compile(r"^n ?= ?(\d{1,3})$", re.IGNORECASE)
_TIME_NUMBER = re.compile(r"^t[ =]?0*(\d+)$", re.IGNORECASE)
_DONOR = re.compile(
    # "rat NSC" and "rats" are words of a group.
    r"^(?:donor|donneur|spender|patient|animal|tier|mouse|maus|souris|rat|ratte)"
    r"(?:[ .#-]?([a-z]{0,3}\d+|\d+[a-z])|[ .#-]([a-z])|(?-i:(?<=[a-z])([A-Z])))$",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"^(?:(?:19|20)\d\d([-. ])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])|"
    r"20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|"
    r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:20)?\d\d|"
    # Of two digits a year is one of this time, and stands last or first.
    r"(?:0[1-9]|[12]\d|3[01])-(?:0[1-9]|1[0-2])-[12]\d|(?:0[1-9]|1[0-2])-(?:1[3-9]|2\d|3[01])-[12]\d|"
    r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])[12]\d|[12]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|"
    # Month first or day first: both are a date.
    r"(?:(?:0?[1-9]|1[0-2])[- ](?:0?[1-9]|[12]\d|3[01])|(?:1[3-9]|2\d|3[01])[- ](?:0?[1-9]|1[0-2]))[- ]20\d\d)$"
)
_DOSE = re.compile(
    rf"^({_POWER}|{_NUMBER}) ?((?:[pnuµμm]?g|iu|u|units?)[ /\-]?(?:per[ \-])?(?:m?l|µl|ul)|[pnuµμm]m|m|%|vol%)$",
    re.IGNORECASE,
)
_INSTRUMENT = {
    "fs": "FlowSight",
    "flowsight": "FlowSight",
    "isx": "ImageStream",
    "imagestream": "ImageStream",
    "imagestreamx": "ImageStream",
}
_CONTROL = frozenset(
    {"control", "controls", "ctrl", "ctl", "untreated", "vehicle", "mock", "dmso", "kontrolle", "unbehandelt"}
    | {"contrôle", "controle", "témoin", "temoin", "ohne", "sham"}
)
_EXPORTED = re.compile(r"(?:[ _.-]?(?:rif|cif|daf|fcs))?[ _.-]export(?:ed|s)?$", re.IGNORECASE)
_SPLIT = re.compile(r"[_\s;]+|,(?!\d)|(?<!\d),")
_BETWEEN_WORDS = frozenset("-–—|")
# "(24h)" around words; "(2)" stays, which a computer writes behind the name of a second folder.
_BRACKETS = re.compile(r"(?<![^\s_])[(\[]((?!\d+[)\]])[^()\[\]]+)[)\]](?![^\s_])")
_JOINTS = re.compile(r"-|\.(?!\d)|(?<!\d)\.|(?<=[^\W\d_]\d)\.")
MOST_WORDS = 3


@dataclass(frozen=True)
class Says:
    """What some words say: `field` of a sample ("" for what is left off), and its value."""

    field: str
    value: str | float


@dataclass(frozen=True)
class WordRow:
    """One row of the table.

    Attributes:
        what: what it finds, as the understanding card says it.
        example: words that it understands.
        read: what words say, () when the row does not know them.
    """

    what: str
    example: str
    read: Callable[[str], tuple[Says, ...]]


def _matched(pattern: re.Pattern[str], field: str) -> Callable[[str], tuple[Says, ...]]:
    def read(words: str) -> tuple[Says, ...]:
        match = pattern.match(words)
        if match is None:
            return ()
        value = next((group for group in match.groups() if group), words)
        return (Says(field, value.upper() if field == "replicate" else value),)

    return read


def _time(words: str) -> tuple[Says, ...]:
    if not (_TIME_FIRST.match(words) or _UNIT_FIRST.match(words) or _PARTS.match(words)):
        return ()
    try:
        return (Says("time_h", TimePoint.parse(words).hours),)
    except ValueError:
        return ()


def _time_replicate(words: str) -> tuple[Says, ...]:
    match = _TIME_REPLICATE.match(words)
    return () if match is None else (*_time(match[1]), Says("replicate", match[2]))


def _date(words: str) -> tuple[Says, ...]:
    return (Says("date", words.replace(" ", "-")),) if _DATE.match(words) else ()


def _donor(words: str) -> tuple[Says, ...]:
    match = _DONOR.match(words)
    value = next((group for group in match.groups() if group), "") if match else ""
    return (Says("donor", value),) if value and not (_time(value) or _REPLICATE.match(value)) else ()


def _dose(words: str) -> tuple[Says, ...]:
    match = _DOSE.match(words)
    if match is None:
        return ()
    unit = re.sub(
        r"[ \-]|per", "/", match[2].replace("u", "µ", 1) if match[2][:1] == "u" and len(match[2]) > 1 else match[2]
    )
    unit = re.sub(r"/+", "/", unit)
    if match[2] == "m" or (match[2].casefold() == "m" and " " in words and "-" not in match[1]):
        return ()  # "3 m" is no dose; "1M" is rare, and asked for in the sheet
    if "/" not in unit and unit[-1] in "lL" and len(unit) > 2:
        unit = f"{unit[:-2]}/{unit[-2:]}"
    return (Says("dose", f"{match[1].replace(',', '.')} {unit}"),)


def _instrument(words: str) -> tuple[Says, ...]:
    known = _INSTRUMENT.get(words.casefold().replace(" ", ""))
    return (Says("instrument", known),) if known else ()


WORD_ROWS: tuple[WordRow, ...] = (
    WordRow("date", "2024-03-12", _date),
    WordRow("time and replicate", "1d1", _time_replicate),
    WordRow("time", "Tag 0,5", _time),
    WordRow("replicate", "Wdh 1", _matched(_REPLICATE, "replicate")),
    WordRow("time without a unit", "t24", _matched(_TIME_NUMBER, "t")),
    WordRow("number of replicates", "n=3", _matched(_COUNT, "n")),
    WordRow("experiment", "exp4", _matched(_EXPERIMENT, "experiment")),
    WordRow("donor", "donorA", _donor),
    WordRow("dose", "50 ng-ml", _dose),
    WordRow("instrument", "FS", _instrument),
)


def words_of(part: str) -> tuple[list[str], str]:
    """Words of one folder or prefix, and what an export program put at its end."""
    match = _EXPORTED.search(part)
    left = match.group() if match and match.start() else ""
    bare = _BRACKETS.sub(r"\1", part.removesuffix(left))
    words = [word for word in _SPLIT.split(bare) if word and word not in _BETWEEN_WORDS]
    return [piece for word in words for piece in _undashed(word)], left


def longest_known(words: Sequence[str]) -> tuple[int, str, tuple[Says, ...]]:
    """The longest run of words at the beginning that a row knows: its length, the row, what it says."""
    for size in range(min(MOST_WORDS, len(words)), 0, -1):
        joined = " ".join(words[:size])
        for row in WORD_ROWS:
            found = row.read(joined)
            if found:
                return size, row.what, found
    return 0, "", ()


def _undashed(word: str) -> list[str]:
    """ "RA-3d-rep1" in its parts, where some of them are known; "LDH-NT3" and "24-h" stay as they are."""
    pieces = _JOINTS.split(word)
    if (
        word.startswith("-")
        or len(pieces) == 1
        or longest_known([word])[0]
        or not any(piece and longest_known([piece])[0] for piece in pieces)
    ):
        return [word]
    parts: list[str] = []
    unknown: list[str] = []
    for piece in pieces:
        if piece and longest_known([piece])[0]:
            parts += ["-".join(filter(None, unknown))] if any(unknown) else []
            parts.append(piece)
            unknown = []
        else:
            unknown.append(piece)
    return [*parts, "-".join(filter(None, unknown))] if any(unknown) else parts


def is_control(word: str) -> bool:
    """Whether a word says that the sample is a control."""
    return word.casefold() in _CONTROL

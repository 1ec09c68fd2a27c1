"""Several samples among files that no folder parts: "B02_1" beside "C03_1", "NT3_1d_r1_0001" beside "RA_1d_r1_0001".

What counts cells and places is left off the end of each name. What stays is one name for the cells of one sample; where
there are several names that the tables of words and plates understand, they are several samples. Where they differ and
are not understood, somebody must be asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from nscweb.io.names.name_words import MOST_WORDS, longest_known
from nscweb.io.names.sample_names import MOST_REPLICATES, parse_sample_hints
from nscweb.io.names.wells import WELL, well_row, well_words

Reading = Literal["one", "several", "ask"]

_COUNTED = (
    r"cells?|zellen?|cellules?|c[eé]lulas?|obj(?:ects?)?|objekte?|img|images?|bild(?:er)?|frames?|fields?|fov|feld|site|"
    r"pos(?:ition)?|tiles?|roi|crops?|series|scene|single|snap|picture|pic|photo|xy"
)
_RUNNING = re.compile(rf"^(.*?)(?:(?<=[^\W_])[\s_.\-#]+|^)(?:{_COUNTED})[\s_.\-#]*\d*$", re.IGNORECASE)
# Behind a well, a time or a replicate also these count places; alone they may be samples or wells.
_PLACE = re.compile(r"^(.*[^\W_])[\s_.\-]+[fmpsz]\d+$", re.IGNORECASE)
_NUMBER = re.compile(r"^(.*?)[\s_.\-#]*(?:[\s_.\-#](\d{1,15})|\((\d{1,15})\))$")
_GLUED = re.compile(r"^(.*?\D)(\d{1,15})$")
_WORDS = re.compile(r"[\s_\-]+")
_ENDS = " _-.#"
# More names are no samples, and are not looked at.
_MOST_SAMPLES = 1536
# Of images that are alone under their names, so few may be whole fields of a sample each.
_MOST_ALONE = 12
_PADDED = re.compile(r"^[A-P]-?0\d$")


@dataclass(frozen=True)
class Parted:
    """What the names of some files say together.

    Attributes:
        reading: "one" sample, "several" of them, or "ask".
        names: name of a sample -> its images, in the order in which they came.
        example: a file, and the name that it was read as.
    """

    reading: Reading = "one"
    names: Mapping[str, int] = field(default_factory=dict)
    example: tuple[str, str] = ("", "")


def sample_parts(stems: Sequence[str], folder: str = "") -> tuple[list[str], Parted]:
    """The name of the sample that each file belongs to by its own name, and how sure that is.

    Args:
        stems: file names without suffix and channel, each once per image.
        folder: that holds them, where it may be a sample itself; "" for files that lie loose.
    """
    cut = [_without_number(stem) for stem in stems]
    alone = Counter(head.casefold() for head, _ in cut)
    # "NT3" beside "RA": a digit at the end of a word counts nothing where it comes once.
    heads = [
        stem.strip(_ENDS) if glued and alone[head.casefold()] == 1 else head
        for stem, (head, glued) in zip(stems, cut, strict=True)
    ]
    spelled: dict[str, str] = {}
    heads = [spelled.setdefault(head.casefold(), head) for head in heads]
    counts = Counter(heads)
    first = next((place for place, head in enumerate(heads) if head), 0)
    example = (stems[first], heads[first]) if heads else ("", "")
    return heads, Parted(reading_of(counts, folder), dict(counts), example)


def reading_of(counts: Mapping[str, int], folder: str = "", *, numbered: bool = False) -> Reading:
    """Whether names are those of several samples.

    Args:
        counts: name without running number -> images.
        folder: see `sample_parts`.
        numbered: every file says the number of its cell, so one image under a name is a small sample.
    """
    if not 1 < len(counts) <= _MOST_SAMPLES:
        return "one"
    alone = not numbered and sum(counts.values()) < 2 * len(counts)
    said = {name: _said(name) for name in counts}
    wells = well_words([_WORDS.split(name) for name in counts])
    plate = all(wells) and _is_plate(wells)
    # A date says when a file was written; it tells no samples apart.
    understood = plate or all(set(values) - {"date"} for values in said.values())
    others: Reading = "ask" if numbered else _of_others(counts, alone, bool(folder))
    reading = _of_understood(said, plate, alone) if understood else others
    if reading != "one" and folder and _is_sample(folder.rpartition("/")[2], _differing(said)):
        return "ask" if understood else "one"
    return reading


def _is_sample(folder: str, differing: set[str]) -> bool:
    """Whether the folder around files is a sample already: it says a replicate or well, or what their names part."""
    said = _said(folder)
    return "replicate" in said or bool(_well(folder)) or bool(differing & set(said))


def part_of(stem: str, names: Collection[str]) -> str:
    """Which of some names of samples a file belongs to; "" for none."""
    plain = stem.casefold()
    begun = [name for name in names if name and plain.startswith(name.casefold())]
    held = begun or [name for name in names if name and name.casefold() in plain]
    return max(held, key=len, default="")


def _without_number(stem: str) -> tuple[str, bool]:
    """A name without what counts cells and places, and whether a digit was cut off a word."""
    text = stem.strip(_ENDS)
    if _ends_known(text):
        return text, False
    match = _NUMBER.match(text)
    glued = None if match else _GLUED.match(text)
    counted = _RUNNING.match(text)
    if counted:
        return _without_places(counted[1].strip(_ENDS)), False
    if match is None and glued is None:
        return text, False
    head = (match or glued)[1].strip(_ENDS)  # type: ignore[index]
    return _without_places(head), glued is not None


@lru_cache(maxsize=4096)
def _without_places(head: str) -> str:
    while True:
        place = _PLACE.match(head)
        if place is not None and not (_ends_known(place[1]) or _well(place[1])):
            place = None
        match = place or _RUNNING.match(head)
        if match is None or (place is None and _ends_known(head)):
            return head
        head = match[1].strip(_ENDS)


def _ends_known(text: str) -> bool:
    """Whether the last words are of the tables, such as "rep 1", "3d" or a date; a number alone is not."""
    words = tuple(_WORDS.split(text)[-MOST_WORDS:])
    return _known(words) or bool(WELL.match(words[-1]))


@lru_cache(maxsize=4096)
def _known(words: tuple[str, ...]) -> bool:
    # A date of digits only may as well count cells.
    alone = len(words) - words[-1].isdecimal()
    return any(longest_known(words[start:])[0] == len(words) - start for start in range(alone))


def _well(name: str) -> str:
    return next((word for word in reversed(_WORDS.split(name)) if WELL.match(word)), "")


def _is_plate(wells: Sequence[str]) -> bool:
    """Wells of several rows, or written as only wells are: "B02"; one row of "D1", "D2" may be days."""
    return len(set(map(well_row, wells))) > 1 or all(
        _PADDED.match(well) or not longest_known([well])[0] for well in wells
    )


@lru_cache(maxsize=4096)
def _said(name: str) -> dict[str, object]:
    """What tells samples apart in a name, without the group, which no table knows."""
    hints = parse_sample_hints(name)
    values: dict[str, object] = {title: value for title, value in hints.extra if title != "well"}
    values |= {} if hints.time_h is None else {"time": hints.time_h}
    values |= {title: value for title, value in (("replicate", hints.replicate), ("donor", hints.donor)) if value}
    return values


def _differing(said: Mapping[str, Mapping[str, object]]) -> set[str]:
    """What names say differently."""
    titles = {title for values in said.values() for title in values}
    return {title for title in titles if len({values.get(title) for values in said.values()}) > 1}


def _of_understood(said: Mapping[str, Mapping[str, object]], plate: bool, alone: bool) -> Reading:
    differing = _differing(said)
    groups = {parse_sample_hints(name).group.casefold() for name in said}
    if plate:
        # "a1", "a2" may be cells.
        named = all(len(_WORDS.split(name)) > 1 or name[0].isupper() for name in said)
        return "several" if named or not alone else "ask"
    if not alone:
        return "several"
    if len(groups) == 1 and differing <= {"replicate"} and len(said) > MOST_REPLICATES:
        return "one"
    whole = all({"time", "replicate"} <= set(values) for values in said.values())
    if whole and groups != {""}:
        return "several"
    # One image under each name: frames of a film, numbers of cells, or fields.
    return "ask" if groups != {""} and len(said) <= 4 * _MOST_ALONE else "one"


def _of_others(counts: Mapping[str, int], alone: bool, in_folder: bool) -> Reading:
    if alone:
        words = {name.casefold().rstrip("0123456789") for name in counts}
        plain = len(words) == len(counts) and all(name[:1].isalpha() for name in counts)
        return "ask" if plain and not in_folder and len(counts) <= _MOST_ALONE else "one"
    return "ask" if sum(number > 1 for number in counts.values()) >= len(counts) / 2 else "one"

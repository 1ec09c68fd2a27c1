"""What one name of a sample cannot say alone: shared words, letters of replicates, numbers of experiments."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from nscweb.io.names.name_parts import NameParts
from nscweb.io.names.wells import WELL

_LETTER = re.compile(r"^[A-Ha-h]$")
# Fewer names do not show what all names share.
_LEAST_SHARED = 3


def experiments(read: Sequence[NameParts]) -> None:
    """The number of an experiment is the replicate where it changes and no name has another one."""
    numbers = {dict(item.hints.extra).get("experiment", "") for item in read}
    if len(numbers) == 1 and "" not in numbers and len(read) > 1:
        for item in read:
            item.left.append(f"experiment {dict(item.hints.extra)['experiment']}")
            item.hints = replace(item.hints, extra=tuple(pair for pair in item.hints.extra if pair[0] != "experiment"))
    if len(numbers - {""}) < 2 or any(item.hints.replicate for item in read):
        return
    for item in read:
        extra = dict(item.hints.extra)
        number = extra.pop("experiment", "")
        item.hints = replace(item.hints, replicate=number.upper(), extra=tuple(extra.items()))


def counts(read: Sequence[NameParts]) -> None:
    """ "n=3" is the replicate where it changes and nothing else is one; else it counts replicates, and is left off."""
    numbers = {dict(item.hints.extra).get("n", "") for item in read}
    replicates = len(numbers - {""}) > 1 and not any(item.hints.replicate for item in read)
    for item in read:
        extra = dict(item.hints.extra)
        number = extra.pop("n", "")
        if not number:
            continue
        own = number if replicates else item.hints.replicate
        item.hints = replace(item.hints, replicate=own, extra=tuple(extra.items()))
        item.left += [] if replicates else [f"n={number}"]


def shared_words(read: Sequence[NameParts]) -> list[str]:
    """The first words that all names share, where something is left of each that tells groups apart."""
    if len(read) < _LEAST_SHARED:
        return []
    shared: list[str] = []
    for words in zip(*(item.words for item in read), strict=False):
        if len({word.casefold() for word in words}) > 1:
            break
        shared.append(words[0])
    rest = {" ".join(item.words[len(shared) :]).casefold() for item in read}
    return shared if len(rest) > 1 and all(any(map(_names_group, left.split())) for left in rest) else []


def _names_group(word: str) -> bool:
    """Numbers, single letters and wells tell samples apart, not groups: of "NT3 1" and "NT3 2" the group is left."""
    return not (word.isdecimal() or len(word) == 1 or WELL.match(word))


def letters(read: Sequence[NameParts]) -> dict[int, str]:
    """A last letter A to H that tells samples of one group and time apart is their replicate, where that is plausible.

    It is where it stands apart from the words of the group ("NT3 day1 A"). Beside them ("Hepatitis A") it is taken
    where several groups have the same letters, and asked about; where there is one group only, it stays in its name.

    Returns:
        place of a name -> its group with the letter, where somebody must be asked.
    """
    alike: dict[tuple[str, float | None, str], list[int]] = defaultdict(list)
    for place, item in enumerate(read):
        if len(item.words) > 1 and _LETTER.match(item.words[-1]) and not item.hints.replicate:
            key = (" ".join(item.words[:-1]).casefold(), item.hints.time_h, dict(item.hints.extra).get("dose", ""))
            alike[key].append(place)
    letters: dict[str, set[str]] = defaultdict(set)
    for (stem, _, _), places in alike.items():
        letters[stem] |= {read[place].words[-1].upper() for place in places}
    if max((len(found) for found in letters.values()), default=0) < 2:
        return {}
    apart = any(read[place].apart for places in alike.values() for place in places)
    same = len(letters) > 1 and len(set(map(frozenset, letters.values()))) == 1
    if not apart and not same:
        return {}
    asked = {}
    for place in (place for places in alike.values() for place in places):
        item = read[place]
        if not apart:
            asked[place] = " ".join(item.words)
        letter = item.words.pop().upper()
        item.hints = replace(item.hints, replicate=letter, said=(*item.hints.said, "replicate"))
    return asked

"""Channels that names say otherwise than by ``_Ch1``: ``cell_3_BF``, ``cell_3_c0``, ``C1-cell_3``, folders BF and GFP.

A mark alone proves nothing: "NT3_c1" may be a cell. So marks are believed where the same names come with several of
them, or where one of them is a word for brightfield.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

BRIGHTFIELD_WORDS = frozenset(
    {
        "bf",
        "brightfield",
        "bright field",
        "bright-field",
        "phase",
        "phasecontrast",
        "phase contrast",
        "ph",
        "ph1",
        "ph2",
    }
    | {"dic", "trans", "transmitted", "transmission", "tl", "td", "hellfeld", "durchlicht", "pc"}
    # French, Spanish, Portuguese, Italian, Dutch, Chinese, Japanese, Russian.
    | {"fond clair", "champ clair", "contraste de phase", "campo claro", "campo chiaro", "helderveld"}
    | {"phasenkontrast", "明场", "明視野", "светлое поле"}
)
_STAINS = frozenset(
    {
        "gfp",
        "egfp",
        "rfp",
        "yfp",
        "cfp",
        "mcherry",
        "tdtomato",
        "dsred",
        "dapi",
        "hoechst",
        "draq5",
        "pi",
        "7aad",
        "sytox",
    }
    | {"fitc", "tritc", "cy3", "cy5", "cy7", "pe", "apc", "txred", "texas red", "texasred", "alexa488", "alexa568"}
    | {"alexa594", "alexa647", "af488", "af568", "af594", "af647", "488", "561", "568", "594", "640", "647", "405"}
    | {
        "gfap",
        "s100b",
        "aldh1l1",
        "tuj1",
        "tubb3",
        "map2",
        "neun",
        "dcx",
        "olig2",
        "o4",
        "mbp",
        "nestin",
        "sox2",
        "ki67",
    }
    | {
        "edu",
        "brdu",
        "calcein",
        "actin",
        "phalloidin",
        "sidescatter",
        "ssc",
        "fluo",
        "fluorescence",
        "red",
        "green",
        "blue",
    }
)
_WORDS = "|".join(sorted(map(re.escape, BRIGHTFIELD_WORDS | _STAINS), key=len, reverse=True))
_AT_END = re.compile(rf"^(.*?\w)[ _.\-]+({_WORDS}|(?:ch|channel|c|w)[ _\-]?0*\d{{1,3}})$", re.IGNORECASE)
_AT_START = re.compile(rf"^({_WORDS}|(?:ch|channel|c|w)[ _\-]?0*\d{{1,3}})[ _.\-]+(\w.*)$", re.IGNORECASE)
# A last word that is no known channel; believed where all names come with the same set of such words.
_ANY_WORD = re.compile(r"^(.*\w)[ _.\-]+([^\W\d_]{1,15})$")
_ANY_FIRST_WORD = re.compile(r"^([^\W\d_]{1,15})[ _.\-]+(\w.*)$")
_NUMBERED = re.compile(r"^(ch|channel|c|w)[ _\-]?0*(\d{1,3})$", re.IGNORECASE)
# Where nothing else is marked, these are as likely a positive control or a phase of the cell cycle.
_UNSURE_ALONE = frozenset({"pc", "ph", "ph1", "ph2", "td", "tl", "trans"})
_CELL_NUMBER = re.compile(r"^(.*?)[ _.\-#]*(\d{1,15})$")
# Of the names of a sample, so many may come in one channel alone; and numbers are channels up to this many.
_MOST_ALONE = 0.5
_MOST_CHANNELS = 16
# Fewer names may differ in a word by chance.
_LEAST_SETS = 3


@dataclass(frozen=True)
class Marked:
    """A name without its channel: what it is the image of, and the channel."""

    core: str
    channel: str


def channel_name(mark: str) -> str:
    """A mark as the name of a channel: "Ch1" for ch1 and channel001, "C0" for c0, others as they are written."""
    match = _NUMBERED.match(mark.strip())
    if match is None:
        return mark.strip()
    letters = match[1].casefold()
    return f"{'Ch' if letters in ('ch', 'channel') else letters.upper()}{int(match[2])}"


def is_channel_word(text: str) -> bool:
    """Whether a folder may be a channel by its name."""
    plain = text.strip().casefold()
    return plain in BRIGHTFIELD_WORDS or plain in _STAINS or _NUMBERED.match(plain) is not None


def is_certain(channels: Collection[str]) -> bool:
    """Whether folders with these names hardly are anything but channels: clones and wells are called C1, too."""
    words = [name.strip().casefold() for name in channels]
    return any(word in BRIGHTFIELD_WORDS or word.startswith("ch") for word in words)


def is_stain(channel: str) -> bool:
    """Whether a channel is called by a stain or marker."""
    return channel.strip().casefold() in _STAINS


def says_brightfield(channel: str) -> bool:
    """Whether a channel is called brightfield."""
    return channel.strip().casefold() in BRIGHTFIELD_WORDS


def _surely_brightfield(channel: str) -> bool:
    """ "pc" beside "neg" is rather a positive control."""
    return says_brightfield(channel) and channel.strip().casefold() not in _UNSURE_ALONE


def marked_names(stems: Collection[str]) -> dict[str, Marked]:
    """Names of one sample with their channels; empty where the names do not come in channels.

    Args:
        stems: file names without suffix.
    """
    best: dict[str, Marked] = {}
    for pattern, core_first in ((_AT_END, True), (_AT_START, False)):
        found = {}
        for stem in stems:
            match = pattern.match(stem)
            if match is not None:
                core, mark = (match[1], match[2]) if core_first else (match[2], match[1])
                found[stem] = Marked(core, channel_name(mark))
        found |= _bare(stems, found)
        found |= _beside(stems, found, core_first)
        if len(found) > len(best) and _believed(found):
            best = found
    return best or _sets_of_words(stems)


def _bare(stems: Collection[str], found: Mapping[str, Marked]) -> dict[str, Marked]:
    """ "cell_3" beside "cell_3_GFP" or "cell_3_BF" is another channel of the same cell."""
    if not any(is_stain(item.channel) or _surely_brightfield(item.channel) for item in found.values()):
        return {}
    cores = {item.core.casefold() for item in found.values()}
    return {stem: Marked(stem, "Ch1") for stem in stems if stem not in found and stem.casefold() in cores}


def _beside(stems: Collection[str], found: Mapping[str, Marked], core_first: bool) -> dict[str, Marked]:
    """ "cell_3_tubulin" beside "cell_3_BF" is another channel of the same cell, whatever the word is."""
    cores = {item.core.casefold() for item in found.values() if _surely_brightfield(item.channel)}
    others = {}
    for stem in stems if cores else ():
        match = None if stem in found else (_ANY_WORD if core_first else _ANY_FIRST_WORD).match(stem)
        if match is not None:
            core, word = (match[1], match[2]) if core_first else (match[2], match[1])
            if core.casefold() in cores:
                others[stem] = Marked(core, word)
    return others


def unmarked(stem: str, channel: str) -> str:
    """A name in a folder that is a channel, without the channel: "cell_3" for "cell_3_bf" in BF."""
    for pattern, core, mark in ((_AT_END, 1, 2), (_AT_START, 2, 1)):
        match = pattern.match(stem)
        if match is not None and channel_name(match[mark]).casefold() == channel_name(channel).casefold():
            return match[core]
    return stem


def _sets_of_words(stems: Collection[str]) -> dict[str, Marked]:
    """Names that differ in a last word, the same words for every one of them: "cell_3_stain", "cell_3_light"."""
    found = {stem: Marked(match[1], match[2]) for stem in stems if (match := _ANY_WORD.match(stem))}
    words: dict[str, set[str]] = defaultdict(set)
    for item in found.values():
        words[item.core.casefold()].add(item.channel.casefold())
    sets = {frozenset(own) for own in words.values()}
    full = len(sets) == 1 and len(found) == len(stems) and len(words) >= _LEAST_SETS
    return found if full and 1 < len(next(iter(sets))) <= _MOST_CHANNELS else {}


def _believed(found: Mapping[str, Marked]) -> bool:
    by_core: dict[str, set[str]] = defaultdict(set)
    for item in found.values():
        by_core[item.core.casefold()].add(item.channel)
    named = {item.channel.casefold() for item in found.values()}
    if named & BRIGHTFIELD_WORDS and (len(named) > 1 or not named <= _UNSURE_ALONE):
        return True
    alone = sum(len(channels) == 1 for channels in by_core.values())
    channels = len({item.channel for item in found.values()})
    # "NT3_c1" to "NT3_c50" are cells of one sample.
    return len(by_core) > 1 and alone <= _MOST_ALONE * len(by_core) and 1 < channels <= _MOST_CHANNELS


def cell_numbers(cores: Iterable[str]) -> dict[str, tuple[str, int]] | None:
    """Prefix and object number of each name, where all end with a number; None else."""
    numbers = {}
    for core in cores:
        match = _CELL_NUMBER.match(core)
        if match is None:
            return None
        numbers[core] = (match[1].rstrip("_- ."), int(match[2]))
    return numbers

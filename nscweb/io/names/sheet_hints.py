"""Hints for the sample sheet out of a sample's name: inducer group, time, replicate, donor, control."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nscweb.core.samples import Sample
from nscweb.core.timepoint import TimePoint

_TIME = re.compile(r"^(\d+(?:[.,]\d+)?)(h|hr|hrs|hours?|d|days?)$", re.IGNORECASE)
_DAY_FIRST = re.compile(r"^(?:d|day)(\d+(?:[.,]\d+)?)$", re.IGNORECASE)
# `a_1d1` of Zhu et al. 2021: "day 1, replicate 1" is an assumption (FACTS section 2), shown and editable.
_TIME_REPLICATE = re.compile(r"^(\d+(?:[.,]\d+)?)(h|d)(\d+)$", re.IGNORECASE)
# A lone r needs a number after it: "RA" is retinoic acid.
_REPLICATE = re.compile(r"^(?:(?:replicate|rep)[-.#]?(?=\d|[a-d]$)|r[-.#]?(?=\d))(\d+|[a-d])$", re.IGNORECASE)
_DONOR = re.compile(r"^(?:donor|patient|animal|mouse|rat)[-.#]?(\w+)$", re.IGNORECASE)
_CONTROL = frozenset({"control", "ctrl", "ctl", "untreated", "vehicle"})
_SPLIT = re.compile(r"[_\s]+")


@dataclass(frozen=True)
class SampleHints:
    """What a name says; empty where it says nothing."""

    group: str = ""
    time_h: float | None = None
    replicate: str = ""
    donor: str = ""
    control: bool = False

    def sample(self, name: str, true_class: str = "", cells: int = 0) -> Sample:
        """A sample with these values filled in."""
        return Sample(
            name,
            group=self.group,
            time_h=self.time_h,
            replicate=self.replicate,
            donor=self.donor,
            control=self.control,
            true_class=true_class,
            cells=cells,
        )


def parse_sample_hints(name: str, prefix: str = "") -> SampleHints:
    """Read "RA_1d_rep2", "NT3/3d/r1", "RA+SHH_12h_rep1", "astrocyte-medium_0.5d_rep2", "a_1d1".

    Folders are read from the innermost outwards, each filling what is still open, so that the name of a study
    around all folders ("Experiment 7/RA_1d_rep2") does not get into the group.

    Args:
        name: of the sample, usually its folder.
        prefix: of its file names, asked where the folder says neither time nor replicate.
    """
    found = SampleHints()
    for part in reversed(name.split("/")):
        found = _merged(found, _parse_part(part))
    if prefix and found.time_h is None and not found.replicate:
        named = _parse_part(prefix)
        if named.time_h is not None or named.replicate:
            return _merged(named, found)
    return found


def _merged(first: SampleHints, second: SampleHints) -> SampleHints:
    return SampleHints(
        first.group or second.group,
        second.time_h if first.time_h is None else first.time_h,
        first.replicate or second.replicate,
        first.donor or second.donor,
        first.control or second.control,
    )


def _parse_part(name: str) -> SampleHints:
    """One folder or prefix; what says a thing twice is believed the first time, the rest names the group."""
    tokens = _join_units([token for token in _SPLIT.split(name) if token])
    time_h: float | None = None
    replicate = donor = ""
    control = False
    group: list[str] = []
    for position, token in enumerate(tokens):
        both = _TIME_REPLICATE.match(token)
        hours = _hours(f"{both[1]}{both[2]}" if both else token)
        if hours is not None:
            time_h = hours if time_h is None else time_h
            if both and not replicate:
                replicate = both[3]
        elif match := _REPLICATE.match(token):
            replicate = replicate or match[1].upper()
        elif match := _DONOR.match(token):
            donor = donor or match[1]
        elif token.isdecimal() and time_h is not None and not replicate and position == len(tokens) - 1:
            replicate = token  # NT3_3d_1
        elif token not in group:
            control = control or token.casefold() in _CONTROL
            group.append(token)
    return SampleHints(_group_name(group), time_h, replicate, donor, control)


def _hours(token: str) -> float | None:
    if not (_TIME.match(token) or _DAY_FIRST.match(token)):
        return None
    try:
        return TimePoint.parse(token).hours
    except ValueError:
        return None


def _join_units(tokens: list[str]) -> list[str]:
    """ "day 3" and "12 h" come apart at the space: join the word and its number again."""
    joined: list[str] = []
    for token in tokens:
        before = joined[-1].casefold() if joined else ""
        words = before in ("day", "rep", "replicate", "donor") and re.fullmatch(r"\d+(?:[.,]\d+)?", token)
        units = token.casefold() in ("h", "hours", "d", "days") and re.fullmatch(r"\d+(?:[.,]\d+)?", before)
        if words or units:
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _group_name(tokens: list[str]) -> str:
    text = " ".join(tokens)
    # "astrocyte-medium" is written with a space everywhere else; "LDH-NT3" is a name of its own.
    return re.sub(r"-(?=medium\b)", " ", text, flags=re.IGNORECASE)

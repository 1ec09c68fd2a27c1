"""Doubts about names that can be read in two ways: several samples in one, a last letter, short words such as D3."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

from nscweb.core.look_alikes import look
from nscweb.core.samples import Sample
from nscweb.io.names.wells import WELL, well_name
from nscweb.io.sheets.sheet_values import before_date
from nscweb.services.study.import_request import APART, LETTERS, NAMES
from nscweb.services.study.understood.cut_again import name_of_parts
from nscweb.services.study.understood.doubts import NAMED, Change, Doubt, Seen, time_words
from nscweb.words.numbers import count, listed

_LETTER = re.compile(r"^(.*\S)[\s_.#-]+([A-Ha-h])$")
# "NT3 1", "Kontrolle WH1", "NT3 B02", "NT3 II"; not "NT3" itself.
_END_NUMBER = re.compile(r"^(.*\S)[\s_.#-]+(?:[^\W\d_]{2,15}[.#-]?)?([^\W\d_]?\d{1,3}|I{1,3}|I?V|VI{1,3})$")
_SHORT = re.compile(r"^([A-Z])(\d{1,2})$")
_DAY_OR_WELL = re.compile(r"^(?:.*[\s_-])?([DJ])(\d{1,2})$")
# So many wells of a row, one after the other, are rarely days of one group.
_LEAST_RUN = 4


def _apart(seen: Seen) -> list[Doubt]:
    apart = seen.info.get(NAMES, {}).get(APART, {})
    if not apart:
        return []
    sample, found = next(iter(apart.items()))
    names = [name or sample for name in found["names"]]
    file, name = found["example"]
    more = f" So do those of {count(len(apart) - 1, 'more sample')}." if len(apart) > 1 else ""
    sentence = (
        f"The files of {sample!r} differ in more than their number: {file!r} belongs to {name!r}. They may be "
        f"{count(len(names), 'sample')} ({listed(names, NAMED)}) and were taken as one.{more}"
    )
    if seen.info.get("fields"):
        return [Doubt("apart", sentence, way="If they are several, put each into a folder and import them again.")]
    changes = tuple(
        Change(sample, "sample", sample, f"{own or sample}: {count(images, 'image')}" if images else own or sample)
        for sample, found in apart.items()
        for own, images in found["names"].items()
    )
    way = f"The samples become a study of their own, {name_of_parts(seen.study)!r}; this one stays."
    return [Doubt("apart", sentence, f"They are {count(len(names), 'sample')}", changes, way, apart=True)]


def _letters(seen: Seen) -> list[Doubt]:
    """A last letter may be the replicate ("NT3 A") or belong to the group ("Hepatitis A")."""
    taken: Mapping[str, str] = seen.info.get(NAMES, {}).get(LETTERS, {})
    # What somebody corrected is not doubted any more.
    open_ = [item for item in seen.samples if _joined(item) == look(taken.get(item.name, ""))]
    if open_:
        groups = {look(taken[item.name]) for item in open_}
        example = taken[open_[0].name]
        sentence = f"The last letter of {count(len(open_), 'name')}, such as {example!r}, was taken as the replicate."
        changes = tuple(
            change
            for item in open_
            for change in (
                Change(item.name, "group", item.group, taken[item.name]),
                Change(item.name, "replicate", item.replicate, ""),
            )
        )
        return [Doubt("letters", sentence, f"The letter belongs to the group: {count(len(groups), 'group')}", changes)]
    return _ends_of_groups(seen, _LETTER, "letters", "letter")


def _numbers(seen: Seen) -> list[Doubt]:
    """ "Kontrolle WH1" beside "Kontrolle WH2": a last number that no table knows may be the replicate."""
    return _ends_of_groups(seen, _END_NUMBER, "numbers", "number")


def _joined(sample: Sample) -> str:
    return look(f"{sample.group} {sample.replicate}") if sample.group and sample.replicate else " "


def _ends_of_groups(seen: Seen, pattern: re.Pattern[str], kind: str, what: str) -> list[Doubt]:
    groups = {look(item.group) for item in seen.samples if item.group}
    ends: dict[str, set[str]] = defaultdict(set)
    parted = {item.name: match for item in seen.samples if not item.replicate and (match := pattern.match(item.group))}
    for match in parted.values():
        ends[_before_end(match)].add(match[2].upper())
    several = {before for before, found in ends.items() if len(found) > 1}
    own = [item for item in seen.samples if item.name in parted and _before_end(parted[item.name]) in several]
    if not own or len(groups) == len(seen.samples) >= _LEAST_RUN:
        return []  # where every group has one sample, that is asked about
    changes = tuple(
        change
        for item in own
        for change in (
            Change(item.name, "group", item.group, parted[item.name][1]),
            Change(item.name, "replicate", "", parted[item.name][2].upper()),
        )
    )
    names = listed(sorted({item.group for item in own}), NAMED)
    sentence = f"Groups differ in their last {what} only ({names}); it may be the replicate, or belong to the name."
    stems = count(len({look(parted[item.name][1]) for item in own}), "group")
    return [Doubt(kind, sentence, f"The last {what} is the replicate: {stems}", changes)]


def _before_end(match: re.Match[str]) -> str:
    return look(match.string[: match.start(2)])


def _short_names(seen: Seen) -> list[Doubt]:
    """ "D3", "J1", "T3" or "N2" and nothing else: a day, a time, a replicate, a well, or the name of a group."""
    own = [item for item in seen.samples if _SHORT.match(_last(item)) and not item.group]
    wells = [item for item in own if _is_well(item)]
    if not own or len(wells) >= _LEAST_RUN:
        return []
    example = own[0]
    read = {"time": time_words(example), "replicate": example.replicate, **dict(example.extra)}
    how = ", ".join(f"{title} {value}" for title, value in read.items() if value) or "nothing"
    sentence = f"Names such as {_last(example)!r} are short: it was read as {how}, and may be a well or a group."
    doubts = [Doubt("short_names", sentence, "They are names of groups", _instead(own, "group"))]
    if (
        not wells
        and all(WELL.match(_last(item)) for item in own)
        and len(own) == len({look(_last(item)) for item in own})
    ):
        doubts.insert(0, Doubt("short_wells", sentence, "They are wells of a plate", _instead(own, "well")))
    return doubts


def _one_row(seen: Seen) -> list[Doubt]:
    """Only row D of a plate is used: "RA D1" to "RA D12" look like days."""
    found = {item.name: match for item in seen.samples if (match := _DAY_OR_WELL.match(_last(item)))}
    own = [item for item in seen.samples if item.name in found and item.group and item.time_h is not None]
    columns = sorted(int(found[item.name][2]) for item in own)
    letters = {found[item.name][1] for item in own}
    run = columns == list(range(columns[0], columns[0] + len(columns))) if columns else False
    if len(own) < max(_LEAST_RUN, len(seen.samples)) or len(letters) > 1 or not run or _is_well(own[0]):
        return []
    first, last = (f"{found[own[0].name][1]}{column}" for column in (columns[0], columns[-1]))
    sentence = f"{first} to {last} were read as days; they may be wells of one row of a plate."
    return [Doubt("one_row", sentence, "They are wells of a plate", _instead(own, "well"))]


def _replicate_dates(seen: Seen) -> list[Doubt]:
    """Replicates that a spreadsheet made dates of: what they likely were, month first or day first."""
    before = {item.name: found for item in seen.samples if (found := before_date(item.replicate))}
    if not before:
        return []
    example = next(item for item in seen.samples if item.name in before)
    sentence = (
        f"{count(len(before), 'replicate')} are dates, such as {example.replicate} of {example.name!r}: a spreadsheet "
        "makes them of values such as 1/2 or 1-2."
    )
    doubts = []
    for place in range(max(map(len, before.values()))):
        changes = tuple(
            Change(item.name, "replicate", item.replicate, before[item.name][min(place, len(before[item.name]) - 1)])
            for item in seen.samples
            if item.name in before
        )
        offer = f"They were written as {before[example.name][min(place, len(before[example.name]) - 1)]}"
        kind = "replicate_dates" if place == 0 else "replicate_dates_day_first"
        doubts.append(Doubt(kind, sentence, offer, changes))
    return doubts


def _instead(samples: list[Sample], column: str) -> tuple[Change, ...]:
    """What was read of the last word goes, and the word itself comes into another column."""
    changes = []
    for item in samples:
        word = re.split(r"[\s_-]", _last(item))[-1]
        changes.append(Change(item.name, column, "", well_name(word) if column == "well" else word))
        if item.time_h is not None:
            changes.append(Change(item.name, "time", time_words(item), ""))
        elif item.replicate:
            changes.append(Change(item.name, "replicate", item.replicate, ""))
        changes += [
            Change(item.name, title, value, "")
            for title, value in item.extra
            if title in ("t", "well") and title != column
        ]
    return tuple(changes)


def _last(sample: Sample) -> str:
    return sample.name.rpartition("/")[2].strip()


def _is_well(sample: Sample) -> bool:
    return "well" in dict(sample.extra)


NAME_RULES: tuple[Callable[[Seen], list[Doubt]], ...] = (
    _apart,
    _letters,
    _numbers,
    _short_names,
    _one_row,
    _replicate_dates,
)

"""Sample names to rows of the sample sheet: by the table of words, by all names together, or by a pattern of the user.

Folders are read from the innermost outwards, each filling what is still open, so that the name of a study around all
folders ("Experiment 7/RA_1d_rep2") does not get into the group.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from nscweb.core.errors import WrongUse
from nscweb.core.look_alikes import plain_text
from nscweb.core.timepoint import TimePoint
from nscweb.io.names.name_parts import NameParts, SampleHints
from nscweb.io.names.name_words import is_control, longest_known, words_of
from nscweb.io.names.names_together import counts, experiments, letters, shared_words
from nscweb.io.names.wells import well_name, well_row, well_words

# Further columns of the sheet that a name may fill. "t": a time whose unit is not said.
FURTHER = ("dose", "date", "experiment", "t", "n", "well")
# A day, or a cell line such as D283 and J774.
_LINE = re.compile(r"^[dj]\d+$", re.IGNORECASE)
# Slashes that part no folders: "10 ng/mL", "11/05/2024".
_NOT_FOLDERS = re.compile(
    r"(?<=[\d\s][pnuµμm]g)/(?=(?:m?l|µl|ul)\b)|(?<=\dU)/(?=m?l\b)|(?<=\dg)/(?=m?l\b)|"
    r"(?<=\b\d\d)/(?=\d\d/20\d\d\b)|(?<=\b\d\d[/-]\d\d)/(?=20\d\d\b)",
    re.IGNORECASE,
)
MOST_REPLICATES = 20
# "110524" alone is rather a number.
_SHORT_DATE = 6
# Of a pattern of the user; names have fewer parts.
MOST_PATTERN_FIELDS, MOST_PATTERN_LENGTH = 20, 300
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class ReadNames:
    """All names of a study, read.

    Attributes:
        hints: of each name.
        example: the name that says most.
        rule: how names were read, in words, on the example.
        left_off: what all names, or the program that wrote them, have in common and that says nothing.
        strange: names that the pattern of the user does not fit.
        timed: several times of a name by the name; the first one was taken.
        letters: name -> its group with the last letter, where that was taken as the replicate and may not be one.
    """

    hints: tuple[SampleHints, ...]
    example: str = ""
    rule: str = ""
    left_off: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    timed: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    letters: Mapping[str, str] = field(default_factory=dict)


def parse_sample_hints(name: str, prefix: str = "") -> SampleHints:
    """Read one name: "RA_1d_rep2", "NT3/3d/r1", "Astrozytenmedium Tag 0,5 Wdh 1", "CNTF 50 ng-ml jour 5 n°2", "a_1d1".

    Args:
        name: of the sample, usually its folder.
        prefix: of its file names, asked where the folder says neither time nor replicate.
    """
    read = _parse_name(name, prefix)
    return replace(read.hints, group=_group_name(read.words))


def read_names(names: Sequence[tuple[str, str, str]], pattern: str = "") -> ReadNames:
    """Read the names of all samples of a study.

    What one name cannot say alone: the first words that all names share are left off; a letter at the end is a
    replicate where the same group and time has several; a number of an experiment is a replicate where it changes and
    nothing else is one.

    Args:
        names: (name, prefix of its files, well of a plate or "") of each sample.
        pattern: of the user, see `NameForm`; names that it does not fit are read by the table.

    Raises:
        WrongUse: a pattern that makes no sense.
    """
    form = NameForm(pattern) if pattern else None
    wells = _wells([name for name, _, _ in names])
    read = [_parse_name(name, prefix, well or own) for (name, prefix, well), own in zip(names, wells, strict=True)]
    counts(read)
    experiments(read)
    left = Counter(word for item in read for word in item.left)
    shared = shared_words(read)
    for item in read:
        item.words = item.words[len(shared) :]
    asked = {names[place][0]: group for place, group in letters(read).items()}
    hints, strange = [], []
    for (name, _, _), item in zip(names, read, strict=True):
        own = form.read(name) if form is not None else None
        if form is not None and own is None:
            strange.append(name)
        hints.append(own or replace(item.hints, group=_group_name(item.words)))
    left_off = tuple(dict.fromkeys([*([" ".join(shared)] if shared else []), *_common_folders(names), *left]))
    example, rule = _rule([name for name, _, _ in names], hints, form)
    timed = {name: hint.times for (name, _, _), hint in zip(names, hints, strict=True) if hint.times}
    return ReadNames(tuple(hints), example, rule, left_off, tuple(strange), timed, asked)


def _parse_name(name: str, prefix: str, well: str = "") -> NameParts:
    found = NameParts(SampleHints(extra=(("well", well_name(well)),) if well else ()), [])
    inner, *around = reversed(_NOT_FOLDERS.sub("-", plain_text(name)).split("/"))
    if around and inner.isdecimal() and int(inner) <= MOST_REPLICATES:
        # "RA/24h/2"; a larger number may be anything.
        found.hints = replace(found.hints, replicate=inner, said=("replicate",))
    else:
        found = _merged(found, _parse_part(inner, well))
    for part in around:
        found = _merged(found, _parse_part(part, well))
    if prefix and found.hints.time_h is None and not found.hints.replicate:
        named = _parse_part(plain_text(prefix))
        if named.hints.time_h is not None or named.hints.replicate:
            return _merged(named, found)
    return found


def _merged(first: NameParts, second: NameParts) -> NameParts:
    a, b = first.hints, second.hints
    known = dict(a.extra)
    hints = SampleHints(
        "",
        b.time_h if a.time_h is None else a.time_h,
        a.replicate or b.replicate,
        a.donor or b.donor,
        a.instrument or b.instrument,
        a.control or b.control,
        (*a.extra, *((title, value) for title, value in b.extra if title not in known)),
        tuple(dict.fromkeys((*a.said, *b.said))),
        _several(*(a.times or (a.time_h,)), *(b.times or (b.time_h,))),
    )
    own = first if first.words else second
    return NameParts(hints, own.words, [*first.left, *second.left], own.apart)


def _parse_part(part: str, well: str = "") -> NameParts:
    """One folder or prefix; what says a thing twice is believed the first time, the rest names the group."""
    words, left = words_of(part)
    words = [word for word in words if not well or well_name(word) != well_name(well)]
    values: dict[str, str | float] = {}
    said: list[str] = []
    group: list[str] = []
    times: list[float] = []
    lines: list[tuple[str, float]] = []
    known_at = group_at = -1
    apart = False
    position = 0
    while position < len(words):
        size, row, found = longest_known(words[position:])
        if found and not (row == "date" and len(words) == 1 and words[0].isdecimal() and len(words[0]) == _SHORT_DATE):
            known_at = position
            for item in found:
                if item.field == "time_h":
                    times.append(float(item.value))
                    if _LINE.match(words[position]):
                        lines.append((words[position], float(item.value)))
                values.setdefault(item.field, item.value)
            said.append(row)
            position += size
            continue
        word = words[position]
        last = position == len(words) - 1
        if word.isdecimal() and "time_h" in values and "replicate" not in values and last:
            values["replicate"] = word  # NT3_3d_1
            said.append("replicate")
        elif word not in group:
            apart = bool(group) and group_at < known_at
            group.append(word)
            group_at = position
        position += 1
    others = [hours for hours in times if hours not in [there for _, there in lines]]
    if lines and others:
        # "D283 24h": a cell line, and a time with its unit behind the number.
        group = [*(word for word, _ in lines if word not in group), *group]
        values["time_h"] = others[0]
        times = [*others, *(hours for _, hours in lines)]
    extra = tuple((title, str(values[title])) for title in FURTHER if title in values)
    time_h = values.get("time_h")
    hints = SampleHints(
        "",
        None if time_h is None else float(time_h),
        str(values.get("replicate", "")),
        str(values.get("donor", "")),
        str(values.get("instrument", "")),
        any(is_control(word) for word in group),
        extra,
        tuple(dict.fromkeys(said)),
        _several(*times),
    )
    if not group and "instrument" in values:
        # A name that is nothing but an instrument names a group by it.
        group, hints = [word for word in words if word not in values.values()][:1], replace(hints, instrument="")
    return NameParts(hints, group, [left] if left else [], apart)


def _several(*times: float | None) -> tuple[float, ...]:
    found = tuple(dict.fromkeys(hours for hours in times if hours is not None))
    return found if len(found) > 1 else ()


def _wells(names: Sequence[str]) -> list[str]:
    """The word of each name that is a well of a plate, "" for all where not every name has one.

    One row of a plate looks like days ("D1", "D2"); so wells of two rows or more are asked for.
    """
    found = well_words([words_of(plain_text(name).rpartition("/")[2])[0] for name in names])
    if not all(found) or len(names) < 2 or len(set(map(well_row, found))) < 2:
        return [""] * len(names)
    return found


def _common_folders(names: Sequence[tuple[str, str, str]]) -> list[str]:
    """The folders around all samples, where they add nothing."""
    if len(names) < 2:
        return []
    parts = [name.split("/")[:-1] for name, _, _ in names]
    common: list[str] = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return ["/".join(common)] if common else []


def _group_name(words: Sequence[str]) -> str:
    text = " ".join(words)
    # "astrocyte-medium" is written with a space everywhere else; "LDH-NT3" is a name of its own.
    return re.sub(r"-(?=medium\b)", " ", text, flags=re.IGNORECASE)


def _rule(names: Sequence[str], hints: Sequence[SampleHints], form: NameForm | None) -> tuple[str, str]:
    if not names:
        return "", ""
    best = max(range(len(names)), key=lambda place: (len(hints[place].said), -place))
    found = hints[best]
    parts = [f"group {found.group}"] if found.group else []
    if found.time_h is not None:
        parts.append(f"time {TimePoint(found.time_h).label()}")
    for title, value in (("replicate", found.replicate), ("donor", found.donor), *found.extra):
        parts += [f"{title} {value}"] if value else []
    how = f"by the pattern {form.pattern}" if form is not None else "by their words"
    said = ", ".join(parts) if parts else "nothing"
    return names[best], f"Names were read {how}: {names[best].rpartition('/')[2]!r} says {said}."


_FIELDS = {
    "group": r".+?",
    "hours": r"\d+(?:[.,]\d+)?",
    "day": r"\d+(?:[.,]\d+)?",
    "days": r"\d+(?:[.,]\d+)?",
    "time": r".+?",
    "rep": r"\w+?",
    "replicate": r"\w+?",
    "donor": r".+?",
    "dose": r".+?",
    "date": r".+?",
    "instrument": r".+?",
    "class": r".+?",
    "*": r".*?",
}

_SAME_FIELD = {"hours": "time", "day": "time", "days": "time", "replicate": "rep"}


class NameForm:
    """A pattern of the user such as ``{group}_{day}d_{rep}``, for the folder or prefix of a sample.

    Names in braces are fields: group, time (with its unit), hours, day, rep, donor, dose, date, instrument; ``{*}``
    is anything that says nothing. All else stands as it is; capitals and spaces do not matter.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern.strip()
        places = re.findall(r"\{([^{}]*)\}", self.pattern)
        unknown = [place for place in places if place.strip().casefold() not in _FIELDS]
        named = [place.strip().casefold() for place in places if place != "*"]
        # "days" is another word for "day", and of the times one is enough.
        meant = [_SAME_FIELD.get(name, name) for name in named]
        loose = set("{}") & set(re.sub(r"\{[^{}]*\}", "", self.pattern))
        if loose or unknown or not named or len(set(meant)) < len(meant):
            what = f"{{{unknown[0]}}} is no field" if unknown else "it names no field, or one of them twice"
            what = "a brace has no partner" if loose else what
            fields = ", ".join(f"{{{name}}}" for name in _FIELDS if name not in ("days", "replicate", "class"))
            raise WrongUse(
                f"The name pattern {pattern!r} cannot be used: {what}.",
                f"Write for example {{group}}_{{day}}d_{{rep}}; fields are {fields}.",
                "E-NAME-PATTERN",
            )
        if len(places) > MOST_PATTERN_FIELDS or len(self.pattern) > MOST_PATTERN_LENGTH:
            raise WrongUse(
                f"The name pattern has {len(places):,} fields and {len(self.pattern):,} characters; at most "
                f"{MOST_PATTERN_FIELDS} fields and {MOST_PATTERN_LENGTH} characters can be used.",
                "One {*} may stand for several parts of a name that say nothing.",
                "E-NAME-PATTERN",
            )
        self._levels = self.pattern.count("/") + 1
        self._parts: list[tuple[str, re.Pattern[str]]] = []
        for literal, place in re.findall(r"([^{}]*)(?:\{([^{}]*)\})?", self.pattern):
            if literal:
                text = re.sub(r"(?:\\?\s)+", r"\\s+", re.escape(literal))
                self._parts.append(("", re.compile(text, re.IGNORECASE)))
            name = place.strip().casefold()
            if name:
                self._parts.append((name, re.compile(_FIELDS[name])))

    def _fitted(self, text: str) -> dict[str, str] | None:
        """The text of each field, the earliest ones as short as can be; None where the pattern does not fit.

        A place from which the rest does not fit is tried once, so that many open fields take no longer than few.
        """
        failed: set[tuple[int, int]] = set()

        def fit(index: int, start: int) -> dict[str, str] | None:
            if index == len(self._parts):
                return {} if start == len(text) else None
            if (index, start) in failed:
                return None
            name, pattern = self._parts[index]
            for end in _ends(name, pattern, text, start):
                rest = fit(index + 1, end)
                if rest is not None:
                    return {name: text[start:end].strip(), **rest} if name else rest
            failed.add((index, start))
            return None

        return fit(0, 0)

    def read(self, name: str) -> SampleHints | None:
        """What a name says by this pattern; None where it does not fit, or its time cannot be understood."""
        tail = "/".join(plain_text(name).split("/")[-self._levels :])
        values = self._fitted(tail)
        if values is None:
            return None
        try:
            time_h = _time_of(values)
        except ValueError:
            return None
        extra = tuple((title, values[title]) for title in ("dose", "date") if values.get(title))
        group = values.get("group", "")
        return SampleHints(
            group,
            time_h,
            values.get("rep", values.get("replicate", "")),
            values.get("donor", ""),
            values.get("instrument", ""),
            any(is_control(word) for word in group.split()),
            extra,
            tuple(values),
        )


def _ends(name: str, pattern: re.Pattern[str], text: str, start: int) -> Iterable[int]:
    """Where a part of a pattern may end: numbers and text as late, all else as early as possible."""
    match = pattern.match(text, start)
    if match is None:
        return ()
    if not name or pattern.pattern.startswith(r"\d"):
        return (end for end in range(match.end(), start, -1) if pattern.fullmatch(text, start, end))
    if pattern.pattern.startswith(r"\w"):
        longest = _WORD.match(text, start)
        return range(start + 1, longest.end() + 1) if longest else ()
    return range(match.end(), len(text) + 1)


def _time_of(values: dict[str, str]) -> float | None:
    for title, unit in (("hours", "h"), ("day", "d"), ("days", "d")):
        if title in values:
            return TimePoint.parse(f"{values[title]} {unit}").hours
    return TimePoint.parse(values["time"]).hours if "time" in values else None

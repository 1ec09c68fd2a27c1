"""Which sample a row of a sheet means: its name, written as people and programs write names of files."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nscweb.core.look_alikes import look, plain_text
from nscweb.core.samples import Sample

_QUOTES = "'\"\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb\u00b4`"
_ENDING = re.compile(
    r"\.(?:zip|cif|rif|daf|fcs|ome\.tiff?|tiff?|png|jpe?g|bmp|np[yz]|rtdc|h5|hdf5|7z|rar|tar|gz|czi|nd2|lif|csv|txt)$",
    re.IGNORECASE,
)
_WELL = re.compile(r"^(?:well[ _-]?)?([A-P])[ _-]?0?(\d{1,2})$", re.IGNORECASE)

# What the last row of a table is called that adds the others up.
_TOTALS = frozenset(
    (
        *(
            "total",
            "totals",
            "grand total",
            "sum",
            "mean",
            "average",
            "n",
            "summe",
            "gesamt",
            "gesamtsumme",
            "mittelwert",
        ),
        *("somme", "total général", "moyenne", "suma", "media", "promedio", "合计", "总计", "总和", "平均"),
    )
)


@dataclass(frozen=True)
class Match:
    """Attributes:
    sample: position of the sample.
    way: how the names fit, "" when they are equal.
    """

    sample: int
    way: str = ""


def well_of(text: str) -> str:
    """A well as D3, however it is written (D03, d3, well D 3); "" when the text is none."""
    found = _WELL.match(plain_text(text))
    return f"{found[1].upper()}{int(found[2])}" if found else ""


def is_total(values: Sequence[str]) -> bool:
    """Whether the first value of a row says that it adds others up."""
    first = next((plain_text(value) for value in values if value.strip()), "")
    return first.casefold().rstrip(":") in _TOTALS


def match_rows(samples: Sequence[Sample], keys: Sequence[str]) -> list[Match | None]:
    """The sample of each key; None where none or several fit. What fits exactly is taken first."""
    matches: list[Match | None] = [None] * len(keys)
    open_rows = [row for row, key in enumerate(keys) if key]
    for way, key_of in _WAYS:
        if not open_rows:
            break
        table: dict[str, list[int]] = defaultdict(list)
        for position, sample in enumerate(samples):
            if text := key_of(sample.name):
                table[text].append(position)
        if way == _BY_WELL:
            _wells_of_the_sheet(samples, table)
        still_open = []
        for row in open_rows:
            fitting = table.get((_folder if way == _BY_FOLDER else key_of)(keys[row]), [])
            if way in (_BY_PATH, _BY_WELL) and fitting:
                fitting = _longest_path(keys[row], samples, fitting)
            if len(fitting) == 1:
                matches[row] = Match(fitting[0], way)
            elif not fitting:
                still_open.append(row)
        open_rows = still_open
    return matches


def ways_told(matches: Sequence[Match | None]) -> str:
    """ "by the last part of the path" for how rows were matched that were not by equal names, "" when all were."""
    counts = Counter(match.way for match in matches if match is not None and match.way)
    if not counts:
        return ""
    total = sum(match is not None for match in matches)
    if len(counts) == 1 and counts.total() == total:
        return next(iter(counts))
    return ", ".join(f"{count} of them {way}" for way, count in counts.most_common())


def _wells_of_the_sheet(samples: Sequence[Sample], table: dict[str, list[int]]) -> None:
    for position, sample in enumerate(samples):
        well = next((text for title, text in sample.extra if title.casefold() == "well"), "")
        if (key := well_of(well)) and position not in table[key]:
            table[key].append(position)


def _longest_path(key: str, samples: Sequence[Sample], fitting: Sequence[int]) -> list[int]:
    """Of samples with the same last part those whose folders fit as well; one alone fits whatever its folders are."""
    if len(fitting) == 1:
        return list(fitting)
    wanted = _with_well(_parts(key))
    found = []
    for position in fitting:
        parts = _with_well(_parts(samples[position].name))
        extra = {title.casefold(): text for title, text in samples[position].extra}
        if well := well_of(extra.get("well", "")):
            parts = [*_parts(extra.get("plate", "")), well.casefold()]
        shared = min(len(parts), len(wanted))
        if parts[-shared:] == wanted[-shared:]:
            found.append(position)
    return found or list(fitting)


def _with_well(parts: list[str]) -> list[str]:
    return [*parts[:-1], (well_of(parts[-1]) or parts[-1]).casefold()] if parts else []


def _folder(text: str) -> str:
    parts = _parts(text)
    return parts[-2] if len(parts) > 1 else ""


def _seen(text: str) -> str:
    return plain_text(plain_text(text).strip(_QUOTES))


def _without_ending(text: str) -> str:
    name = _seen(text).replace("\\", "/").rstrip("/")
    while (shorter := _ENDING.sub("", name)) != name:
        name = shorter
    return name.casefold()


def _parts(text: str) -> list[str]:
    return [part.strip() for part in _without_ending(text).split("/") if part.strip(" .")]


def _last_part(text: str) -> str:
    parts = _parts(text)
    return parts[-1] if parts else ""


def _well(text: str) -> str:
    return well_of(_last_part(text))


def _as_number(text: str) -> str:
    last = _last_part(text)
    return str(int(last)) if last.isascii() and last.isdigit() and len(last) < 10 else ""


_BY_PATH, _BY_WELL, _BY_FOLDER = "by the last part of the path", "by the well", "by the folder of the file"
_WAYS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("", str),
    ("apart from spaces, quotes and forms of letters", _seen),
    ("apart from capitals", lambda text: _seen(text).casefold()),
    ("without the ending of the file", _without_ending),
    (_BY_PATH, _last_part),
    ("apart from spaces and dashes", lambda text: look(_last_part(text))),
    (_BY_WELL, _well),
    (_BY_FOLDER, _last_part),
    ("as a number (001 is 1)", _as_number),
)

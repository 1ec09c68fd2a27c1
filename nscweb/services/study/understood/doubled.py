"""Fewer objects than images: names of files that number each object twice, or two samples with the same names.

Names alone prove nothing, because samples may be numbered alike. So images of one number are compared: the same picture
in another format, a mask, or another channel of the same cell.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nscweb.io.names.brightfield import looks_stained
from nscweb.io.names.file_names import stem_of, suffix_of
from nscweb.store.cell_files import CellFile

if TYPE_CHECKING:
    from nscweb.core.samples import Study
    from nscweb.services.context import App

# Where the catalogue keeps what was found.
DOUBLED = "doubled"
Kind = Literal["same", "mask", "channel"]
_NUMBER = re.compile(r"\d+(?=\D*$)")
_CHANNEL = re.compile(r"[ _.-]*ch(?:annel)?[ _-]?\d+$", re.IGNORECASE)
_PARTS = re.compile(r"[/ _.-]+")
_LEAST_OBJECTS = 3
# Of the object numbers so many must be there twice.
_MOST = 0.9
# Of all samples together, 6 µs each; larger ones come from instruments, whose names say object and channel.
_MOST_IMAGES, _MOST_SAMPLES = 100_000, 100
_LOOKS = 6
_SAME_FROM = 0.9
_VALUES_OF_MASKS = 3
_MOST_PAIRS = 200


@dataclass(frozen=True)
class Doubled:
    """Images that come twice.

    Attributes:
        kind: what the second image of an object is.
        samples: the sample, or the two, that hold them.
        objects, images: how many there are.
        first, second: names of two files of one object, the one that is to stay first.
    """

    kind: Kind
    samples: tuple[str, ...]
    objects: int
    images: int
    first: str
    second: str


@dataclass(frozen=True)
class Paired:
    """The same with the images themselves.

    Attributes:
        found: what is said of them.
        stay, other: (sample, row) of the image of each object that stays, and of its other one.
    """

    found: Doubled
    stay: tuple[tuple[str, int], ...]
    other: tuple[tuple[str, int], ...]


def find_doubled(app: App, study: Study) -> list[Paired]:
    """Samples of a study with fewer objects than images, and pairs of samples that hold the same objects."""
    keys = app.catalogue.sample_keys(study.study_id)
    files = {}
    room = _MOST_IMAGES
    for sample in study.samples[:_MOST_SAMPLES]:
        if 0 < sample.cells <= room:
            room -= sample.cells
            path = app.folder.cells_path(study.study_id, keys[sample.name])
            with CellFile(path) as cells:
                files[sample.name] = _Files(path, study.channel, [str(source) for source in cells.sources()])
    found = [paired for name, own in files.items() if (paired := _inside(name, own) or _in_turn(name, own)) is not None]
    taken = {sample for paired in found for sample in paired.found.samples}
    for one, two in _pairs({name: own for name, own in files.items() if name not in taken}):
        if one in taken or two in taken:
            continue
        paired = _across(one, files[one], two, files[two])
        if paired is not None:
            found.append(paired)
            taken |= {one, two}
    return found


class _Files:
    """Names of the images of a sample, and some of their pixels."""

    def __init__(self, path: Any, channel: str, sources: Sequence[str]) -> None:
        self._path, self._channel = path, channel
        self.names = [source.rpartition("/")[2] for source in sources]
        self.by_number: dict[str, list[int]] = defaultdict(list)
        # The name of each file without its number.
        self.forms: list[str] = []
        for row, name in enumerate(self.names):
            stem = stem_of(name)
            # "cell_5_Ch1": what stands before the channel.
            mark = _CHANNEL.search(stem)
            found = _NUMBER.search(stem[: mark.start()] if mark else stem)
            self.forms.append(stem + suffix_of(name))
            if found:
                self.forms[-1] = f"{stem[: found.start()]}#{stem[found.end() :]}{suffix_of(name)}"
                self.by_number[found[0].lstrip("0") or "0"].append(row)

    def images(self, rows: Sequence[int]) -> list[NDArray[Any]]:
        with CellFile(self._path) as cells:
            found = [cells.images(self._channel, row, row + 1)[0] for row in rows]
        return [np.asarray(image[0]) for image in found if image is not None]


def _inside(sample: str, files: _Files) -> Paired | None:
    """Two or more forms of names for nearly every number of one sample."""
    numbers = files.by_number
    several = Counter(len(rows) for rows in numbers.values() if len(rows) > 1)
    if not several:
        return None
    ((times, objects),) = several.most_common(1)
    # Names without a number, and numbers that come more or less often, speak against it.
    if objects < max(_LEAST_OBJECTS, _MOST * len(numbers)) or times * objects < _MOST * len(files.names):
        return None
    sets = [rows for rows in numbers.values() if len(rows) == times]
    columns = list(zip(*(sorted(rows, key=lambda row: (files.forms[row], row)) for rows in sets), strict=True))
    if any(len({files.forms[row] for row in column}) > 1 for column in columns):
        return None
    looked = [files.images(column[:_LOOKS]) for column in columns]
    for one, two in combinations(range(times), 2):
        kind = _kind(looked[one], looked[two])
        if kind is None:
            continue
        stay, other = (two, one) if _second_stays(kind, looked[one], looked[two]) else (one, two)
        first, second = files.names[columns[stay][0]], files.names[columns[other][0]]
        found = Doubled(kind, (sample,), len(numbers), len(files.names), first, second)
        return Paired(found, *(tuple((sample, row) for row in columns[place]) for place in (stay, other)))
    return None


def _in_turn(sample: str, files: _Files) -> Paired | None:
    """Images that are numbered through, a cell and its other image in turn: each of them is looked at by itself."""
    if len(files.names) % 2 or len(files.names) < 2 * _LEAST_OBJECTS:
        return None
    ones, twos = range(0, len(files.names), 2), range(1, len(files.names), 2)
    step = max(1, len(ones) // _LOOKS)
    looked = files.images(ones[::step]), files.images(twos[::step])
    kinds = {_kind([one], [two]) for one, two in zip(*looked, strict=False)}
    if len(looked[0]) != len(looked[1]) or len(kinds) != 1:
        return None
    kind = kinds.pop()
    # Which of the two is which must not change from pair to pair; a cell that looks like the next one proves nothing.
    if (
        kind not in ("mask", "channel")
        or len({_second_stays(kind, [a], [b]) for a, b in zip(*looked, strict=True)}) > 1
    ):
        return None
    stay, other = (twos, ones) if _second_stays(kind, *looked) else (ones, twos)
    found = Doubled(kind, (sample,), len(ones), len(files.names), files.names[stay[0]], files.names[other[0]])
    return Paired(found, *(tuple((sample, row) for row in rows) for rows in (stay, other)))


def _pairs(files: Mapping[str, _Files]) -> Iterator[tuple[str, str]]:
    """Samples whose files have the same names but for the ending, and whose own names differ in one word at most."""
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for name, own in files.items():
        if len(own.names) >= _LEAST_OBJECTS:
            alike[frozenset(stem_of(file) for file in own.names)].append(name)
    number = 0
    for names in alike.values():
        for one, two in combinations(names, 2):
            parts = _PARTS.split(one), _PARTS.split(two)
            differ = sum(a != b for a, b in zip(*parts, strict=False)) + abs(len(parts[0]) - len(parts[1]))
            if differ <= 1 and number < _MOST_PAIRS:
                number += 1
                yield one, two


def _across(one: str, mine: _Files, two: str, theirs: _Files) -> Paired | None:
    rows = {stem_of(name): row for row, name in enumerate(theirs.names)}
    ones = [(one, row) for row in range(len(mine.names))]
    twos = [(two, rows[stem_of(name)]) for name in mine.names]
    looked = mine.images([row for _, row in ones[:_LOOKS]]), theirs.images([row for _, row in twos[:_LOOKS]])
    kind = _kind(*looked)
    if kind is None:
        return None
    first, second = f"{one}/{mine.names[0]}", f"{two}/{theirs.names[twos[0][1]]}"
    if _second_stays(kind, *looked):
        ones, twos, first, second = twos, ones, second, first
    found = Doubled(kind, (ones[0][0], twos[0][0]), len(ones), len(ones) + len(twos), first, second)
    return Paired(found, tuple(ones), tuple(twos))


def _second_stays(kind: Kind, ones: Sequence[NDArray[Any]], twos: Sequence[NDArray[Any]]) -> bool:
    """Of a cell and its mask the cell, of two channels brightfield, of two pictures the one of more grey levels."""
    if kind == "mask":
        return _are_masks(ones)
    if kind == "channel":
        return looks_stained("", ones)
    return len(np.unique(ones[0])) < len(np.unique(twos[0]))


def _kind(ones: Sequence[NDArray[Any]], twos: Sequence[NDArray[Any]]) -> Kind | None:
    """What images are to others of the same objects, pair by pair; None when they may be other cells."""
    if not ones or len(ones) != len(twos):
        return None
    if _are_masks(ones) != _are_masks(twos):
        return "mask"
    # An image whose frame was cut off, or a channel of another size, cannot be laid over the other.
    pairs = [(one, two) for one, two in zip(ones, twos, strict=True) if one.shape == two.shape]
    if 2 * len(pairs) >= len(ones) and all(_alike(one, two) for one, two in pairs):
        return "same"
    return "channel" if looks_stained("", ones) != looks_stained("", twos) else None


def _are_masks(images: Sequence[NDArray[Any]]) -> bool:
    return all(1 < len(np.unique(image)) <= _VALUES_OF_MASKS for image in images)


def _alike(one: NDArray[Any], two: NDArray[Any]) -> bool:
    """The same picture at any depth, gain and offset (correlation of the grey values)."""
    a, b = (image.astype(np.float64) - image.mean() for image in (one, two))
    spread = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return spread > 0 and float((a * b).sum()) / spread >= _SAME_FROM

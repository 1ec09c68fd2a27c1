"""The index of a survey: which file is which channel of which cell, in columns and not in objects.

A million files cost about 30 MB here; as Python objects they would cost a gigabyte.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nscweb.io.names.file_names import natural_key

# Channel given to images whose name has none; shown, and changeable like any other.
UNNAMED_CHANNEL = "Ch1"
_COLUMNS = ("sample", "prefix", "number", "channel", "source", "member")


@dataclass(frozen=True)
class FileRows:
    """Files of one sample, sorted so that the channels of a cell stand together.

    Attributes:
        cell: (F,) number of the cell within the sample, from 0.
        object_number: (F,) as the instrument numbered it.
        channel: (F,) position in the survey's channels.
        source, member: (F,) where the bytes are.
    """

    cell: NDArray[np.int64]
    object_number: NDArray[np.int64]
    channel: NDArray[np.int32]
    source: NDArray[np.int32]
    member: NDArray[np.int64]

    @property
    def cells(self) -> int:
        return int(self.cell[-1]) + 1 if len(self.cell) else 0


class IndexBuilder:
    """Takes one file after the other and sorts them into samples and cells at the end."""

    def __init__(self) -> None:
        self._values = array("q")
        self._samples: dict[tuple[int, str], int] = {}
        self._prefixes: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        # What was seen in exactly these letters, so that letters are folded once and not for every file.
        self._places: dict[tuple[int, str, bool], int] = {}
        self._spellings: dict[str, int] = {}
        self._pairs: set[tuple[int, int]] = set()
        self._moved: dict[tuple[int, int], int] = {}
        self.sample_names: list[tuple[int, str]] = []
        self.in_folder: set[int] = set()
        self.unnamed = 0

    def add(self, place: tuple[int, str, bool], prefix: str, number: int | None, channel: str, member: int) -> None:
        """One image file. Samples and prefixes that differ only in case are the same.

        Args:
            place: (source, sample, True when a folder and not a prefix names the sample).
        """
        if number is None:
            self.unnamed += 1
            prefix, number, channel = "", -1, UNNAMED_CHANNEL
        self.add_known(self.ids(place, prefix, channel, numbered=number >= 0), number, place[0], member)

    def ids(
        self, place: tuple[int, str, bool], prefix: str, channel: str, *, numbered: bool = True
    ) -> tuple[int, int, int]:
        """What `add_known` takes, for all files that share place, prefix and channel."""
        position = self._places.get(place)
        if position is None:
            position = self._new_place(place)
        prefix_id = self._spellings.get(prefix)
        if prefix_id is None:
            prefix_id = self._prefixes.setdefault(prefix.casefold(), len(self._prefixes))
            self._spellings[prefix] = prefix_id
        if numbered:
            self._pairs.add((position, prefix_id))
        channel_id = self._channels.get(channel)
        if channel_id is None:
            channel_id = self._channels[channel] = len(self._channels)
        return position, prefix_id, channel_id

    def add_known(self, ids: tuple[int, int, int], number: int, source: int, member: int) -> None:
        """One image file whose place, prefix and channel are known; `add` in short."""
        self._values.extend((ids[0], ids[1], number, ids[2], source, member))

    def _new_place(self, place: tuple[int, str, bool]) -> int:
        source, sample, in_folder = place
        position = self._samples.setdefault((source, sample.casefold()), len(self.sample_names))
        if position == len(self.sample_names):
            self.sample_names.append((source, sample))
        if in_folder:
            self.in_folder.add(position)
        self._places[place] = position
        return position

    def only_prefixes(self) -> dict[int, str]:
        """Sample -> the prefix of its file names, for samples whose files all have the same one."""
        spelled: dict[int, str] = {}
        for spelling, prefix_id in self._spellings.items():
            spelled.setdefault(prefix_id, spelling)
        mixed = self.mixed_samples()
        return {position: spelled[prefix] for position, prefix in self._pairs if position not in mixed}

    def mixed_samples(self) -> frozenset[int]:
        """Samples whose files have several prefixes."""
        counts = Counter(position for position, _ in self._pairs)
        return frozenset(position for position, count in counts.items() if count > 1)

    def mixed_prefixes(self) -> dict[int, dict[str, int]]:
        """Samples whose files have several prefixes -> the prefixes, as they were written first, and their numbers."""
        spelled: dict[int, str] = {}
        for spelling, prefix_id in self._spellings.items():
            spelled.setdefault(prefix_id, spelling)
        mixed: dict[int, dict[str, int]] = {position: {} for position in sorted(self.mixed_samples())}
        for position, prefix_id in sorted(self._pairs):
            if position in mixed:
                mixed[position][spelled[prefix_id]] = prefix_id
        return mixed

    def split(self, position: int, names: dict[int, str], *, in_folder: bool) -> None:
        """Give files of a sample with some prefixes (by their numbers) to samples of their own, called so."""
        source = self.sample_names[position][0]
        for prefix_id, name in names.items():
            own = self._samples.setdefault((source, name.casefold()), len(self.sample_names))
            if own == len(self.sample_names):
                self.sample_names.append((source, name))
            if in_folder:
                self.in_folder.add(own)
            self._moved[position, prefix_id] = own
            self._pairs.discard((position, prefix_id))
            self._pairs.add((own, prefix_id))

    def __len__(self) -> int:
        return len(self._values) // len(_COLUMNS)

    def finish(self, name_of: Callable[[int, int], str]) -> tuple[tuple[str, ...], list[FileRows], int]:
        """(channels in natural order, rows per sample, number of cells whose number was given twice).

        Args:
            name_of: (source, member) -> file name, asked only for files without an object number.
        """
        table = np.frombuffer(self._values, np.int64).reshape(-1, len(_COLUMNS)).T if len(self) else None
        columns = {
            name: np.zeros(0, np.int64) if table is None else np.ascontiguousarray(table[position])
            for position, name in enumerate(_COLUMNS)
        }
        columns["sample"] = self._parted(columns["sample"], columns["prefix"])
        channels = tuple(sorted(self._channels, key=natural_key))
        rank = np.empty(len(channels), np.int64)
        for position, name in enumerate(channels):
            rank[self._channels[name]] = position
        number = columns["number"].copy()
        self._running_numbers(columns, number, name_of)
        channel = rank[columns["channel"]] if len(channels) else columns["channel"]
        sample, prefix = columns["sample"], columns["prefix"]
        # The order of the files decides between equal names, so that the same input gives the same cells.
        order = np.lexsort((columns["member"], columns["source"], channel, prefix, number, sample))
        same = np.ones(len(order), bool)
        for key in (sample, prefix, number, channel):
            sorted_values = key[order]
            same[1:] &= sorted_values[1:] == sorted_values[:-1]
        same[:1] = False
        copies = _copy_numbers(same)
        twice = int(np.count_nonzero(copies))
        if twice:
            inner = np.lexsort((channel[order], copies, prefix[order], number[order], sample[order]))
            order, copies = order[inner], copies[inner]
        new = np.zeros(len(order), bool)
        for key in (sample[order], number[order], prefix[order], copies):
            new[1:] |= key[1:] != key[:-1]
        bounds = np.searchsorted(sample[order], np.arange(len(self.sample_names) + 1))
        rows = []
        for begin, end in pairwise(bounds):
            part, starts = order[begin:end], new[begin:end].copy()
            starts[:1] = False
            rows.append(
                FileRows(
                    np.cumsum(starts),
                    number[part],
                    channel[part].astype(np.int32),
                    columns["source"][part].astype(np.int32),
                    columns["member"][part],
                )
            )
        return channels, rows, twice

    def _parted(self, sample: NDArray[np.int64], prefix: NDArray[np.int64]) -> NDArray[np.int64]:
        """Samples of all files, after `split`."""
        parted = sample
        for position in {place for place, _ in self._moved}:
            rows = np.flatnonzero(sample == position)
            to = np.full(len(self._prefixes), position, np.int64)
            for (place, prefix_id), own in self._moved.items():
                if place == position:
                    to[prefix_id] = own
            parted = parted.copy() if parted is sample else parted
            parted[rows] = to[prefix[rows]]
        return parted

    def _running_numbers(
        self, columns: dict[str, NDArray[np.int64]], number: NDArray[np.int64], name_of: Callable[[int, int], str]
    ) -> None:
        missing = np.flatnonzero(number < 0)
        if not len(missing):
            return
        highest = np.zeros(len(self.sample_names), np.int64)
        np.maximum.at(highest, columns["sample"], number)
        by_sample: dict[int, list[int]] = {}
        for row in missing.tolist():
            by_sample.setdefault(int(columns["sample"][row]), []).append(row)
        for sample, rows in by_sample.items():
            names = {row: name_of(int(columns["source"][row]), int(columns["member"][row])) for row in rows}
            rows.sort(key=lambda row: (natural_key(names[row]), names[row], row))
            number[rows] = np.arange(len(rows)) + 1 + highest[sample]


def _copy_numbers(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0 for the first file of a name, 1 for the second..., from "equal to the one before"."""
    position = np.arange(len(same))
    first = np.maximum.accumulate(np.where(same, 0, position))
    return position - first

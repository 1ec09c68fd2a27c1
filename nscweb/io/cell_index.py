"""The index of a survey: which file is which channel of which cell, in columns and not in objects.

A million files cost about 30 MB here; as Python objects they would cost a gigabyte.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from nscweb.io.names import natural_key

# Channel given to images whose name has none; shown, and changeable like any other.
UNNAMED_CHANNEL = "Ch1"


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
        self._columns = {
            name: array("q") for name in ("sample", "prefix", "number", "channel", "source", "member")
        }
        self._samples: dict[tuple[int, str], int] = {}
        self._prefixes: dict[str, int] = {}
        self._channels: dict[str, int] = {}
        self.sample_names: list[tuple[int, str]] = []
        self.in_folder: set[int] = set()
        self.prefixes_of: dict[int, set[int]] = {}
        self.unnamed = 0

    def add(
        self, place: tuple[int, str, bool], prefix: str, number: int | None, channel: str, member: int
    ) -> None:
        """One image file. Samples and prefixes that differ only in case are the same.

        Args:
            place: (source, sample, True when a folder and not a prefix names the sample).
        """
        source, sample, in_folder = place
        key = (source, sample.casefold())
        position = self._samples.get(key)
        if position is None:
            position = self._samples[key] = len(self.sample_names)
            self.sample_names.append((source, sample))
            if in_folder:
                self.in_folder.add(position)
        if number is None:
            self.unnamed += 1
            prefix, channel = "", UNNAMED_CHANNEL
        prefix_id = self._prefixes.setdefault(prefix.casefold(), len(self._prefixes))
        if number is not None:
            self.prefixes_of.setdefault(position, set()).add(prefix_id)
        values = (
            position,
            prefix_id,
            -1 if number is None else number,
            self._channels.setdefault(channel, len(self._channels)),
            source,
            member,
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)

    def __len__(self) -> int:
        return len(self._columns["sample"])

    def finish(self, name_of: Callable[[int, int], str]) -> tuple[tuple[str, ...], list[FileRows], int]:
        """(channels in natural order, rows per sample, number of cells whose number was given twice).

        Args:
            name_of: (source, member) -> file name, asked only for files without an object number.
        """
        columns = {
            name: np.frombuffer(values, np.int64) if len(values) else np.zeros(0, np.int64)
            for name, values in self._columns.items()
        }
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

    def _running_numbers(
        self,
        columns: dict[str, NDArray[np.int64]],
        number: NDArray[np.int64],
        name_of: Callable[[int, int], str],
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

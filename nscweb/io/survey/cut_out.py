"""Some cells of a survey, cut out so small that they can be handed to another process.

An excerpt is a `Survey` of its own with one sample; whatever reads from a survey reads from an excerpt too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.sources import FileSource, Source, ZipPart, ZipSource
from nscweb.io.pixels.cell_table import CellTable
from nscweb.io.survey.cell_index import FileRows
from nscweb.io.survey.field_masks import FieldMasks
from nscweb.io.survey.first_look import Peek
from nscweb.io.survey.join_files import Joins, object_numbers
from nscweb.io.survey.opening import open_table
from nscweb.io.survey.samples_found import FoundFiles, FoundMontages, FoundTable, SurveySample, Way
from nscweb.io.survey.survey import Survey

# The table that this process read from last; its index may have taken seconds to read.
_OPEN: dict[Path, CellTable] = {}


def readable_apart(found: Survey, sample: SurveySample) -> bool:
    """True when another process can read the sample: it lies in zips, files, or a table known by its path."""
    way = found._settled.ways[sample.key]
    if isinstance(way, FoundTable):
        return id(way.table) in found._table_paths
    used = np.unique(way.rows.source).tolist()
    return all(isinstance(found._sources[source], (ZipSource, FileSource)) for source in used)


def only_in_order(found: Survey, sample: SurveySample) -> bool:
    """True when the file must be read from its beginning, so that reading it in parts would read it again."""
    way = found._settled.ways[sample.key]
    return isinstance(way, FoundTable) and bool(getattr(way.table, "sequential", False))


def excerpt(found: Survey, sample: SurveySample, start: int, stop: int, *, apart: bool) -> Survey:
    """The cells from `start` to `stop` of a sample, in the order in which `Survey.read` gives them.

    Args:
        apart: for another process: the result can be pickled and opens files by itself.
    """
    part = copy.copy(found)
    part._stack, part._readers, part.masks = ExitStack(), [], FieldMasks()
    way = found._settled.ways[sample.key]
    new: Way
    if isinstance(way, FoundTable):
        rows = way.table.groups[way.group][start:stop]
        path = found._table_paths.get(id(way.table)) if apart else None
        new = FoundTable(_TablePart(way.table, way.group, rows, path, found.limits), way.group)
        part.masks = FieldMasks() if apart else found.masks
        cells = len(rows)
    else:
        limits = way.montages(start, stop) if isinstance(way, FoundMontages) else (start, stop)
        files = _cut(way.rows, *limits)
        if found.masks.files:
            places = zip(files.source.tolist(), files.member.tolist(), strict=True)
            named = [found._sources[source].place(member) for source, member in places]
            part.masks = found.masks.part(named, apart=apart)
        part._sources = list(found._sources)
        if apart:
            files, part._sources = _take_along(files, found._sources)
        cells = stop - start
        if isinstance(way, FoundMontages):
            new = way.part(files, start, stop)
        else:
            new = FoundFiles(files, way.stacked)
    part.samples = (replace(sample, key=0, cells=cells),)
    part._settled = replace(found._settled, samples=list(part.samples), ways=[new], peek=Peek(), names=[])
    part._table_paths = {}
    if found._joins.of(sample.key) is not None:
        numbers = object_numbers(way, start, stop) if isinstance(way, FoundTable) else object_numbers(new)
        part._joins = found._joins.part(sample.key, numbers)
    else:
        part._joins = Joins()
    return part


def watch(part: Survey, at: Callable[[int], None], left_out: Collection[int]) -> None:
    """Tell the position of each cell of an excerpt before it is read, and skip some unread (see `CellReader`)."""
    part._at, part._left_out = at, frozenset(left_out)


def release(part: Survey) -> None:
    """Close what an excerpt for another process has opened."""
    for source in part._sources:
        if isinstance(source, ZipPart):
            source.close()


def _cut(rows: FileRows, start: int, stop: int) -> FileRows:
    low, high = np.searchsorted(rows.cell, (start, stop)).tolist()
    here = slice(low, high)
    return FileRows(
        rows.cell[here] - start,
        rows.object_number[here].copy(),
        rows.channel[here].copy(),
        rows.source[here].copy(),
        rows.member[here].copy(),
    )


def _take_along(rows: FileRows, sources: Sequence[Source]) -> tuple[FileRows, list[Source]]:
    """Only the files of these rows, numbered anew."""
    source, member = rows.source.copy(), rows.member.copy()
    taken: list[Source] = []
    for number in np.unique(rows.source).tolist():
        here = rows.source == number
        members, places = np.unique(rows.member[here], return_inverse=True)
        source[here], member[here] = len(taken), places
        old = sources[number]
        if isinstance(old, ZipSource):
            taken.append(ZipPart(old, members))
        elif isinstance(old, FileSource):
            taken.append(old.part(members))
        else:
            raise TypeError(f"{old.label} cannot be read by another process")
    return replace(rows, source=source, member=member), taken


class _TablePart:
    """Some rows of a `CellTable`; opened by its path in another process, and kept open for the next part."""

    def __init__(self, table: CellTable, group: str, rows: NDArray[Any], path: Path | None, limits: Limits) -> None:
        self._table = table if path is None else None
        self._path, self._limits = path, limits
        self._companions: Sequence[Path] = tuple(getattr(table, "companions", ()))
        self.name, self.channels, self.labelled = table.name, table.channels, table.labelled
        self.brightfield, self.pixel_size_um = table.brightfield, table.pixel_size_um
        self.has_masks, self.cells = table.has_masks, table.cells
        self.groups: Mapping[str, NDArray[Any]] = {group: rows}

    def where(self, row: int) -> str:
        return self._opened().where(row)

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        return self._opened().read(rows, channels, limits, log)

    def close(self) -> None:
        return None

    def _opened(self) -> CellTable:
        if self._table is None:
            assert self._path is not None
            if self._path not in _OPEN:
                for other in _OPEN.values():
                    other.close()
                _OPEN.clear()
                _OPEN[self._path] = open_table(self._path, self._limits, self._companions)
            self._table = _OPEN[self._path]
        return self._table

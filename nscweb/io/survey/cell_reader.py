"""Reads the cells of one sample lazily: one file at a time, bad ones become findings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.archives.sources import Source
from nscweb.io.decode.sandbox import decode_apart
from nscweb.io.formats.tiff import read_simple
from nscweb.io.names.brightfield import MERGED, called_brightfield
from nscweb.io.pixels.image_pages import ImagePages, Pixels
from nscweb.io.pixels.pixel_policy import note_look
from nscweb.io.survey.cell_index import FileRows

_CANCEL_EVERY = 256


def nobody_watches(position: int) -> None:
    """The usual `at` of a reader."""


class CellReader(ABC):
    """An iterator over the cells of one sample that counts files as it goes.

    Attributes:
        images: files behind the cells given out.
        skipped: files left out, each with a finding.
        ignored: files of channels that were not asked for.
        at: told the position of every cell, from 0, before it is read.
        left_out: positions of cells that ended a process that read them; they are skipped unread.
    """

    images = 0
    skipped = 0
    ignored = 0
    left_out: frozenset[int] = frozenset()

    def __init__(self) -> None:
        self.at: Callable[[int], None] = nobody_watches

    @abstractmethod
    def __iter__(self) -> Iterator[CellImage]:
        """The cells, in the order of the sample."""

    def _skip_deadly(self, log: FindingLog, where: str) -> None:
        message = "The process that read this image ended each time (a crash, or no memory); it was left out."
        self._skip(log, message, "E-IMG-DECODER", where)

    def _skip(self, log: FindingLog, error: NscwebError | str, code: str, where: str) -> None:
        self.skipped += 1
        log.add("skip", code, str(error), where)


class FileCellReader(CellReader):
    """Cells whose channels are files of their own, or planes of one file (`stacked`)."""

    def __init__(
        self,
        rows: FileRows,
        sources: Sequence[Source],
        all_channels: Sequence[str],
        wanted: Sequence[str],
        needed: str,
        stacked: bool,
        limits: Limits,
        log: FindingLog,
        cancel: CancelAsked,
    ) -> None:
        super().__init__()
        self._rows, self._sources = rows, sources
        self._wanted, self._needed, self._stacked = tuple(wanted), needed, stacked
        self._limits, self._log, self._cancel = limits, log, cancel
        keep = np.array([stacked or name in self._wanted for name in all_channels], bool)
        self._selected = np.flatnonzero(keep[rows.channel]) if len(rows.channel) else np.zeros(0, np.int64)
        self._names = tuple(all_channels)
        self._merged_told = False
        self._first = int(rows.cell[0]) if len(rows.cell) else 0
        self.ignored = len(rows.channel) - len(self._selected)

    def __iter__(self) -> Iterator[CellImage]:
        rows, selected = self._rows, self._selected
        columns = zip(
            rows.cell[selected].tolist(),
            rows.object_number[selected].tolist(),
            rows.channel[selected].tolist(),
            rows.source[selected].tolist(),
            rows.member[selected].tolist(),
            strict=True,
        )
        group: list[tuple[int, int, int, int, int]] = []
        for count, row in enumerate(columns):
            if count % _CANCEL_EVERY == 0:
                stop_if_asked(self._cancel)
            if group and row[0] != group[0][0]:
                yield from self._cell(group)
                group = []
            group.append(row)
        if group:
            yield from self._cell(group)

    def _cell(self, group: list[tuple[int, int, int, int, int]]) -> Iterator[CellImage]:
        planes: dict[str, tuple[Pixels, str]] = {}
        position = group[0][0] - self._first
        self.at(position)
        if position in self.left_out:
            for *_, source, member in group:
                self._skip_deadly(self._log, self._sources[source].place(member))
            return
        for _, _, channel, source, member in group:
            where = self._sources[source].place(member)
            try:
                if self._stacked:
                    planes.update(self._planes(source, member, where))
                else:
                    name = self._names[channel]
                    planes[name] = (self._one(source, member, where, merged=name.endswith(MERGED)), where)
            except NscwebError as error:
                self._skip(self._log, error, error.code, where)
            except (MemoryError, RecursionError):
                self._skip(self._log, "The image needs more memory than there is.", "E-IMG-MEMORY", where)
        cell = self._assemble(group[0][1], planes)
        if cell is not None:
            self.images += len({where for _, where in planes.values()})
            yield cell

    def _assemble(self, number: int, planes: dict[str, tuple[Pixels, str]]) -> CellImage | None:
        if not planes:
            return None
        if self._needed and self._needed not in planes:
            self._leave_out(planes, f"The cell has no usable image in {self._needed}.", "E-CELL-NO-CHANNEL")
            return None
        channels = tuple(name for name in self._wanted if name in planes)
        if not channels:
            self._leave_out(planes, "The file has none of the channels asked for.", "E-CELL-NO-CHANNEL")
            return None
        first, source = planes[channels[0]]
        if len(channels) == 1:
            return CellImage(number, channels, first[None], source)
        if any(planes[name][0].shape != first.shape for name in channels):
            self._leave_out(planes, "The channels of the cell differ in size.", "E-CELL-FRAMES")
            return None
        return CellImage(number, channels, np.stack([planes[name][0] for name in channels]), source)

    def _leave_out(self, planes: dict[str, tuple[Pixels, str]], message: str, code: str) -> None:
        for where in dict.fromkeys(where for _, where in planes.values()):
            self._skip(self._log, message, code, where)

    def _one(self, source: int, member: int, where: str, merged: bool = False) -> Pixels:
        data = self._sources[source].read(member)
        simple = read_simple(data, self._limits)
        if simple is not None:
            note_look(simple, where, self._limits, self._log)
            return simple
        # A merged picture is coloured by its nature: that it became grey is told once for the channel.
        log = FindingLog() if merged else self._log
        pages = decode_apart(data, where, self._limits, log)
        pixels = pages.load(chosen_plane(pages, where, log))
        if merged:
            others = [finding for finding in log if finding.code != "W-IMG-COLOUR"]
            self._log.extend(others)
            if len(others) < len(log) and not self._merged_told:
                self._merged_told = True
                message = "Merged colour pictures were kept as a channel of grey values, for looking only."
                self._log.add("note", "N-IMG-MERGED", message, where)
        return pixels

    def _planes(self, source: int, member: int, where: str) -> dict[str, tuple[Pixels, str]]:
        pages = decode_apart(self._sources[source].read(member), where, self._limits, self._log)
        if len(pages) == 1:
            return {self._names_of_one(): (pages.load(0), where)}
        return {name: (pages.load(plane), where) for plane, name in enumerate(pages.names) if name in self._wanted}

    def _names_of_one(self) -> str:
        return self._needed or self._wanted[0]


def chosen_plane(pages: ImagePages, where: str, log: FindingLog) -> int:
    """Which plane of a file stands for the cell, told in a warning when there are several."""
    if len(pages) == 1:
        return 0
    if pages.kind == "z":
        plane, what = len(pages) // 2, "focus planes; the middle one"
    elif pages.kind == "t":
        plane, what = 0, "time points; the first one"
    elif pages.kind == "channels":
        named = called_brightfield(pages.names)
        plane = pages.names.index(named) if named else 0
        what = "channels; the one called brightfield" if named else "channels; the first one"
    else:
        plane, what = 0, "images; the first one"
    log.add("warn", "W-IMG-PAGES", f"The file holds {len(pages)} {what} (number {plane + 1}) was taken.", where)
    return plane

"""Look through what was dropped, without holding its pixels: samples, cells, channels, and what was left out.

Conservation: ``members == images + skipped + ignored`` once every sample has been read (an image file of a cell that
was given out, a file with a ``skip`` finding, or a file without data for this study).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.io.archives.sources import Source
from nscweb.io.names.file_names import natural_key
from nscweb.io.names.loose_names import Parted
from nscweb.io.pixels.cell_table import CellTable
from nscweb.io.survey.cell_reader import CellReader, FileCellReader, nobody_watches
from nscweb.io.survey.field_masks import FieldMasks
from nscweb.io.survey.join_files import Joins, find_joins
from nscweb.io.survey.listing import list_files, why_nothing
from nscweb.io.survey.montages import MontageReader, settle_montages
from nscweb.io.survey.opening import open_paths
from nscweb.io.survey.samples_found import FoundMontages, FoundTable, Settled, SurveySample, settle_files, settle_tables
from nscweb.io.survey.table_reader import TableCellReader

__all__ = ["Survey", "SurveySample", "survey"]


class Survey:
    """Everything found; a context manager, because archives stay open for reading.

    Attributes:
        limits: that it reads under.
        samples: in natural order of their names.
        channels: of all samples, in natural order.
        brightfield: the guess, "" when nothing was found.
        members: files looked at; folders are not counted, a cell in a table of cells counts as one.
        images, skipped, ignored: files so far; complete when every sample has been read once.
        simulated: the files say that nscweb simulated them.
        pixel_size_um: micrometres per pixel when the files say so and agree, else None.
        stained: the guess is likely fluorescence, so there may be no brightfield channel.
        offered_pixel_size_um: what files may mean by a private value; a guess that somebody must confirm.
        rules: how names were read, in words, each on an example.
        left_off: what names have in common and that says nothing.
        masks: outlines of cells that lie beside fields of view.
        strange_names: samples whose names the pattern of the user does not fit.
        several_times: all times in hours of the names that say several.
        apart: sample -> names of its files that may be samples of their own.
        letters: sample -> its group with a last letter that was taken as the replicate and may not be one.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._table_paths: dict[int, Path] = {}
        self._left_out: frozenset[int] = frozenset()
        self._at: Callable[[int], None] = nobody_watches
        self._stack = ExitStack()
        self._sources: list[Source] = []
        self._settled = Settled()
        self._joins = Joins()
        self.masks = FieldMasks()
        self._readers: list[CellReader] = []
        self._listed_skipped = self._listed_ignored = 0
        self.samples: tuple[SurveySample, ...] = ()
        self.channels: tuple[str, ...] = ()
        self.brightfield = ""
        self.members = 0
        self.simulated = False
        self.pixel_size_um: float | None = None
        self.stained = False
        self.offered_pixel_size_um: float | None = None
        self.rules: tuple[str, ...] = ()
        self.left_off: tuple[str, ...] = ()
        self.strange_names: tuple[str, ...] = ()
        self.several_times: Mapping[str, tuple[float, ...]] = {}
        self.apart: Mapping[str, Parted] = {}
        self.letters: Mapping[str, str] = {}

    @property
    def images(self) -> int:
        return sum(reader.images for reader in self._readers)

    @property
    def skipped(self) -> int:
        return self._listed_skipped + sum(reader.skipped for reader in self._readers)

    @property
    def ignored(self) -> int:
        return self._listed_ignored + sum(reader.ignored for reader in self._readers)

    @property
    def cells(self) -> int:
        return sum(sample.cells for sample in self.samples)

    def read(
        self,
        sample: SurveySample,
        channels: Sequence[str] | None,
        log: FindingLog,
        *,
        needed: str = "",
        cancel: CancelAsked = never_cancelled,
    ) -> CellReader:
        """Cells of a sample in the order of their object numbers, decoded one by one.

        A damaged image is left out with a ``skip`` finding; the cell is given with its other channels.

        Args:
            channels: names to keep, in the order of the pixels; None keeps all.
            needed: a cell without a usable image in this channel is left out altogether.
        """
        wanted = tuple(sample.channels if channels is None else channels)
        way = self._settled.ways[sample.key]
        reader: CellReader
        if isinstance(way, FoundMontages):
            reader = MontageReader(way, self._sources, wanted, needed, self.limits, log, cancel)
        elif isinstance(way, FoundTable):
            rows = way.table.groups[way.group].tolist()
            reader = TableCellReader(way.table, rows, wanted, needed, self.limits, log, cancel)
        else:
            reader = FileCellReader(
                way.rows,
                self._sources,
                sample.channels if way.stacked else self._settled.index_channels,
                wanted,
                needed,
                way.stacked,
                self.limits,
                log,
                cancel,
            )
        reader.left_out, reader.at = self._left_out, self._at
        if reader.ignored:
            log.add(
                "ignored",
                "N-CHANNEL-NOT-KEPT",
                f"Images of channels other than {', '.join(wanted)} were not kept.",
                f"{sample.name}: {reader.ignored:,} files",
            )
        join = self._joins.of(sample.key)
        if join is not None:
            reader = join.wrap(reader)
        self._readers.append(reader)
        return reader

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def survey_tables(tables: Sequence[tuple[CellTable, str]], limits: Limits) -> Survey:
    """A survey of tables of cells that are open already; whoever opened them closes them.

    Args:
        tables: with the label of each, the name of its sample where the table names none.
    """
    found = Survey(limits)
    found._settled = settled = Settled()
    settle_tables(settled, tables, limits)
    settled.read_names()
    found.members = settled.table_cells
    found.samples = tuple(sorted(settled.samples, key=lambda sample: natural_key(sample.name)))
    found.channels, found.brightfield = settled.channels, settled.brightfield
    found.pixel_size_um = settled.peek.pixel_size_um
    return found


def survey(
    paths: Sequence[Path],
    limits: Limits,
    log: FindingLog,
    *,
    class_from_folder: bool = False,
    tile_px: int | None = None,
    name_pattern: str = "",
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Survey:
    """List every cell in files, zips and folders; pixels are read later, by `Survey.read`.

    Args:
        class_from_folder: the innermost folder names the true class, and every folder is a sample.
        tile_px: side of the tiles of montages in pixels; None finds it from the pixels.
        name_pattern: how the user reads names of samples, see `io.names.sample_names.NameForm`.

    Raises:
        WrongUse: a name pattern that makes no sense.
        InputRefused: nothing can be read; the message gives the commonest reason.
        LimitExceeded: an archive is over a limit.
        JobCancelled: somebody asked to stop.
    """
    found = Survey(limits)
    try:
        opened = open_paths(paths, limits, found._stack, cancel, class_from_folder)
        for name, error in opened.broken:
            log.add("skip", error.code, str(error), name)
        log.extend(opened.notes)
        found._sources = opened.sources
        found._table_paths = opened.table_paths
        listing = list_files(opened.sources, limits, log, class_from_folder, progress, cancel)
        found._settled = settled = Settled()
        settle_files(settled, listing.builder, listing.sets, opened.sources, class_from_folder, limits, log)
        lost = settle_montages(settled, listing.montages, opened.sources, class_from_folder, tile_px, limits, log)
        settle_tables(settled, opened.tables, limits)
        settled.read_names(name_pattern)
        found.left_off = tuple(dict.fromkeys([*settled.read.left_off, *listing.sets.left_off]))
        found.rules = tuple(rule for rule in (settled.read.rule, *listing.sets.rules) if rule)
        found.strange_names = settled.read.strange
        found.several_times = settled.read.timed
        found.apart, found.letters = settled.apart, settled.read.letters
        found.masks = listing.masks
        found._joins = find_joins(listing.joins, opened.sources, settled, log)
        found.members = listing.members + len(opened.broken) + opened.paired + settled.table_cells
        found._listed_skipped = listing.skipped + len(opened.broken) + found._joins.skipped + lost
        found._listed_ignored = listing.ignored + opened.paired + found._joins.ignored
        found.samples = tuple(sorted(settled.samples, key=lambda sample: natural_key(sample.name)))
        found.channels, found.brightfield = settled.channels, settled.brightfield
        found.stained = settled.stained
        found.pixel_size_um = settled.peek.pixel_size_um
        found.offered_pixel_size_um = settled.peek.offered_pixel_size_um
        settled.peek.tell_pixel_size(log)
        found.simulated = settled.peek.simulated or any(source.simulated for source in opened.sources)
        if not found.samples:
            raise why_nothing(log, [path.name for path in paths])
        if found.simulated:
            log.add("note", "N-SIMULATED", "These cells are simulated: nscweb drew them, no instrument saw them.")
    except BaseException:
        found.close()
        raise
    return found

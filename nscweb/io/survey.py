"""Look through what was dropped, without holding its pixels: samples, cells, channels, and what was left out.

Conservation: ``members == images + skipped + ignored`` once every sample has been read (an image file of a cell that
was given out, a file with a ``skip`` finding, or a file without data for this study).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, Progress, never_cancelled, no_progress
from nscweb.core.samples import Sample
from nscweb.io.brightfield import guess_brightfield
from nscweb.io.cell_index import FileRows, IndexBuilder
from nscweb.io.cell_reader import CellReader, FileCellReader
from nscweb.io.formats.npz import NpzCells
from nscweb.io.hints import SampleHints, parse_sample_hints
from nscweb.io.listing import Listing, list_files
from nscweb.io.names import natural_key
from nscweb.io.npz_reader import NpzCellReader
from nscweb.io.opening import LOOSE_LABEL, open_paths
from nscweb.io.peek import Peek, peek_at
from nscweb.io.refusal import why_nothing
from nscweb.io.sources import Source


@dataclass(frozen=True)
class SurveySample:
    """One sample as found.

    Attributes:
        name: unique in the survey, from folder or file names.
        cells: number of cells that the names promise.
        hint: a row for the sample sheet, filled from the name where it says so.
        channels: in natural order.
        key: where the survey keeps it.
    """

    name: str
    cells: int
    hint: Sample
    channels: tuple[str, ...]
    key: int


@dataclass
class _Found:
    """How one sample is read."""

    rows: FileRows | None = None
    stacked: bool = False
    npz: NpzCells | None = None
    group: str = ""


class Survey:
    """Everything found; a context manager, because archives stay open for reading.

    Attributes:
        samples: in natural order of their names.
        channels: of all samples, in natural order.
        brightfield: the guess, "" when nothing was found.
        members: files looked at; folders are not counted, a cell in an ``.npz`` counts as one.
        images, skipped, ignored: files so far; complete when every sample has been read once.
        simulated: the files say that nscweb simulated them.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._stack = ExitStack()
        self._sources: list[Source] = []
        self._found: list[_Found] = []
        self._index_channels: tuple[str, ...] = ()
        self._readers: list[CellReader] = []
        self._listed_skipped = self._listed_ignored = 0
        self.samples: tuple[SurveySample, ...] = ()
        self.channels: tuple[str, ...] = ()
        self.brightfield = ""
        self.members = 0
        self.simulated = False

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
        found = self._found[sample.key]
        reader: CellReader
        if found.npz is not None:
            reader = NpzCellReader(found.npz, found.group, wanted, self._limits, log, cancel)
        else:
            assert found.rows is not None
            reader = FileCellReader(
                found.rows,
                self._sources,
                sample.channels if found.stacked else self._index_channels,
                wanted,
                needed,
                found.stacked,
                self._limits,
                log,
                cancel,
            )
        if reader.ignored:
            log.add(
                "ignored",
                "N-CHANNEL-NOT-KEPT",
                f"Images of channels other than {', '.join(wanted)} were not kept.",
                f"{sample.name}: {reader.ignored:,} files",
            )
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

    def _settle(
        self, listing: Listing, tables: list[tuple[NpzCells, str]], class_from_folder: bool, log: FindingLog
    ) -> None:
        builder: IndexBuilder = listing.builder
        self._index_channels, all_rows, twice = builder.finish(
            lambda source, member: self._sources[source].name(member)
        )
        if twice:
            log.add(
                "warn",
                "W-NAME-TWICE",
                f"{twice:,} files have a sample, object number and channel that another file has too; "
                "each counts as a cell of its own.",
            )
        if builder.unnamed:
            log.add(
                "note",
                "N-NAME-RUNNING",
                f"{builder.unnamed:,} image names say no object number and channel (_Ch1); they were numbered "
                f"in the order of their names and taken as {self._index_channels[0]}.",
            )
        seen = Counter(name.casefold() for _, name in builder.sample_names)
        mixed, prefixes = builder.mixed_samples(), builder.only_prefixes()
        peek = Peek()
        taken: set[str] = set()
        samples = []
        for position, ((source, name), rows) in enumerate(zip(builder.sample_names, all_rows, strict=True)):
            if not rows.cells:
                continue
            label = self._sources[source].label
            shown = f"{label}/{name}" if seen[name.casefold()] > 1 and label != name else name
            names = tuple(self._index_channels[i] for i in sorted(set(rows.channel.tolist())))
            planes = peek_at(peek, rows, self._sources, self._index_channels, self._limits)
            if planes is not None:
                names = planes
                log.add(
                    "warn",
                    "W-IMG-CHANNELS",
                    f"Each file holds {len(names)} images; they were taken as the channels {', '.join(names)}. "
                    "Choose the brightfield channel if the guess is wrong.",
                    shown,
                )
            if position in mixed:
                log.add(
                    "note",
                    "N-NAME-PREFIXES",
                    "The folder holds files with several name prefixes; they make up one sample.",
                    shown,
                )
            true_class = ""
            if class_from_folder and position in builder.in_folder:
                true_class = name.rpartition("/")[2]
            elif class_from_folder:
                message = "These images lie in no folder, so their class is not known."
                log.add("warn", "W-CLASS-NO-FOLDER", message, shown)
            hints = parse_sample_hints(shown, prefixes.get(position, ""))
            if shown == LOOSE_LABEL:
                hints = SampleHints()
            samples.append(self._sample(shown, rows.cells, names, taken, hints, true_class))
            self._found.append(_Found(rows, planes is not None))
        for table, label in tables:
            for group, chosen in table.groups.items():
                self.members += len(chosen)
                hints = SampleHints(group=group) if group else parse_sample_hints(label)
                samples.append(self._sample(group or label, len(chosen), table.channels, taken, hints, group))
                self._found.append(_Found(npz=table, group=group))
        self.samples = tuple(sorted(samples, key=lambda sample: natural_key(sample.name)))
        self.channels = tuple(
            sorted({name for sample in samples for name in sample.channels}, key=natural_key)
        )
        self.simulated = peek.simulated or any(source.simulated for source in self._sources)
        self.brightfield = guess_brightfield(self.channels, peek.images)

    def _sample(
        self,
        name: str,
        cells: int,
        channels: tuple[str, ...],
        taken: set[str],
        hints: SampleHints,
        true_class: str,
    ) -> SurveySample:
        unique, copy = name or "sample", 2
        while unique.casefold() in taken:
            unique, copy = f"{name} ({copy})", copy + 1
        taken.add(unique.casefold())
        hint = hints.sample(unique, true_class, cells)
        return SurveySample(unique, cells, hint, channels, len(self._found))


def survey(
    paths: Sequence[Path],
    limits: Limits,
    log: FindingLog,
    *,
    class_from_folder: bool = False,
    progress: Progress = no_progress,
    cancel: CancelAsked = never_cancelled,
) -> Survey:
    """List every cell in files, zips and folders; pixels are read later, by `Survey.read`.

    Args:
        class_from_folder: the innermost folder names the true class, and every folder is a sample.

    Raises:
        InputRefused: nothing can be read; the message gives the commonest reason.
        LimitExceeded: an archive is over a limit.
        JobCancelled: somebody asked to stop.
    """
    found = Survey(limits)
    try:
        opened = open_paths(paths, limits, found._stack, cancel, class_from_folder)
        for name, error in opened.broken:
            log.add("skip", error.code, str(error), name)
        found._sources = opened.sources
        listing = list_files(opened.sources, log, class_from_folder, progress, cancel)
        found.members = listing.members + len(opened.broken)
        found._listed_skipped = listing.skipped + len(opened.broken)
        found._listed_ignored = listing.ignored
        found._settle(listing, opened.tables, class_from_folder, log)
        if not found.samples:
            raise why_nothing(log, [path.name for path in paths])
        if found.simulated:
            log.add(
                "note", "N-SIMULATED", "These cells are simulated: nscweb drew them, no instrument saw them."
            )
    except BaseException:
        found.close()
        raise
    return found

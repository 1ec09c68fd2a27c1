"""From the index of files to samples: names, hints for the sheet, channels, the guess of brightfield."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.core.samples import Sample
from nscweb.io.archives.sources import Source
from nscweb.io.names.brightfield import guess_brightfield, looks_stained
from nscweb.io.names.file_names import natural_key
from nscweb.io.names.loose_names import Parted, reading_of
from nscweb.io.names.name_parts import SampleHints
from nscweb.io.names.sample_names import ReadNames, read_names
from nscweb.io.pixels.cell_table import CellTable
from nscweb.io.survey.cell_index import UNNAMED_CHANNEL, FileRows, IndexBuilder
from nscweb.io.survey.first_look import Peek, peek_at, peek_at_table
from nscweb.io.survey.name_sets import NameSets, tell_parts
from nscweb.io.survey.opening import LOOSE_LABEL


@dataclass(frozen=True)
class SurveySample:
    """One sample as found.

    Attributes:
        name: unique in the survey, from folder or file names.
        cells: number of cells that the names promise.
        hint: a row for the sample sheet, filled from the name where it says so.
        channels: in natural order.
        key: where the survey keeps it.
        masks: its cells come with masks.
    """

    name: str
    cells: int
    hint: Sample
    channels: tuple[str, ...]
    key: int
    masks: bool = False


@dataclass(frozen=True)
class FoundFiles:
    """How a sample of image files is read; `stacked` files hold all channels of a cell."""

    rows: FileRows
    stacked: bool


@dataclass(frozen=True)
class FoundTable:
    """How a sample out of a table of cells is read: the rows of one class or sample."""

    table: CellTable
    group: str


@dataclass(frozen=True)
class FoundMontages:
    """How a sample of montages is read: every file holds a grid of cells in one channel.

    Cells are counted by their place: tile k of the montage at position m is cell ``m * stride + k``.

    Attributes:
        rows: a montage in the place of a cell.
        channels: names of the channel numbers in `rows`.
        tile: side of a tile in pixels.
        stride: tiles of a montage.
        begin, end: cells that are asked for.
        first: object number of cell 0.
    """

    rows: FileRows
    channels: tuple[str, ...]
    tile: int
    stride: int
    begin: int
    end: int
    first: int = 1

    def montages(self, start: int, stop: int) -> tuple[int, int]:
        """The montages, from and to, that hold the cells from `start` to `stop`."""
        return start // self.stride, -(-stop // self.stride)

    def part(self, rows: FileRows, start: int, stop: int) -> FoundMontages:
        """Cells from `start` to `stop`, whose montages are in `rows`."""
        before = self.montages(start, stop)[0] * self.stride
        return replace(self, rows=rows, begin=start - before, end=stop - before, first=self.first + before)


Way = FoundFiles | FoundTable | FoundMontages


@dataclass(frozen=True)
class NameToRead:
    """The name of a sample, and what helps to read it.

    Attributes:
        name: as found; `LOOSE_LABEL` is our own word and says nothing.
        prefix: of its files, where all have the same.
        well: of a plate, "" where it is none.
        group: where it is known without reading: the class of labelled cells.
    """

    name: str
    prefix: str = ""
    well: str = ""
    group: str = ""


@dataclass
class Settled:
    """Samples with the way to read each (by its key), and what was seen on the way.

    Attributes:
        index_channels: names of the channel numbers in `FileRows`.
        table_cells: cells in files that hold many.
        apart: sample -> names of its files that may be samples of their own.
    """

    samples: list[SurveySample] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    index_channels: tuple[str, ...] = ()
    peek: Peek = field(default_factory=Peek)
    table_cells: int = 0
    names: list[NameToRead] = field(default_factory=list)
    read: ReadNames = field(default_factory=lambda: ReadNames(()))
    apart: dict[str, Parted] = field(default_factory=dict)
    _taken: set[str] = field(default_factory=set)

    @property
    def channels(self) -> tuple[str, ...]:
        """Of all samples, in natural order."""
        return tuple(sorted({name for sample in self.samples for name in sample.channels}, key=natural_key))

    @property
    def brightfield(self) -> str:
        if self.peek.named_brightfield in self.channels:
            return self.peek.named_brightfield
        return guess_brightfield(self.channels, self.peek.images)

    @property
    def stained(self) -> bool:
        """The channel that would be taken as brightfield is likely fluorescence."""
        name = self.brightfield
        return (
            bool(name) and name != self.peek.named_brightfield and looks_stained(name, self.peek.images.get(name, ()))
        )

    def add(self, name: NameToRead, cells: int, channels: tuple[str, ...], true_class: str, way: Way) -> None:
        """One more sample; a name that is taken already gets a number behind it."""
        unique, copy = name.name or "sample", 2
        while unique.casefold() in self._taken:
            unique, copy = f"{name.name} ({copy})", copy + 1
        self._taken.add(unique.casefold())
        self.names.append(name)
        hint = Sample(unique, true_class=true_class, cells=cells)
        masks = isinstance(way, FoundTable) and way.table.has_masks
        self.samples.append(SurveySample(unique, cells, hint, channels, len(self.ways), masks))
        self.ways.append(way)

    def read_names(self, pattern: str = "") -> None:
        """Fill the rows of the sheet from all names together; see `sample_names.read_names`."""
        known = [name for name in self.names if not name.group and name.name != LOOSE_LABEL]
        self.read = read_names([(name.name, name.prefix, name.well) for name in known], pattern)
        hints = dict(zip(map(id, known), self.read.hints, strict=True))
        for place, (sample, name) in enumerate(zip(self.samples, self.names, strict=True)):
            found = hints.get(id(name), SampleHints(group=name.group))
            hint = found.sample(sample.name, sample.hint.true_class, sample.cells)
            self.samples[place] = replace(sample, hint=hint)


def settle_files(
    settled: Settled,
    builder: IndexBuilder,
    sets: NameSets,
    sources: Sequence[Source],
    class_from_folder: bool,
    limits: Limits,
    log: FindingLog,
) -> None:
    """Add the samples of image files."""
    if not class_from_folder:
        _part_folders(builder, sets, log)
    channels, all_rows, twice = builder.finish(lambda source, member: sources[source].name(member))
    settled.index_channels = channels
    _tell_names(builder, twice, log)
    seen = Counter(name.casefold() for _, name in builder.sample_names)
    mixed, prefixes = builder.mixed_samples(), builder.only_prefixes()
    for position, ((source, name), rows) in enumerate(zip(builder.sample_names, all_rows, strict=True)):
        if not rows.cells:
            continue
        label = sources[source].label
        shown = f"{label}/{name}" if seen[name.casefold()] > 1 and label != name else name
        names = tuple(channels[i] for i in sorted(set(rows.channel.tolist())))
        planes = peek_at(settled.peek, rows, sources, channels, limits)
        if planes is not None:
            names = planes
            message = (
                f"Each file holds {len(names)} images; they were taken as the channels {', '.join(names)}. "
                "Choose the brightfield channel if the guess is wrong."
            )
            log.add("warn", "W-IMG-CHANNELS", message, shown)
        if (source, name) in sets.apart:
            settled.apart[shown] = sets.apart[source, name]
        if position in mixed:
            message = "The folder holds files with several name prefixes; they make up one sample."
            log.add("note", "N-NAME-PREFIXES", message, shown)
        true_class = ""
        if class_from_folder and position in builder.in_folder:
            true_class = name.rpartition("/")[2]
        elif class_from_folder:
            message = "These images lie in no folder, so their class is not known."
            log.add("warn", "W-CLASS-NO-FOLDER", message, shown)
        to_read = NameToRead(shown, prefixes.get(position, ""), sets.wells.get((source, name), ""))
        settled.add(to_read, rows.cells, names, true_class, FoundFiles(rows, planes is not None))


def _part_folders(builder: IndexBuilder, sets: NameSets, log: FindingLog) -> None:
    """Part folders whose files have several prefixes that are samples by themselves, as loose files are."""
    for position, prefixes in builder.mixed_prefixes().items():
        source, folder = builder.sample_names[position]
        if position not in builder.in_folder or (source, folder) in sets.wells or (source, folder) in sets.apart:
            continue
        reading = reading_of(dict.fromkeys(prefixes, 1), folder, numbered=True)
        first = next(filter(None, prefixes), "")
        parted = Parted(reading, dict.fromkeys(prefixes, 0), (f"{first}_1", first))
        if reading == "several":
            named = {number: f"{folder}/{prefix}" for prefix, number in prefixes.items() if prefix}
            builder.split(position, named, in_folder=True)
            tell_parts(parted, folder, sets.rules, log)
        elif reading == "ask":
            sets.apart[source, folder] = parted


def settle_tables(settled: Settled, tables: Sequence[tuple[CellTable, str]], limits: Limits) -> None:
    """Add the samples of files that hold many cells: one per class, or one per file without labels."""
    for table, label in tables:
        peek_at_table(settled.peek, table, limits)
        for group, chosen in table.groups.items():
            settled.table_cells += len(chosen)
            true_class = group if table.labelled else ""
            name = NameToRead(group or label, group=true_class)
            settled.add(name, len(chosen), table.channels, true_class, FoundTable(table, group))


def _tell_names(builder: IndexBuilder, twice: int, log: FindingLog) -> None:
    if twice:
        message = (
            f"{twice:,} files have a sample, object number and channel that another file has too; "
            "each counts as a cell of its own."
        )
        log.add("warn", "W-NAME-TWICE", message)
    if builder.unnamed:
        message = (
            f"{builder.unnamed:,} image names say no object number and channel (_Ch1); they were numbered "
            f"in the order of their names and taken as {UNNAMED_CHANNEL}."
        )
        log.add("note", "N-NAME-RUNNING", message)

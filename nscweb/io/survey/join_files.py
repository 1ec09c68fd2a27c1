"""Which feature table and population belongs to which sample, and what fits and what does not.

A file belongs to the sample in whose folder it lies, or that it is named after, or to the only one there is. Rows
without a cell and cells without a row are both counted and told.

Columns and populations reach the cells of a sample by their object numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.io.archives.sources import Source
from nscweb.io.names.file_names import parse_name, sample_folder
from nscweb.io.sheets.feature_tables import FeatureTable, JoinFile, read_population, read_table
from nscweb.io.survey.cell_reader import CellReader
from nscweb.io.survey.samples_found import FoundMontages, FoundTable, Settled, SurveySample, Way

_BETWEEN = "_- ."


@dataclass(frozen=True)
class SampleJoin:
    """All that is joined to the cells of one sample; can be pickled.

    Attributes:
        tables: (object number -> row, name -> column).
        tags: object number -> populations.
        unclear: object numbers of several cells, which get nothing, because a row belongs to one cell.
    """

    tables: tuple[FeatureTable, ...] = ()
    tags: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    unclear: frozenset[int] = frozenset()

    def part(self, numbers: NDArray[np.int64]) -> SampleJoin:
        """What concerns some object numbers only."""
        wanted = sorted(set(numbers.tolist()))
        tables = []
        for table in self.tables:
            there = [number for number in wanted if number in table.rows]
            positions = [table.rows[number] for number in there]
            columns: dict[str, NDArray[np.float64] | list[str]] = {
                name: column[positions] if isinstance(column, np.ndarray) else [column[row] for row in positions]
                for name, column in table.columns.items()
            }
            tables.append(FeatureTable({number: row for row, number in enumerate(there)}, columns))
        tags = {number: self.tags[number] for number in wanted if number in self.tags}
        return SampleJoin(tuple(tables), tags, self.unclear)

    def wrap(self, reader: CellReader) -> CellReader:
        """The same cells with their values and populations."""
        return JoinedReader(reader, self)


class _Rows:
    """A table by rows, which is how cells ask for it."""

    def __init__(self, table: FeatureTable) -> None:
        self._rows = table.rows
        numbers = {name: column for name, column in table.columns.items() if isinstance(column, np.ndarray)}
        self._texts = {name: column for name, column in table.columns.items() if isinstance(column, list)}
        self._names = tuple(numbers)
        self._numbers = np.stack(list(numbers.values()), axis=1) if numbers else np.zeros((len(self._rows), 0))

    def of(self, number: int) -> dict[str, float | str]:
        """Name -> value of one object; what is missing is left out."""
        row = self._rows.get(number)
        if row is None:
            return {}
        values = zip(self._names, self._numbers[row].tolist(), strict=True)
        found: dict[str, float | str] = {name: value for name, value in values if value == value}  # no NaN
        return found | {name: column[row] for name, column in self._texts.items() if column[row]}


class JoinedReader(CellReader):
    """Cells of another reader with what is joined to them; counts as the other does."""

    def __init__(self, inner: CellReader, join: SampleJoin) -> None:
        super().__init__()
        self._inner, self._join = inner, join
        self._tables = [_Rows(table) for table in join.tables]
        self._count()

    def _count(self) -> None:
        self.images, self.skipped = self._inner.images, self._inner.skipped
        self.ignored = self._inner.ignored

    def __iter__(self) -> Iterator[CellImage]:
        try:
            for cell in self._inner:
                self._count()
                yield self._joined(cell)
        finally:
            self._count()

    def _joined(self, cell: CellImage) -> CellImage:
        number, own = cell.object_number, cell.values
        if number in self._join.unclear:
            return cell
        values: dict[str, float | str] = dict(own)
        for table in self._tables:
            found = table.of(number)
            if own:
                found = {f"{name} (table)" if name in own else name: value for name, value in found.items()}
            values |= found
        tags = tuple(dict.fromkeys((*cell.tags, *self._join.tags.get(number, ()))))
        return replace(cell, tags=tags, values=values)


@dataclass(frozen=True)
class _Home:
    """What can be said of a sample to find its tables: source (-1: none), folder, and names in lower case."""

    source: int
    folder: str
    names: frozenset[str]


@dataclass
class Joins:
    """The files of every sample.

    Attributes:
        skipped, ignored: files that could not be used, and files that were (or had no sample).
    """

    skipped: int = 0
    ignored: int = 0
    _sources: Sequence[Source] = ()
    _files: dict[int, list[tuple[JoinFile, str]]] = field(default_factory=dict)
    _unclear: dict[int, frozenset[int]] = field(default_factory=dict)
    _read: dict[int, SampleJoin] = field(default_factory=dict)

    def of(self, key: int) -> SampleJoin | None:
        """What is joined to a sample, read from its files; None when it has none. The last one is kept."""
        if key not in self._read and key in self._files:
            self._read = {key: self._of(key, self._files[key])}
        return self._read.get(key)

    def part(self, key: int, numbers: NDArray[np.int64] | None) -> Joins:
        """For an excerpt of a sample, which then has the key 0; None stands for object numbers not known."""
        join = self.of(key)
        if join is None:
            return Joins()
        return Joins(_read={0: join if numbers is None else join.part(numbers)})

    def _of(self, key: int, files: Sequence[tuple[JoinFile, str]]) -> SampleJoin:
        tables: list[FeatureTable] = []
        tags: dict[int, list[str]] = {}
        taken = {"populations"}  # the store's own column
        for file, population in files:
            data = self._sources[file.source].read(file.member)
            if file.kind == "table":
                tables.append(_renamed(read_table(data, file.name, values=True), taken))
                continue
            for number in read_population(data, file.name)[0]:
                if population not in (known := tags.setdefault(number, [])):
                    known.append(population)
        listed = {number: tuple(names) for number, names in tags.items()}
        return SampleJoin(tuple(tables), listed, self._unclear.get(key, frozenset()))


def _renamed(table: FeatureTable, taken: set[str]) -> FeatureTable:
    """The table with a number behind names that are taken."""
    columns = {}
    for name, column in table.columns.items():
        unique, copy = name, 2
        while unique in taken:
            unique, copy = f"{name} ({copy})", copy + 1
        taken.add(unique)
        columns[unique] = column
    return replace(table, columns=columns)


def find_joins(files: Sequence[JoinFile], sources: Sequence[Source], settled: Settled, log: FindingLog) -> Joins:
    """Give every file to its sample, and tell what was joined and what was not."""
    joins = Joins(_sources=sources)
    if not files:
        return joins
    homes = {sample.key: _home(sample, settled, sources) for sample in settled.samples}
    samples = {sample.key: sample for sample in settled.samples}
    numbers: dict[int, NDArray[np.int64] | None] = {}
    for file in files:
        try:
            found, broken = _object_numbers(file, sources[file.source].read(file.member), log)
        except NscwebError as error:
            joins.skipped += 1
            log.add("skip", error.code, str(error), file.name)
            continue
        joins.ignored += 1
        if broken:
            message = "Lines without an object number, or that do not fit the header, were left out."
            log.add("warn", "W-TABLE-ROW", message, f"{file.name}: {broken:,} lines")
        match = _sample_of(file, homes)
        if match is None:
            message = (
                "The table or population could not be joined: it lies in no sample's folder and has no sample's "
                "name. Put it into the folder of its sample, or name it after the sample."
            )
            log.add("warn", "W-TABLE-NO-SAMPLE", message, file.name)
            continue
        key, population = match
        if key not in numbers:
            numbers[key], joins._unclear[key] = _numbers(settled.ways[key])
        joins._files.setdefault(key, []).append((file, population))
        _tell(file, population, found, numbers[key], joins._unclear[key], samples[key].name, log)
    return joins


def _object_numbers(file: JoinFile, data: bytes, log: FindingLog) -> tuple[frozenset[int], int]:
    """(object numbers in the file, lines that are of no use)."""
    if file.kind == "population":
        return read_population(data, file.name)
    table = read_table(data, file.name, values=False)
    if table.twice:
        message = "Rows of an object number that had come before were left out; the first row counts."
        log.add("warn", "W-TABLE-TWICE", message, f"{file.name}: {table.twice:,} rows")
    if table.left_out:
        message = "The table has more columns than are kept; the last ones were left out."
        log.add("warn", "W-TABLE-COLUMNS", message, f"{file.name}: {table.left_out:,} columns")
    return frozenset(table.rows), table.broken


def _home(sample: SurveySample, settled: Settled, sources: Sequence[Source]) -> _Home:
    way = settled.ways[sample.key]
    names = {sample.name, sample.name.rpartition("/")[2]}
    source, folder = -1, ""
    if isinstance(way, FoundTable):
        names.add(PurePath(way.table.name).stem)
    else:
        source = int(way.rows.source[0])
        parsed = parse_name(sources[source].name(int(way.rows.member[0])))
        folder = parsed.folder
        names |= {folder.replace("/", "_"), sources[source].label if not folder else ""}
        if parsed.object_number is not None:
            names.add(parsed.prefix)
    return _Home(source, folder, frozenset(name.casefold() for name in names if name))


def _sample_of(file: JoinFile, homes: Mapping[int, _Home]) -> tuple[int, str] | None:
    """(key of the sample, name of the population), None when it is not clear."""
    folder, _, base = file.name.rpartition("/")
    folder = sample_folder(folder)
    stem = re.sub(r"\.[^.]*$", "", base)
    inside = [
        key
        for key, home in homes.items()
        if home.source == file.source and (not folder or f"{home.folder}/".startswith(f"{folder}/"))
    ]
    exact = [key for key in inside if stem.casefold() in homes[key].names]
    if len(exact) == 1:
        return exact[0], stem
    here = [key for key in inside if homes[key].folder == folder]
    if len(here) == 1 and folder:
        return here[0], stem
    named = _named_after(stem, inside, homes) or _named_after(stem, list(homes), homes)
    if named is not None:
        return named
    for group in (here, inside, list(homes)):
        if len(group) == 1:
            return group[0], stem
    return None


def _named_after(stem: str, keys: Sequence[int], homes: Mapping[int, _Home]) -> tuple[int, str] | None:
    """The one sample whose name begins the stem, the longest name first, and the rest of the stem."""
    lower = stem.casefold()
    best: dict[int, int] = {}
    for key in keys:
        lengths = [
            len(name)
            for name in homes[key].names
            if lower == name or (lower.startswith(name) and lower[len(name)] in _BETWEEN)
        ]
        if lengths:
            best[key] = max(lengths)
    if not best:
        return None
    longest = max(best.values())
    chosen = [key for key, length in best.items() if length == longest]
    return (chosen[0], stem[longest:].strip(_BETWEEN) or stem) if len(chosen) == 1 else None


def object_numbers(way: Way, start: int = 0, stop: int | None = None) -> NDArray[np.int64] | None:
    """(N,) object numbers of the cells of a sample, or of some; None when they are known only after reading."""
    if isinstance(way, FoundTable):
        known = getattr(way.table, "object_numbers", None)
        return None if known is None else np.asarray(known(way.table.groups[way.group][start:stop]), np.int64)
    if isinstance(way, FoundMontages):
        return None
    _, first = np.unique(way.rows.cell, return_index=True)
    return np.asarray(way.rows.object_number[first][start:stop])


def _numbers(way: Way) -> tuple[NDArray[np.int64] | None, frozenset[int]]:
    """(object numbers, those of several cells)."""
    every = object_numbers(way)
    if every is None:
        return None, frozenset()
    numbers, counts = np.unique(every, return_counts=True)
    return numbers, frozenset(numbers[counts > 1].tolist())


def _tell(
    file: JoinFile,
    population: str,
    found: frozenset[int],
    numbers: NDArray[np.int64] | None,
    unclear: frozenset[int],
    sample: str,
    log: FindingLog,
) -> None:
    where = f"{file.name}, {sample}"
    if file.kind == "table":
        message = "The columns of the table were joined to the cells by object number."
        log.add("note", "N-TABLE-JOINED", message, f"{where}: {len(found):,} rows")
    else:
        message = "The population was joined to the cells by object number."
        log.add("note", "N-POP-JOINED", message, f"{where}: {population}, {len(found):,} objects")
    if numbers is None:
        return
    known = set(numbers.tolist())
    if without := len(found - known):
        message = "Rows of a table or population have no cell in the sample."
        log.add("warn", "W-TABLE-NO-CELL", message, f"{where}: {without:,} rows")
    if file.kind == "table" and (missing := len(known - found)):
        message = "Cells of the sample have no row in the table; their columns stay empty."
        log.add("warn", "W-TABLE-NO-ROW", message, f"{where}: {missing:,} cells")
    if both := len(unclear & found):
        message = "Several cells have one object number, so nothing was joined to them."
        log.add("warn", "W-TABLE-UNCLEAR", message, f"{where}: {both:,} object numbers")

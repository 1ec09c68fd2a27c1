"""From what the user pointed at to open archives, tables of cells and lists of loose files.

A `.daf` is found for each open `.cif` here, with the findings about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.archives.sources import FileSource, Source, ZipSource, readable, walk_folder
from nscweb.io.decode.rtdc_apart import RtdcApart
from nscweb.io.formats import FORMATS
from nscweb.io.formats.cif import CifCells
from nscweb.io.formats.daf import DafInfo, read_daf
from nscweb.io.formats.rtdc import RtdcCells
from nscweb.io.outlines.outline_files import HEAD, holds_outlines
from nscweb.io.pixels.cell_table import CellTable

_MOST_TOLD = 20


@dataclass
class PairedDafs:
    """What became of the `.daf` files.

    Attributes:
        paired: number of files that belong to an open `.cif`.
        notes: what is told about them.
        broken: (file, why it could not be used).
    """

    paired: int = 0
    notes: list[Finding] = field(default_factory=list)
    broken: list[tuple[str, NscwebError]] = field(default_factory=list)


def pair_dafs(
    dafs: Sequence[tuple[Path, str]],
    tables: Sequence[tuple[CellTable, str]],
    table_paths: Mapping[int, Path],
    limits: Limits,
) -> PairedDafs:
    """Give the names and populations of every `.daf` to its `.cif`: the one in its folder, or the only one so called.

    Args:
        dafs: files with their names for messages.
        tables: everything that is open.
        table_paths: `id` of a table -> its file.
    """
    result = PairedDafs()
    cifs = [table for table, _ in tables if isinstance(table, CifCells)]
    for path, name in dafs:
        try:
            info = read_daf(path, limits)
            called = [table for table in cifs if table.name.casefold() == info.file.casefold()]
            beside = [table for table in called if table_paths[id(table)].parent == path.absolute().parent]
            chosen = beside if beside else called
            if len(chosen) != 1:
                raise _without_cif(info, several=bool(chosen))
        except NscwebError as error:
            result.broken.append((name, error))
            continue
        except OSError as error:
            message = f"{path.name} cannot be opened: {error.strerror or error}."
            refused = InputRefused(message, "Check that it may be read.", "E-FILE-UNREADABLE")
            result.broken.append((name, refused))
            continue
        result.paired += 1
        result.notes += _give(info, path, name, chosen[0])
    return result


def reattach(table: CellTable, companions: Iterable[Path], limits: Limits) -> None:
    """Give a table that was opened again the populations that it had.

    Raises:
        InputRefused, LimitExceeded: a `.daf` cannot be read any more.
    """
    for path in companions:
        if isinstance(table, CifCells):
            table.attach(_usable(read_daf(path, limits), table), path)


def _usable(info: DafInfo, table: CifCells) -> DafInfo:
    """Without its populations, when their object numbers are of another file."""
    count = table.cells if table.claimed is None else table.claimed
    if info.objects in (None, count):
        return info
    # Another acquisition may have had its lamp in another channel, so what the .cif itself says goes first.
    brightfield = None if table.brightfield else info.brightfield
    return DafInfo(info.file, info.objects, info.channels, brightfield, {})


def _give(info: DafInfo, path: Path, name: str, table: CifCells) -> list[Finding]:
    usable = _usable(info, table)
    table.attach(usable, path.absolute())
    notes = []
    if info.channels:
        message = "The .daf names the channels of its .cif; here they keep their numbers."
        notes.append(Finding("note", "N-DAF-CHANNELS", message, f"{name}: {_channels(info)}"))
    if usable is not info and info.populations:
        message = (
            "The .daf is of another number of objects than its .cif, so its populations were not taken, and its "
            "brightfield channel only where the .cif names none."
        )
        notes.append(Finding("warn", "W-DAF-COUNT", message, f"{name}: {info.objects:,}"))
        return notes
    known, gated = info.names(known=True), info.names(known=False)
    if known:
        message = "The populations of the .daf whose cells are listed were taken."
        notes.append(Finding("note", "N-DAF-POPULATIONS", message, f"{name}: {_list(known)}"))
    if gated:
        message = (
            "Populations that are defined by a gate cannot be read from the .daf alone; export them from IDEAS as "
            ".pop files."
        )
        notes.append(Finding("note", "N-DAF-GATED", message, f"{name}: {_list(gated)}"))
    return notes


def _without_cif(info: DafInfo, several: bool) -> InputRefused:
    there = "there are several" if several else "which is not among the files"
    parts = [f"channels {_channels(info)}"] if info.channels else []
    parts += [f"populations {_list(tuple(info.populations))}"] if info.populations else []
    return InputRefused(
        f"A .daf holds no pixels; this one belongs to {info.file}, {there}"
        + (f" ({'; '.join(parts)})." if parts else "."),
        "Import the .cif together with it, in the same folder.",
        "E-DAF-NO-CIF",
    )


def _channels(info: DafInfo) -> str:
    return _list(tuple(f"Ch{number} {name}" for number, name in info.channels.items()))


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_TOLD:,} more" if len(names) > _MOST_TOLD else ""
    return ", ".join(names[:_MOST_TOLD]) + more


# Label, and so the sample's name, of images that lie loose and name none themselves.
LOOSE_LABEL = "images"
# HDF5 never runs in this process (see `rtdc_apart`).
_APART: dict[Any, Callable[[Path, Limits], CellTable]] = {RtdcCells: RtdcApart}
_TABLES: dict[str, Callable[[Path, Limits], CellTable]] = {
    suffix: _APART.get(entry.open_table, entry.open_table)
    for entry in FORMATS
    if entry.open_table
    for suffix in entry.suffixes
}


@dataclass
class Opened:
    """Everything that is open for reading.

    Attributes:
        sources: zips and folders of images.
        tables: files that hold many cells (`.npz`, `.cif`...) with the name for their sample.
        table_paths: `id` of an open table -> its file, so that another process can open it too.
        broken: (file, why it could not be opened), for those that were not alone.
        dafs: `.daf` files with their names for messages.
        paired: how many of them belong to one of the tables.
        notes: what tables and `.daf` files have to tell.
    """

    sources: list[Source] = field(default_factory=list)
    tables: list[tuple[CellTable, str]] = field(default_factory=list)
    table_paths: dict[int, Path] = field(default_factory=dict)
    broken: list[tuple[str, NscwebError]] = field(default_factory=list)
    dafs: list[tuple[Path, str]] = field(default_factory=list)
    paired: int = 0
    notes: list[Finding] = field(default_factory=list)


def open_paths(
    paths: Sequence[Path], limits: Limits, stack: ExitStack, cancel: CancelAsked, with_folder: bool = False
) -> Opened:
    """Open every path; `stack` closes what was opened.

    Args:
        with_folder: keep the name of its folder before the name of a single file.

    Raises:
        InputRefused: a path that does not exist, or the only file cannot be read.
        LimitExceeded: the only file is over a limit.
    """
    opened = Opened()
    loose: list[tuple[Path, str]] = []
    for path in paths:
        stop_if_asked(cancel)
        if not path.exists():
            raise InputRefused(f"There is no file or folder {path}.", "Check the path.", "E-FILE-MISSING")
        if path.is_dir():
            files = [
                (file, name) for file, name in walk_folder(path) if not _open_one(opened, file, name, limits, stack)
            ]
            opened.sources.append(FileSource(files, path.resolve().name, limits))
        elif not _open_one(opened, path, path.name, limits, stack):
            folder = path.resolve().parent.name
            loose.append((path, readable(f"{folder}/{path.name}" if with_folder and folder else path.name)))
    if loose:
        opened.sources.append(FileSource(loose, LOOSE_LABEL, limits, chosen=True))
    for source in opened.sources if len(opened.sources) > 1 else ():
        # The same path may be in two zips or two folders; a place has to say which one.
        if isinstance(source, ZipSource):
            source.prefix = f"{source.path.name}/"
        elif isinstance(source, FileSource) and not source.chosen:
            source.prefix = f"{source.label}/"
    for table, _ in opened.tables:
        opened.notes += getattr(table, "notes", ())
    pairs = pair_dafs(opened.dafs, opened.tables, opened.table_paths, limits)
    opened.paired, opened.notes = pairs.paired, opened.notes + pairs.notes
    opened.broken += pairs.broken
    if opened.broken and not opened.sources and not opened.tables and len(paths) == 1:
        raise opened.broken[0][1]
    return opened


def open_table(path: Path, limits: Limits, companions: Sequence[Path] = ()) -> CellTable:
    """A file with many cells, for a process that knows that it is one.

    Args:
        companions: `.daf` files that were found for it before.

    Raises:
        InputRefused, LimitExceeded: it cannot be read any more.
    """
    try:
        table: CellTable = _TABLES[path.suffix.lower()](path, limits)
        try:
            reattach(table, companions, limits)
        except BaseException:
            table.close()
            raise
        return table
    except OSError as error:
        message = "The file cannot be opened any more."
        raise InputRefused(message, "Check that it is still there.", "E-FILE-UNREADABLE") from error


def _open_one(opened: Opened, path: Path, name: str, limits: Limits, stack: ExitStack) -> bool:
    """True when the file is an archive or a table, readable or not, or a `.daf`; False for any other file."""
    suffix = path.suffix.lower()
    if suffix == ".daf" and not path.name.startswith("."):
        opened.dafs.append((path, name))
        return True
    opener = _TABLES.get(suffix)
    if (suffix != ".zip" and opener is None) or path.name.startswith("."):
        return False
    if suffix == ".zip" and _holds_rois(path):
        return False
    try:
        if opener is not None:
            table: CellTable = opener(path, limits)
            stack.callback(table.close)
            opened.tables.append((table, path.stem))
            opened.table_paths[id(table)] = path.absolute()
        else:
            source = ZipSource(path, limits)
            stack.callback(source.close)
            opened.sources.append(source)
    except NscwebError as error:
        opened.broken.append((name, error))
    except OSError as error:
        message = f"{path.name} cannot be opened: {error.strerror or error}."
        opened.broken.append((name, InputRefused(message, "Check that it may be read.", "E-FILE-UNREADABLE")))
    return True


def _holds_rois(path: Path) -> bool:
    """True for a zip of ImageJ outlines, which is a file beside images and no archive of them."""
    try:
        with path.open("rb") as stream:
            return holds_outlines(path.name, stream.read(HEAD))
    except OSError:
        return False

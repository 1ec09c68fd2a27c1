"""From what the user pointed at to open archives, tables of cells and lists of loose files."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding
from nscweb.core.limits import Limits
from nscweb.core.progress import CancelAsked, stop_if_asked
from nscweb.io.cell_table import CellTable
from nscweb.io.daf_pairing import pair_dafs, reattach
from nscweb.io.formats import FORMATS
from nscweb.io.sources import FileSource, Source, ZipSource, readable, walk_folder

# Label, and so the sample's name, of images that lie loose and name none themselves.
LOOSE_LABEL = "images"
_TABLES = {suffix: entry.open_table for entry in FORMATS if entry.open_table for suffix in entry.suffixes}


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

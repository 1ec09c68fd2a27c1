"""Which `.daf` belongs to which open `.cif`, and what is told about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nscweb.core.errors import InputRefused, NscwebError
from nscweb.core.findings import Finding
from nscweb.core.limits import Limits
from nscweb.io.cell_table import CellTable
from nscweb.io.formats.cif import CifCells
from nscweb.io.formats.daf import DafInfo, read_daf

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

"""What a file with many cells offers, told alike by `.npz`, `.cif`, `.rif`, HDF5 and montages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits


class CellTable(Protocol):
    """Many cells in one file, opened once and read in rows; opening reads an index and no pixels.

    Attributes:
        name: of the file, for messages.
        groups: class or sample name ("" for one sample named after the file) -> row numbers of its cells.
        channels: names in the order of the file.
        cells: number of rows.
        brightfield: the channel that the file itself calls brightfield, "" when it does not say.
        pixel_size_um: micrometres per pixel when the file says so, else None; never assumed.
        has_masks: cells come with a mask for each channel.
        labelled: the names of `groups` are true classes.

    A table may have `notes` too: findings about the file that were made on opening.
    """

    name: str
    groups: Mapping[str, NDArray[Any]]
    channels: tuple[str, ...]
    cells: int
    brightfield: str
    pixel_size_um: float | None
    has_masks: bool
    labelled: bool

    def where(self, row: int) -> str:
        """The row as a finding names it, such as ``day3.cif object 17``."""

    def read(
        self, rows: Sequence[int], channels: Sequence[str], limits: Limits, log: FindingLog
    ) -> Iterator[tuple[int, CellImage | NscwebError]]:
        """(row, cell or why it cannot be had) for each of the rows (ascending), one at a time.

        The cell has the channels asked for in that order, leaving out those it does not have. Each plane has
        been looked at by `io.pixels.pixel_policy.check_plane`. An error that is raised, and not given, ends the file:
        the rows that are left are skipped with its reason.
        """

    def close(self) -> None:
        """Let go of the file."""

"""A short look at a few images of a survey: is it brightfield, simulated, several planes in one file?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from nscweb.core.cells import CellImage
from nscweb.core.errors import NscwebError
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.archives.sources import Source
from nscweb.io.decode.sandbox import decode_apart
from nscweb.io.pixels.cell_table import CellTable
from nscweb.io.pixels.image_pages import Pixels
from nscweb.io.pixels.pixel_size import Source as SizeSource
from nscweb.io.pixels.pixel_size import pixel_size
from nscweb.io.survey.cell_index import FileRows

_IMAGES_PER_CHANNEL = 8
_IMAGES_PER_SAMPLE = 2


@dataclass
class Peek:
    """What was seen at the first cells.

    Attributes:
        images: a few (h, w) per channel.
        simulated: a file says that nscweb simulated it.
        named_brightfield: channel that a file itself calls brightfield, "" when none does.
        pixel_sizes_um: micrometres per pixel that files give, by how sure they are (see `PixelSize`).
    """

    images: dict[str, list[Pixels]] = field(default_factory=dict)
    simulated: bool = False
    named_brightfield: str = ""
    pixel_sizes_um: dict[SizeSource, set[float]] = field(default_factory=dict)

    @property
    def pixel_size_um(self) -> float | None:
        """Micrometres per pixel, when every file that says so says the same."""
        order: tuple[SizeSource, ...] = ("sure", "resolution")
        for source in order:
            sizes = self.pixel_sizes_um.get(source, set())
            if sizes:
                return min(sizes) if _agree(sizes) else None
        return None

    @property
    def offered_pixel_size_um(self) -> float | None:
        """A guess that somebody must confirm, where nothing better is known."""
        sizes = self.pixel_sizes_um.get("nis", set())
        return next(iter(sizes)) if len(sizes) == 1 and self.pixel_size_um is None else None

    def tell_pixel_size(self, log: FindingLog) -> None:
        """What is doubtful about the pixel size."""
        sure, printed = self.pixel_sizes_um.get("sure", set()), self.pixel_sizes_um.get("resolution", set())
        several = sure if sure else printed
        if not _agree(several):
            shown = ", ".join(f"{size:g}" for size in sorted(several)[:5])
            message = f"The files give different pixel sizes ({shown} micrometres), so none was taken."
            log.add("warn", "W-PIXEL-DIFFER", message)
        elif printed and not sure:
            message = (
                f"A pixel size of {min(printed):g} micrometres was taken from the resolution of the TIFF files, "
                "which some programs fill in without knowing it. Change it on the page Study if it is wrong."
            )
            log.add("warn", "W-PIXEL-RESOLUTION", message)
        offered = self.offered_pixel_size_um
        if offered is not None:
            message = (
                f"The files may say that a pixel has {offered:g} micrometres (a private value of NIS-Elements, whose "
                "meaning is a guess). It was not taken; enter it on the page Study if it is right."
            )
            log.add("note", "N-PIXEL-OFFERED", message)


def _agree(sizes: set[float]) -> bool:
    """Sizes that differ by their last digits only."""
    return not sizes or max(sizes) <= 1.001 * min(sizes)


def peek_at(
    peek: Peek, rows: FileRows, sources: Sequence[Source], channels: Sequence[str], limits: Limits
) -> tuple[str, ...] | None:
    """Look at the first cells of a sample; names of the planes when its files hold several channels each."""
    planes: tuple[str, ...] | None = None
    one_channel = len(np.unique(rows.channel)) == 1
    for position in np.unique(rows.channel).tolist():
        seen = peek.images.setdefault(channels[position], [])
        if len(seen) >= _IMAGES_PER_CHANNEL and not one_channel:
            continue
        for row in np.flatnonzero(rows.channel == position)[:_IMAGES_PER_SAMPLE].tolist():
            source, member = sources[int(rows.source[row])], int(rows.member[row])
            try:
                data = source.read(member)
                pages = decode_apart(data, source.name(member), limits, FindingLog())
                size = pixel_size(data)
                if size is not None:
                    peek.pixel_sizes_um.setdefault(size.source, set()).add(size.um)
                peek.simulated |= pages.simulated
                if one_channel and pages.kind in ("channels", "pages"):
                    planes = pages.names
                    for plane, name in enumerate(pages.names[:16]):
                        peek.images.setdefault(name, []).append(pages.load(plane))
                    break
                seen.append(pages.load(0))
            except (NscwebError, MemoryError):
                continue  # told when the cell is read
            if len(seen) >= _IMAGES_PER_CHANNEL:
                break
    return planes


def peek_at_table(peek: Peek, table: CellTable, limits: Limits) -> None:
    """Look at the first cells of a table with several channels."""
    if table.pixel_size_um:
        peek.pixel_sizes_um.setdefault("sure", set()).add(table.pixel_size_um)
    if table.brightfield:
        peek.named_brightfield = peek.named_brightfield or table.brightfield
    if len(table.channels) < 2:
        return
    try:
        for _, cell in table.read(range(min(_IMAGES_PER_SAMPLE, table.cells)), table.channels, limits, FindingLog()):
            if isinstance(cell, CellImage):
                for name, plane in zip(cell.channels, cell.pixels, strict=True):
                    peek.images.setdefault(name, []).append(plane)
    except NscwebError:
        return  # told when the cells are read

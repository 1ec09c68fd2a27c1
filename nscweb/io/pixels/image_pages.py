"""What an image file holds, told alike by every format: one plane, or several with names and a meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.pixels.cell_table import CellTable

Pixels = NDArray[Any]
Kind = Literal["one", "channels", "pages", "z", "t"]


@dataclass(frozen=True)
class ImagePages:
    """The planes of one image file; each is decoded only when it is asked for.

    Attributes:
        names: of the planes; ``("",)`` for a file of one plane.
        kind: ``one``; ``channels`` (the file says so); ``pages`` (it does not say what they are);
            ``z`` focus planes; ``t`` time points.
        load: plane number -> (h, w) pixels at native depth; raises InputRefused when it is damaged.
        simulated: the file says that nscweb simulated it.
    """

    names: tuple[str, ...]
    kind: Kind
    load: Callable[[int], Pixels]
    simulated: bool = False

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def single(cls, pixels: Pixels, simulated: bool = False) -> ImagePages:
        """A file of one plane (h, w)."""
        return cls(("",), "one", lambda _: pixels, simulated)


class ReadImage(Protocol):
    """Decode a file held in memory. Raises InputRefused or LimitExceeded with a sentence and a code."""

    def __call__(self, data: bytes, where: str, limits: Limits, log: FindingLog) -> ImagePages: ...


@dataclass(frozen=True)
class Format:
    """One line of the table FORMATS.

    Attributes:
        name: as a biologist calls it.
        suffixes: in lower case with their dot.
        sniff: True when the first bytes of a file are of this format.
        read: image files: bytes to planes. None for tables of cells.
        open_table: files that hold many cells. None for images.
    """

    name: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: ReadImage | None = None
    open_table: Callable[[Path, Limits], CellTable] | None = None

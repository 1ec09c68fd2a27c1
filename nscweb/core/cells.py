"""One cell as it came out of the instrument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class CellImage:
    """The images of one cell at native depth and size.

    Attributes:
        object_number: as the instrument software numbered it; unique within a sample unless `source` differs.
        channels: names in the order of `pixels`, e.g. ``("Ch1", "Ch2")``.
        pixels: (C, h, w), unsigned or signed integers or floats, as stored in the file.
        source: file or zip member of the first channel, for the reader of a report.
    """

    object_number: int
    channels: tuple[str, ...]
    pixels: Pixels
    source: str = ""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[0] != len(self.channels):
            raise ValueError(f"pixels {self.pixels.shape} do not fit {len(self.channels)} channels")

    @property
    def frame(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])

    def channel(self, name: str) -> Pixels:
        """(h, w) pixels of one channel; KeyError when the cell has none of that name."""
        if name not in self.channels:
            raise KeyError(name)
        return np.asarray(self.pixels[self.channels.index(name)])

"""One cell as it came out of the instrument."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
        masks: (C, h, w) of bool, True inside the cell, where the file has masks; else None.
        tags: populations that somebody put the cell into by hand, e.g. gates drawn in IDEAS.
        values: further columns of the cell, such as features that the instrument's software measured.
    """

    object_number: int
    channels: tuple[str, ...]
    pixels: Pixels
    source: str = ""
    masks: NDArray[np.bool_] | None = None
    tags: tuple[str, ...] = ()
    values: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[0] != len(self.channels):
            raise ValueError(f"pixels {self.pixels.shape} do not fit {len(self.channels)} channels")
        if self.masks is not None and self.masks.shape != self.pixels.shape:
            raise ValueError(f"masks {self.masks.shape} do not fit pixels {self.pixels.shape}")

    @property
    def frame(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])

    def channel(self, name: str) -> Pixels:
        """(h, w) pixels of one channel; KeyError when the cell has none of that name."""
        if name not in self.channels:
            raise KeyError(name)
        return np.asarray(self.pixels[self.channels.index(name)])

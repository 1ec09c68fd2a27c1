"""How cells are found in a whole field of view: settings as data, checked when they are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from nscweb.core.errors import WrongUse
from nscweb.core.plain import REFUSE_UNKNOWN, Whole, YesNo

ThresholdMethod = Literal["noise", "otsu", "triangle", "learnt"]
METHODS: tuple[ThresholdMethod, ...] = get_args(ThresholdMethod)
MendingKind = Literal["delete", "merge", "split"]
# Points that a mending needs at least.
_POINTS: dict[MendingKind, int] = {"delete": 1, "merge": 2, "split": 3}

# Pixel size that defaults stand for where nobody said one: a 20x objective on a common camera, in micrometres.
USUAL_PIXEL_UM = 0.5
# Areas of single adherent cells, in square micrometres: debris below, clumps and colonies above.
_CELL_AREA_UM2 = (40.0, 2000.0)
_COLONY_AREA_UM2 = (2_000.0, 1_000_000.0)
# Usual diameter of a flat, branched cell for the learnt method.
_CELL_UM = 45.0
_MOST_PX = 4096
_WORDS = {
    "background_radius": "The background radius",
    "min_area": "The smallest area",
    "max_area": "The largest area",
    "margin": "The margin",
    "cell_px": "The diameter of a cell",
    "smoothing": "The smoothing",
    "threshold": "The threshold",
    "split_strength": "The strength of splitting",
}


@dataclass(frozen=True)
class Mending:
    """One change that a person made to the outlines of a field.

    Outlines are pointed at by a place inside them, so that they are found again whatever their numbers are.

    Attributes:
        field: file of the field.
        kind: ``delete`` the outlines at the points, ``merge`` them into one, or ``split`` the one at the first point
            along the line from the second point to the third.
        at: (x, y) of the points in pixels of the field.
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    field: str
    kind: MendingKind
    at: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if self.kind not in _POINTS or len(self.at) < _POINTS[self.kind]:
            raise _wrong("An outline is mended by delete, merge (two points) or split (three points).")


@dataclass(frozen=True)
class SegmentationSettings:
    """What counts as a cell in a field of view. Lengths are pixels, areas square pixels.

    Attributes:
        background_radius: light that changes over more than this is taken for uneven illumination and removed;
            an object must be smaller (`least_background_radius`). 0 leaves the light as it is.
        smoothing: standard deviation of the blur against grain.
        method: ``noise`` compares with the grain of the background; ``otsu`` and ``triangle`` set the threshold
            by the histogram of the field, and never below twice the grain; ``learnt`` asks a network that knows
            adherent cells in phase contrast, and takes neither light, smoothing nor threshold.
        threshold: times the grain (``noise``), or times the threshold of the histogram. Higher finds less.
        min_area, max_area: smaller is debris, larger is a clump.
        split: part cells that touch.
        split_strength: 0..1; 1 cuts at the slightest waist.
        margin: pixels of the surroundings kept around each cell.
        drop_border: leave out cells that the border of the field cuts.
        cell_px: usual diameter of a cell for the learnt method, which brings the field to the size that it knows.
        mendings: what a person changed in the outlines that were found, in this order.
    """

    __pydantic_config__ = REFUSE_UNKNOWN
    background_radius: Whole = 96
    smoothing: float = 1.0
    method: ThresholdMethod = "noise"
    threshold: float = 3.0
    min_area: Whole = 160
    max_area: Whole = 8000
    split: YesNo = True
    split_strength: float = 0.7
    margin: Whole = 6
    drop_border: YesNo = True
    cell_px: Whole = 56
    mendings: tuple[Mending, ...] = ()

    def mendings_of(self, field: str) -> tuple[Mending, ...]:
        """Those of one field, by its file."""
        return tuple(mending for mending in self.mendings if mending.field == field)

    def __post_init__(self) -> None:
        for name in ("background_radius", "min_area", "max_area", "margin", "cell_px"):
            if not isinstance(getattr(self, name), int) or isinstance(getattr(self, name), bool):
                raise _wrong(f"{_WORDS[name]} must be a whole number.")
        for name in ("smoothing", "threshold", "split_strength"):
            if not math.isfinite(getattr(self, name)):
                raise _wrong(f"{_WORDS[name]} must be a number.")
        if not 0 <= self.background_radius <= _MOST_PX:
            raise _wrong(f"The background radius lies between 0 (off) and {_MOST_PX:,} pixels.")
        if not 0 <= self.smoothing <= 20:
            raise _wrong("The smoothing lies between 0 and 20 pixels.")
        if self.method not in METHODS:
            raise _wrong(f"The threshold is set by one of {', '.join(METHODS)}, not {self.method!r}.")
        if not 0.1 <= self.threshold <= 100:
            raise _wrong("The threshold lies between 0.1 and 100.")
        if not 4 <= self.cell_px <= 1000:
            raise _wrong("The diameter of a cell lies between 4 and 1,000 pixels.")
        if self.min_area < 1:
            raise _wrong("The smallest area is at least 1 pixel.")
        if self.max_area <= self.min_area:
            raise _wrong("The largest area must be above the smallest area.")
        if not 0 <= self.split_strength <= 1:
            raise _wrong("The strength of splitting lies between 0 and 1.")
        if not 0 <= self.margin <= 500:
            raise _wrong("The margin around a cell lies between 0 and 500 pixels.")
        if 0 < self.background_radius < least_background_radius(self.max_area):
            raise _wrong(
                f"A background radius of {self.background_radius} pixels would take objects of up to "
                f"{self.max_area:,} square pixels for background.",
                f"Set it to {least_background_radius(self.max_area)} pixels or more, or to 0 where the light is "
                "even, or lower the largest area.",
            )

    @classmethod
    def suggested(cls, pixel_size_um: float | None = None, *, colonies: bool = False) -> SegmentationSettings:
        """Settings to start from: single adherent cells, or whole colonies, seen at a pixel size in µm."""
        size = pixel_size_um or USUAL_PIXEL_UM
        low, high = (max(4, round(area / size**2)) for area in (_COLONY_AREA_UM2 if colonies else _CELL_AREA_UM2))
        high = max(high, low + 1)
        return cls(
            background_radius=min(_MOST_PX, max(16, math.ceil(1.5 * least_background_radius(high)))),
            min_area=low,
            max_area=high,
            split=not colonies,
            margin=min(500, max(2, round((10.0 if colonies else 3.0) / size))),
            cell_px=min(1000, max(8, round(_CELL_UM / size))) if pixel_size_um else cls.cell_px,
        )


def least_background_radius(max_area: Whole) -> int:
    """The window of the background (side 2 radius) must be twice as large as any object, in pixels."""
    return math.ceil(math.sqrt(max_area / 2))


def _wrong(what: str, todo: str = "") -> WrongUse:
    return WrongUse(f"Cells cannot be found with these settings: {what}", todo, "E-FIELD-SETTINGS")

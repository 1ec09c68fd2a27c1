"""What a model card asks to be done with a cell image before the network sees it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from nscweb.core.errors import CardInvalid
from nscweb.core.plain import from_plain, to_plain

Background = Literal["none", "border-median"]
Contrast = Literal["none", "deviation"]
Interpolation = Literal["area", "linear"]
_WHAT = "The recipe in the model card"
# Defaults are for code; a card states these, and later steps only where they are on.
_STATED = ("channels", "background", "contrast", "resize")
_LATER = ("crop_to_object", "clahe", "pixel_size_um")


@dataclass(frozen=True)
class InputRecipe:
    """Preprocessing as data. Steps run in the order of the attributes.

    Attributes:
        channels: what each input plane is: ``("brightfield",)`` or channel names such as ``("Ch2", "Ch3")``.
        crop_to_object: pixels of surroundings kept around the bounding box of the object, which then stands in the
            middle of the frame; None keeps the frame as it is. A frame in which no object is found is kept too.
        clahe: (clip limit, tiles along a side) of contrast-limited adaptive histogram equalisation, which
            Zamani et al. 2022 do after cropping and before resizing; None leaves the contrast. Grey values are
            stretched to 8 bit first, so the depth of the camera plays no part.
        background: ``border-median`` subtracts the median of the outermost pixels of the frame, per cell and
            channel, so that illumination level, which is confounded with class in real sets, cannot be used.
        field_px: (height, width) of the field kept by centred pad or crop, never by stretching, because frame
            size leaks class; padding is background. None keeps the whole frame (published recipe).
        field_um: the same in micrometres for studies whose pixel size is known.
            At most one of `field_px` and `field_um` may be given.
        contrast: ``deviation`` divides by the standard deviation in the field, so that gain cannot be used.
        resize: (height, width) of the network input.
        interpolation: of the resize.
        divide_by: constant divisor after resizing (255 in Zhu et al. 2021; 1 when contrast is normalised).
            Deeper images are brought to the range 0..255 first when it is 255.
        clip: (low, high) after scaling, or None.
        pixel_size_um: micrometres per pixel of the training images; images of another pixel size are brought to it
            before everything else, where their own is known. None where it is not known, and for a field in
            micrometres, which does the same.
    """

    channels: tuple[str, ...] = ("brightfield",)
    crop_to_object: int | None = None
    clahe: tuple[float, int] | None = None
    background: Background = "border-median"
    field_px: tuple[int, int] | None = None
    field_um: tuple[float, float] | None = None
    contrast: Contrast = "deviation"
    resize: tuple[int, int] = (48, 48)
    interpolation: Interpolation = "area"
    divide_by: float = 1.0
    clip: tuple[float, float] | None = None
    pixel_size_um: float | None = None

    def __post_init__(self) -> None:
        if not self.channels:
            raise CardInvalid("The recipe names no input channel.")
        if self.field_px is not None and self.field_um is not None:
            raise CardInvalid("The recipe gives the field both in pixels and in micrometres; keep one.")
        if min(self.resize) < 8 or max(self.resize) > 1024:
            raise CardInvalid(f"The recipe asks for an input of {self.resize} pixels; 8 to 1024 are possible.")
        if not self.divide_by > 0:
            raise CardInvalid("The recipe divides by a number that is not positive.")
        if self.interpolation not in ("area", "linear"):
            raise CardInvalid(f"The recipe names an interpolation that does not exist: {self.interpolation!r}.")
        field = self.field_px or self.field_um
        if field is not None and not min(field) > 0:
            raise CardInvalid("The recipe asks for a field without extent.")
        if self.clip is not None and not self.clip[0] < self.clip[1]:
            raise CardInvalid("The recipe clips to a range whose low end is not below its high end.")
        if self.pixel_size_um is not None and not (math.isfinite(self.pixel_size_um) and self.pixel_size_um > 0):
            raise CardInvalid("The recipe gives a pixel size that is not a positive number of micrometres.")
        if self.crop_to_object is not None and not 0 <= self.crop_to_object <= 1024:
            raise CardInvalid("The recipe crops to the object with a margin that is not 0 to 1024 pixels.")
        if self.clahe is not None and not (
            math.isfinite(self.clahe[0]) and self.clahe[0] > 0 and 1 <= self.clahe[1] <= 64
        ):
            raise CardInvalid(
                "The recipe equalises contrast (CLAHE) with a clip limit that is not above 0, or with a grid that is "
                "not 1 to 64 tiles along a side."
            )
        if self.background not in ("none", "border-median") or self.contrast not in ("none", "deviation"):
            raise CardInvalid("The recipe names a background or contrast step that does not exist.")

    def as_dict(self) -> dict[str, Any]:
        # Steps that are off are not written, so cards that were made before there were any stay as they are.
        kept = to_plain(self)
        return {name: value for name, value in kept.items() if value is not None or name not in _LATER}

    @classmethod
    def from_dict(cls, data: object) -> InputRecipe:
        """Inverse of `as_dict`; CardInvalid with a sentence when a field is missing or makes no sense."""
        missing = [name for name in _STATED if isinstance(data, dict) and name not in data]
        if missing:
            raise CardInvalid(f"{_WHAT} cannot be read: {missing[0]} is missing.")
        return from_plain(cls, data, _WHAT, CardInvalid)

"""Whole fields of view as an import sees them: how to cut, and what is said when nothing is found."""

from __future__ import annotations

from dataclasses import dataclass

from nscweb.core.errors import InputRefused
from nscweb.core.field_settings import SegmentationSettings

# Begins the step of a job that reads fields, so that pages count fields and not cells.
FIELD_STEP = "Finding cells in the fields of"


@dataclass(frozen=True)
class FieldCut:
    """How cells are cut out of fields; can be handed to another process.

    Attributes:
        settings: how they are found.
        pixel_size_um: micrometres per pixel, None when not known.
    """

    settings: SegmentationSettings
    pixel_size_um: float | None = None


def nothing_found(images: int) -> InputRefused:
    """The error for fields without a single cell."""
    return InputRefused(
        f"No cell was found in any of the {images:,} images that were searched as whole fields of view.",
        "Look at the preview, lower the threshold or the smallest area, and import again.",
        "E-FIELD-EMPTY",
    )

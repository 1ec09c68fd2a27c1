"""Is an image a whole field of view? Asked before anybody said so, of images that came in as single cells."""

from __future__ import annotations

from nscweb.core.field_settings import SegmentationSettings
from nscweb.preprocess.pixel_steps import Array
from nscweb.preprocess.segmentation import segment_field

# Smaller frames are judged by the objects that stand out from their border; larger ones are often lit unevenly,
# and then nothing does.
LEAST_SIDE = 160
# A large picture of one cell comes apart into pieces: fewer than this where the cells of a flow cytometer are drawn
# four times too large, more from about 500 pixels a side on. Who has such is asked once in vain.
_LEAST_CELLS = 8
_MOST_SIDE = 1024


def looks_like_field(pixels: Array) -> bool:
    """Whether an image (h, w) of any depth shows many cells, by a search in its middle as in whole fields."""
    height, width = pixels.shape
    if min(height, width) < LEAST_SIDE:
        return False
    top, left = max(0, (height - _MOST_SIDE) // 2), max(0, (width - _MOST_SIDE) // 2)
    middle = pixels[top : top + _MOST_SIDE, left : left + _MOST_SIDE]
    return int(segment_field(middle, SegmentationSettings.suggested(None)).max(initial=0)) >= _LEAST_CELLS
